#include "process/charged_memory.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace plimsoll::cli {
namespace {

class ChargedMemoryTest : public ::testing::Test {
 protected:
  using Refusal = ChargedMemory::Refusal;

  Gate gate_;
  std::unique_ptr<Os> os_ = make_os(gate_);
  Ledger ledger_{"cpu", mib(8)};
  ChargedMemory memory_{*os_, ledger_, MemoryTag::io};
};

TEST_F(ChargedMemoryTest, IsOnTheLedgerWhileItLives) {
  {
    std::pmr::vector<int> numbers(1000, 7, &memory_);
    EXPECT_EQ(memory_.held(), kib(4));
    EXPECT_EQ(ledger_.current(MemoryTag::io), kib(4));
    for (int i = 0; i < 100'000; ++i) numbers.push_back(i);
    EXPECT_EQ(numbers[999], 7);
    EXPECT_EQ(numbers.back(), 99'999);
    EXPECT_EQ(ledger_.current(), memory_.held());
    EXPECT_LT(memory_.held(), mib(1)) << "what it grew out of is given back";
  }
  EXPECT_EQ(memory_.held(), Bytes{0});
  EXPECT_EQ(ledger_.current(), Bytes{0});
  EXPECT_EQ(memory_.refusal(), Refusal::none);
}

TEST_F(ChargedMemoryTest, RefusesWhatTheLedgerOrTheAllowanceDoesNotHold) {
  EXPECT_THROW(std::pmr::string(mib(9).count, 'x', &memory_), std::bad_alloc);
  EXPECT_EQ(memory_.refusal(), Refusal::room);
  memory_.allow(mib(2));
  EXPECT_EQ(memory_.refusal(), Refusal::none);
  {
    const std::pmr::string some(mib(1).count, 'x', &memory_);
    EXPECT_THROW(std::pmr::string(mib(1).count, 'x', &memory_), std::bad_alloc);
    EXPECT_EQ(memory_.refusal(), Refusal::room);
  }
  EXPECT_EQ(ledger_.current(), Bytes{0});
}

TEST_F(ChargedMemoryTest, RefusesWhatTheSystemRefuses) {
  gate_.refuse({1, false, static_cast<int>(Acquisition::host_memory)});
  EXPECT_THROW(std::pmr::string(100, 'x', &memory_), std::bad_alloc);
  EXPECT_EQ(memory_.refusal(), Refusal::system);
  EXPECT_EQ(ledger_.current(), Bytes{0});
  EXPECT_EQ(std::pmr::string(100, 'x', &memory_).size(), 100U);
}

}  // namespace
}  // namespace plimsoll::cli
