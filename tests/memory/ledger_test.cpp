#include "memory/ledger.h"

#include <gtest/gtest.h>
#include <limits>
#include <thread>
#include <vector>

namespace plimsoll {
namespace {

TEST(Ledger, CountsByTagAndRemembersPeaks) {
  Ledger ledger("cpu", mib(10));
  ASSERT_TRUE(ledger.charge(MemoryTag::weights, mib(6)).ok());
  ASSERT_TRUE(ledger.charge(MemoryTag::io, mib(4)).ok());
  ledger.release(MemoryTag::weights, mib(5));
  ASSERT_TRUE(ledger.charge(MemoryTag::io, mib(1)).ok());

  EXPECT_EQ(ledger.current(), mib(6));
  EXPECT_EQ(ledger.current(MemoryTag::weights), mib(1));
  EXPECT_EQ(ledger.current(MemoryTag::io), mib(5));
  EXPECT_EQ(ledger.peak(), mib(10));
  TagBytes peaks{};
  peaks[static_cast<std::size_t>(MemoryTag::weights)] = mib(6);
  peaks[static_cast<std::size_t>(MemoryTag::io)] = mib(5);
  EXPECT_EQ(ledger.peak_by_tag(), peaks);
}

TEST(Ledger, AdmitsExactlyTheLimitAndRefusesOneByteMore) {
  Ledger ledger("cpu", mib(1));
  ASSERT_TRUE(ledger.charge(MemoryTag::staging, mib(1)).ok());
  const Status refused = ledger.charge(MemoryTag::activations, Bytes{1});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::out_of_memory);
  ASSERT_TRUE(refused.error().memory.has_value());
  EXPECT_EQ(refused.error().memory->requested, Bytes{1});
  EXPECT_EQ(refused.error().memory->free, Bytes{0});
  EXPECT_EQ(refused.error().memory->limit, mib(1));
  EXPECT_EQ(refused.error().memory->device, "cpu");
  EXPECT_EQ(ledger.current(), mib(1));
  EXPECT_EQ(ledger.current(MemoryTag::activations), Bytes{0});
}

TEST(Ledger, IsNotWrappedAroundByHugeCharges) {
  Ledger ledger("cpu", Bytes{std::numeric_limits<std::uint64_t>::max()});
  ASSERT_TRUE(ledger.charge(MemoryTag::weights, mib(1)).ok());
  EXPECT_FALSE(ledger.charge(MemoryTag::weights, Bytes{std::numeric_limits<std::uint64_t>::max()}).ok());
  EXPECT_EQ(ledger.current(), mib(1));
}

TEST(Ledger, OfMoreThanATagHasAllThatItHasIsReleased) {
  Ledger ledger("cpu", mib(2));
  ASSERT_TRUE(ledger.charge(MemoryTag::weights, mib(1)).ok());
  ASSERT_TRUE(ledger.charge(MemoryTag::io, kib(1)).ok());
  ledger.release(MemoryTag::io, kib(2));
  EXPECT_EQ(ledger.current(MemoryTag::io), Bytes{});
  EXPECT_EQ(ledger.current(), mib(1));
}

TEST(Ledger, RefusesEverythingWhileTheLimitIsBelowWhatIsHeld) {
  Ledger ledger("cpu", mib(2));
  ASSERT_TRUE(ledger.charge(MemoryTag::weights, mib(2)).ok());
  ledger.set_limit(mib(1));
  EXPECT_FALSE(ledger.charge(MemoryTag::io, Bytes{1}).ok());
  ledger.release(MemoryTag::weights, mib(2));
  EXPECT_TRUE(ledger.charge(MemoryTag::io, mib(1)).ok());
}

TEST(Ledger, NeverExceedsItsLimitWithSeveralThreads) {
  Ledger ledger("cpu", kib(8));
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 1000; ++round) {
        if (ledger.charge(MemoryTag::kv, kib(3)).ok()) ledger.release(MemoryTag::kv, kib(3));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ledger.current(), Bytes{0});
  EXPECT_LE(ledger.peak(), kib(6)) << "three of them do not fit";
  EXPECT_GE(ledger.peak(), kib(3));
}

TEST(MemoryTag, NamesAreThoseOfPlansAndReports) {
  EXPECT_EQ(memory_tag_name(MemoryTag::weights), "weights");
  EXPECT_EQ(memory_tag_name(MemoryTag::io), "io");
}

}  // namespace
}  // namespace plimsoll
