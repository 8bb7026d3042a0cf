#include "platform/thread_pool.h"

#include <gtest/gtest.h>
#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "support/forwarding_os.h"

namespace plimsoll {
namespace {

struct ThreadPoolTest : ::testing::Test {
  Gate gate;
  std::unique_ptr<Os> os = make_os(gate);

  std::unique_ptr<ThreadPool> make(int threads) {
    auto pool = ThreadPool::create(*os, threads);
    EXPECT_TRUE(pool.ok());
    return std::move(pool).value();
  }
};

struct ThreadPoolOf : ThreadPoolTest, ::testing::WithParamInterface<int> {};

// The counts are plain integers on purpose: a data race between an old loop and the next one is what ThreadSanitizer is to find.
void expect_each_item_once(ThreadPool& pool, std::int64_t items) {
  std::vector<int> counts(static_cast<std::size_t>(items), 0);
  pool.run(items, [&](int worker, std::int64_t item) {
    ASSERT_GE(worker, 0);
    ASSERT_LT(worker, pool.threads());
    ASSERT_GE(item, 0);
    ASSERT_LT(item, items);
    ++counts[static_cast<std::size_t>(item)];
  });
  for (const int count : counts) ASSERT_EQ(count, 1) << items;
}

TEST_P(ThreadPoolOf, RunsEveryItemExactlyOnce) {
  const auto pool = make(GetParam());
  ASSERT_EQ(pool->threads(), GetParam());
  for (const std::int64_t items : {0, 1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 1000, 4099}) expect_each_item_once(*pool, items);
}

TEST_P(ThreadPoolOf, OneLoopIsOverBeforeTheNextBegins) {
  const auto pool = make(GetParam());
  std::int64_t total = 0;
  std::int64_t expected = 0;
  for (std::int64_t round = 0; round < 3000; ++round) {
    const std::int64_t items = 1 + round % 9;
    std::vector<std::int64_t> parts(static_cast<std::size_t>(items));  // gone after the round: a straggler would write into it
    pool->run(items, [&](int /*worker*/, std::int64_t item) { parts[static_cast<std::size_t>(item)] = round + item; });
    total += std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
    expected += items * round + items * (items - 1) / 2;
  }
  EXPECT_EQ(total, expected);
}

TEST_P(ThreadPoolOf, WakesWorkersThatWentToSleep) {
  const auto pool = make(GetParam());
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    expect_each_item_once(*pool, 100);
  }
}

TEST_P(ThreadPoolOf, WaitsForTheSlowestWorker) {
  const auto pool = make(GetParam());
  std::atomic<int> done{0};
  pool->run(GetParam() + 1, [&](int /*worker*/, std::int64_t item) {
    std::this_thread::sleep_for(std::chrono::milliseconds(item * 3));
    done.fetch_add(1);
  });
  EXPECT_EQ(done.load(), GetParam() + 1);
}

TEST_P(ThreadPoolOf, EndsAtAnyMoment) {
  for (int round = 0; round < 50; ++round) {
    const auto pool = make(GetParam());
    if (round % 2 == 0) expect_each_item_once(*pool, round);
  }
}

TEST_P(ThreadPoolOf, NoWorkerIsTwoThreadsAtOnce) {
  const auto pool = make(GetParam());
  std::vector<int> scratch(static_cast<std::size_t>(pool->threads()), 0);  // a plain integer a worker, as kernels keep workspace
  for (int round = 0; round < 200; ++round) {
    pool->run(50, [&](int worker, std::int64_t /*item*/) { ++scratch[static_cast<std::size_t>(worker)]; });
  }
  EXPECT_EQ(std::accumulate(scratch.begin(), scratch.end(), 0), 200 * 50);
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolOf, ::testing::Values(1, 2, 3, 4, 8));

TEST_F(ThreadPoolTest, ANumberOfThreadsThatNobodyHasIsRefused) {
  for (const int threads : {0, -1, 65537, std::numeric_limits<int>::max(), std::numeric_limits<int>::min()}) {
    const auto pool = ThreadPool::create(*os, threads);
    ASSERT_FALSE(pool.ok()) << threads;
    EXPECT_EQ(pool.error().code, ErrorCode::usage) << threads;
  }
}

TEST_F(ThreadPoolTest, WorksWithFewerThreadsWhenSomeAreRefused) {
  for (std::uint64_t ordinal = 1; ordinal <= 4; ++ordinal) {
    gate.refuse({.ordinal = ordinal, .persistent = true, .kind = static_cast<int>(Acquisition::thread)});
    const auto pool = make(4);
    EXPECT_EQ(pool->threads(), static_cast<int>(std::min<std::uint64_t>(ordinal, 4)));
    expect_each_item_once(*pool, 1000);
  }
}

// A system whose threads begin when it is told to, as on a machine where other programs keep the cores.
struct BusyOs final : testing::ForwardingOs {
  Result<std::unique_ptr<Thread>> start_thread(std::function<void()> body) override {
    return ForwardingOs::start_thread([this, body = std::move(body)] {
      begin.wait(false);
      body();
    });
  }
  std::atomic<bool> begin{false};
};

TEST_F(ThreadPoolTest, NobodyWaitsForAWorkerThatHasNotBegun) {
  BusyOs busy;
  auto pool = ThreadPool::create(busy, 3);
  ASSERT_TRUE(pool.ok());
  ASSERT_EQ((*pool)->threads(), 3);
  expect_each_item_once(**pool, 100);  // would not return
  busy.begin.store(true);
  busy.begin.notify_all();
  for (int round = 0; round < 100; ++round) expect_each_item_once(**pool, 100);
}

TEST_F(ThreadPoolTest, RunsWithoutAcquiringAnything) {
  const auto pool = make(3);
  const std::uint64_t threads = gate.seen(Acquisition::thread);
  EXPECT_EQ(threads, 2U);
  expect_each_item_once(*pool, 1000);
  EXPECT_EQ(gate.seen(Acquisition::thread), threads);
  EXPECT_EQ(gate.seen(Acquisition::host_memory), 0U);
}

TEST_F(ThreadPoolTest, TakesANamedBody) {
  const auto pool = make(2);
  std::atomic<std::int64_t> sum{0};
  const auto add = [&](int /*worker*/, std::int64_t item) { sum.fetch_add(item); };
  pool->run(10, add);
  EXPECT_EQ(sum.load(), 45);
}

TEST_P(ThreadPoolOf, DoesSpareWorkOnceBesideItsLoops) {
  const auto pool = make(GetParam());
  for (int round = 0; round < 500; ++round) {
    std::vector<int> counts(7, 0);
    auto body = [&](std::int64_t piece) { ++counts[static_cast<std::size_t>(piece)]; };
    SpareWork spare;
    spare.begin(7, body);
    pool->offer(spare);
    for (int loop = 0; loop < round % 3; ++loop) expect_each_item_once(*pool, 2 + round % 5);
    pool->finish(spare);
    for (const int count : counts) ASSERT_EQ(count, 1) << "round " << round;
  }
}

TEST_F(ThreadPoolTest, ThreadsWithoutAnItemTakeSpareWork) {
  const auto pool = make(2);
  std::atomic<int> done{0};
  auto body = [&](std::int64_t) { ++done; };
  SpareWork spare;
  spare.begin(5, body);
  pool->offer(spare);
  pool->run(2, [&](int, std::int64_t item) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (item == 0 && done < 5 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  });
  EXPECT_EQ(done, 5);
  EXPECT_EQ(spare.left(), 0);
  pool->finish(spare);
  EXPECT_EQ(done, 5);
}

TEST_F(ThreadPoolTest, OneSpareWorkIsOnOfferUntilItIsWithdrawn) {
  const auto pool = make(2);
  std::atomic<int> done{0};
  auto body = [&](std::int64_t) { ++done; };
  SpareWork first;
  SpareWork second;
  first.begin(3, body);
  second.begin(5, body);
  pool->offer(first);
  pool->offer(second);
  pool->withdraw(second);
  expect_each_item_once(*pool, 2);
  EXPECT_EQ(done, 3);
  pool->withdraw(first);
  expect_each_item_once(*pool, 2);
  EXPECT_EQ(done, 3) << "the second was never on offer";
  pool->finish(second);
  EXPECT_EQ(done, 8);
}

}  // namespace
}  // namespace plimsoll
