#include "platform/deadline.h"

#include <gtest/gtest.h>
#include <thread>

namespace plimsoll {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(Deadline, EndsAWaitThatNobodyEnds) {
  std::mutex mutex;
  std::condition_variable changed;
  std::unique_lock lock(mutex);
  const auto start = steady_clock::now();
  const Deadline deadline(milliseconds{30});
  while (deadline.wait(changed, lock)) continue;
  EXPECT_GE(steady_clock::now() - start, milliseconds{30});
  EXPECT_FALSE(deadline.wait(changed, lock)) << "and has passed";
  EXPECT_TRUE(lock.owns_lock());
}

TEST(Deadline, IsNotWaitedForByWhoIsNotified) {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::unique_lock lock(mutex);
  const Deadline deadline(std::chrono::hours{1});
  std::thread other([&] {
    const std::lock_guard guard(mutex);
    done = true;
    changed.notify_all();
  });
  while (!done) ASSERT_TRUE(deadline.wait(changed, lock));
  lock.unlock();
  other.join();
}

}  // namespace
}  // namespace plimsoll
