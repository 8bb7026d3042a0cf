// What counting texts takes: scratch from the ledger, within the `io` of the plan that follows.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include <plimsoll/classifier.h>

#include "support/heap_watch.h"
#include "support/temporary_folder.h"
#include "support/tiny_model.h"

namespace plimsoll {
namespace {

constexpr std::size_t kLong = 10'000'000;

std::string repeat(std::string_view piece, std::size_t bytes) {
  std::string text;
  text.reserve(bytes + piece.size());
  while (text.size() < bytes) text += piece;
  return text;
}

class WorkloadCounterTest : public ::testing::Test {
 protected:
  WorkloadCounterTest() : os_(make_os(gate_)) {
    testing::write_tiny_model(folder_.path(), {});
    tokenizer_.emplace(Tokenizer::open(*os_, tables_, folder_.path()).value());
  }

  WorkloadCounter counter(std::int64_t limit, const CancelToken* cancel = nullptr) { return {*os_, ledger_, *tokenizer_, limit, cancel}; }
  static Bytes io_of(std::size_t text_bytes) { return round_to_pages(std::max(mib(1), Bytes{text_bytes} * 4)); }

  Gate gate_;
  std::unique_ptr<Os> os_;
  testing::TemporaryFolder folder_;
  Ledger tables_{"cpu", mib(64)};
  Ledger ledger_{"cpu", mib(1024)};
  std::optional<Tokenizer> tokenizer_;
};

TEST_F(WorkloadCounterTest, TakesNoHeapHoweverLongATextIs) {
  for (const std::string_view piece : {"\xCC\x81", "\xCC\xA3\xCC\x81", "w1 ", "x", " "}) {
    const std::string text = "a" + repeat(piece, kLong);
    WorkloadCounter counter = this->counter(1'000'000'000);
    const testing::HeapWatch heap;
    ASSERT_TRUE(counter.add({text}).ok());
    EXPECT_LT(heap.highest(), 4096U) << piece;
    EXPECT_EQ(counter.workload().texts, 1) << piece;
    EXPECT_EQ(counter.workload().longest_text_bytes, text.size());
    EXPECT_GT(ledger_.current(MemoryTag::io), Bytes{0});
    EXPECT_LE(ledger_.current(), io_of(text.size()));
  }
  EXPECT_EQ(ledger_.current(), Bytes{0}) << "the scratch goes with its counter";
  EXPECT_LE(ledger_.peak(), io_of(kLong + 3));
}

TEST_F(WorkloadCounterTest, HoldsNoMoreThanThePlanWillAtAnyTime) {
  WorkloadCounter counter = this->counter(16);
  EXPECT_EQ(ledger_.current(), Bytes{0});
  std::size_t longest = 0;
  for (const std::size_t bytes : {10U, 200'000U, 300'000U, 350'000U, 1'000U, 3'000'000U, 3'000'001U, 9'000'000U}) {
    longest = std::max(longest, bytes);
    ASSERT_TRUE(counter.add({repeat("\xCC\x81", bytes / 2), std::string(bytes - bytes / 2 * 2, 'x')}).ok());
    EXPECT_LE(ledger_.current(MemoryTag::io), io_of(longest)) << bytes;
    EXPECT_EQ(ledger_.peak(), ledger_.current()) << "an arena goes before a larger one comes";
  }
  EXPECT_EQ(counter.workload().texts, 8);
}

TEST_F(WorkloadCounterTest, SaysWhenThereIsNoRoom) {
  ledger_.set_limit(mib(8));
  WorkloadCounter counter = this->counter(16);
  ASSERT_TRUE(counter.add({"w1 w2"}).ok());
  const Status refused = counter.add({std::string(kLong, 'x')});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::out_of_memory);
  EXPECT_EQ(counter.workload().texts, 1);
  EXPECT_EQ(counter.workload().longest_text_bytes, 5U);
  ASSERT_TRUE(counter.add({"w1"}).ok()) << "it goes on";
  gate_.refuse({1, false, static_cast<int>(Acquisition::host_memory)});
  WorkloadCounter second = this->counter(16);
  EXPECT_EQ(second.add({"w1"}).error().code, ErrorCode::out_of_memory);
  EXPECT_TRUE(second.add({"w1"}).ok());
}

TEST_F(WorkloadCounterTest, StopsWhenAsked) {
  CancelToken cancel;
  WorkloadCounter counter = this->counter(16, &cancel);
  ASSERT_TRUE(counter.add({"w1"}).ok());
  cancel.cancel();
  const Status stopped = counter.add({std::string(kLong, 'x')});
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  EXPECT_EQ(counter.workload().longest_text_bytes, 2U);
}

/// Within one long text too.
TEST_F(WorkloadCounterTest, StopsInTheMidstOfAText) {
  const std::string text(60'000'000, 'x');
  const auto seconds_to_count = [&](const CancelToken* cancel, ErrorCode expected) {
    WorkloadCounter counter = this->counter(16, cancel);
    const auto start = os_->now();
    const Status status = counter.add({text});
    EXPECT_EQ(status.ok() ? ErrorCode::usage : status.error().code, expected);
    return std::chrono::duration<double>(os_->now() - start).count();
  };
  const double whole = seconds_to_count(nullptr, ErrorCode::usage);
  CancelToken cancel;
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::duration<double>(whole / 20));
    cancel.cancel();
  });
  EXPECT_LT(seconds_to_count(&cancel, ErrorCode::cancelled), whole / 2);
  canceller.join();
}

}  // namespace
}  // namespace plimsoll
