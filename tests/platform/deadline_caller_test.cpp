#include "platform/deadline_caller.h"

#include <atomic>
#include <new>
#include <thread>

#include <gtest/gtest.h>

#include "support/fake_os.h"
#include "support/heap_watch.h"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;
using Outcome = DeadlineCaller::Outcome;

/// Until `open`, calls stand still.
struct Barrier {
  std::atomic<bool> open{false};
  std::atomic<int> through{0};
  void pass() {
    while (!open) std::this_thread::sleep_for(1ms);
    ++through;
  }
};

void wait_for(const std::function<bool()>& met) {
  for (int i = 0; i < 5000 && !met(); ++i) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(met());
}

TEST(DeadlineCaller, MakesOneCallAfterTheOther) {
  testing::FakeOs os;
  DeadlineCaller caller(os);
  int made = 0;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(caller.call([&made] { ++made; }, 10s), Outcome::done);
  EXPECT_EQ(made, 100);
  EXPECT_EQ(os.gate().seen(Acquisition::thread), 1U);
}

TEST(DeadlineCaller, LeavesALateCallBehindAndGoesOn) {
  testing::FakeOs os;
  auto barrier = std::make_shared<Barrier>();
  {
    DeadlineCaller caller(os);
    EXPECT_EQ(caller.call([barrier] { barrier->pass(); }, 20ms), Outcome::late);
    EXPECT_EQ(caller.stuck(), 1U);
    bool made = false;
    EXPECT_EQ(caller.call([&made] { made = true; }, 10s), Outcome::done);
    EXPECT_TRUE(made);
    EXPECT_EQ(caller.call([barrier] { barrier->pass(); }, 20ms), Outcome::late);
  }
  EXPECT_EQ(barrier->through, 0) << "the destructor waited for nobody";
  barrier->open = true;
  wait_for([&] { return barrier->through == 2 && barrier.use_count() == 1; });
}

TEST(DeadlineCaller, MakesNoCallWhileTooManyAreStuck) {
  testing::FakeOs os;
  auto barrier = std::make_shared<Barrier>();
  DeadlineCaller caller(os);
  for (std::size_t i = 0; i < DeadlineCaller::kMostStuck; ++i) EXPECT_EQ(caller.call([barrier] { barrier->pass(); }, 5ms), Outcome::late);
  EXPECT_EQ(caller.call([] {}, 10s), Outcome::not_made);
  barrier->open = true;
  wait_for([&] { return caller.stuck() == 0; });
  EXPECT_EQ(caller.call([] {}, 10s), Outcome::done);
}

TEST(DeadlineCaller, LeavesALateCallBehindWithoutTheHeap) {
  testing::FakeOs os;
  auto barrier = std::make_shared<Barrier>();
  DeadlineCaller caller(os);
  EXPECT_EQ(caller.call([] {}, 10s), Outcome::done);
  std::function<void()> job = [barrier] { barrier->pass(); };
  Outcome outcome = Outcome::done;
  try {
    const testing::HeapFault fault(1, 1000);
    outcome = caller.call(std::move(job), 20ms);
  } catch (const std::bad_alloc&) {}
  EXPECT_EQ(outcome, Outcome::late);
  EXPECT_EQ(caller.stuck(), 1U);
  barrier->open = true;
}

TEST(DeadlineCaller, ACallThatTheHeapHasNoRoomForIsAnOutcome) {
  testing::FakeOs os;
  DeadlineCaller caller(os);
  EXPECT_EQ(caller.call([] { throw std::bad_alloc(); }, 10s), Outcome::no_memory);
  EXPECT_EQ(caller.call([] {}, 10s), Outcome::done);
  EXPECT_EQ(os.gate().seen(Acquisition::thread), 1U) << "its thread goes on";
}

TEST(DeadlineCaller, SaysSoWhereThereIsNoThread) {
  testing::FakeOs os;
  os.gate().refuse({1, false, static_cast<int>(Acquisition::thread)});
  DeadlineCaller caller(os);
  EXPECT_EQ(caller.call([] {}, 10s), Outcome::not_made);
  EXPECT_EQ(caller.call([] {}, 10s), Outcome::done);
}

}  // namespace
}  // namespace plimsoll
