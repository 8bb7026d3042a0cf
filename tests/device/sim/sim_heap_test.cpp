#include "device/sim/sim_heap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "device/support.h"
#include "support/forwarding_os.h"
#include "support/temporary_folder.h"

namespace plimsoll {
namespace {

using ::testing::HasSubstr;

constexpr int kProcesses = 8;
constexpr int kRounds = 100;

SimSpec spec_of(std::string name, Bytes memory, Bytes used = {}, Bytes context = {}) {
  SimSpec spec;
  spec.name = std::move(name);
  spec.memory = memory;
  spec.used = used;
  spec.context = context;
  return spec;
}

/// Heaps of processes, in a folder of this test's own.
class SimHeapTest : public ::testing::Test {
 protected:
  SimHeapTest() : os_(make_os(gate_)) { ::setenv("XDG_RUNTIME_DIR", folder_.path().c_str(), 1); }
  ~SimHeapTest() override { ::unsetenv("XDG_RUNTIME_DIR"); }

  std::unique_ptr<SimHeap> open(const SimSpec& spec) {
    auto heap = SimHeap::open(*os_, spec, "sim:0");
    EXPECT_TRUE(heap.ok()) << (heap.ok() ? "" : message(heap.error()));
    return heap.ok() ? std::move(heap).value() : nullptr;
  }
  static DeviceMemoryState state(SimHeap& heap) {
    const auto now = heap.memory();
    EXPECT_TRUE(now.ok()) << (now.ok() ? "" : message(now.error()));
    return now.ok() ? now.value() : DeviceMemoryState{};
  }
  std::string table_path(const std::string& name) const { return folder_ / "plimsoll/sim-" + name; }

  /// Runs `body` in a process of its own, which then ends with what `body` gives.
  template <typename Body>
  static pid_t start(Body&& body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    return child;
  }
  static int ended_with(pid_t child) {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  testing::TemporaryFolder folder_;
  Gate gate_;
  std::unique_ptr<Os> os_;
};

TEST_F(SimHeapTest, UsedAndContextTakeRoom) {
  const auto heap = open(spec_of("", mib(100), mib(30), mib(20)));
  DeviceMemoryState now = state(*heap);
  EXPECT_EQ(now.total, mib(100));
  EXPECT_EQ(now.others, mib(30));
  EXPECT_EQ(now.context, mib(20));
  EXPECT_EQ(now.ours, mib(20));
  EXPECT_EQ(now.free, mib(50));
  const auto block = heap->allocate(mib(10) + Bytes{1});
  ASSERT_TRUE(block.ok());
  now = state(*heap);
  EXPECT_EQ(now.ours, mib(30) + Bytes{512});
  heap->release(block.value());
  EXPECT_EQ(state(*heap).ours, mib(20));
  EXPECT_FALSE(SimHeap::open(*os_, spec_of("", mib(100), mib(90), mib(20)), "sim:0").ok());
}

TEST_F(SimHeapTest, AShortfallSaysWhetherThereIsTooLittleOrOnlyNoPieceThatLarge) {
  const auto heap = open(spec_of("", mib(8)));
  const auto low = heap->allocate(mib(3));
  const auto middle = heap->allocate(mib(2));
  ASSERT_TRUE(low.ok() && middle.ok());
  heap->release(low.value());
  const auto fragmented = heap->allocate(mib(5));
  ASSERT_FALSE(fragmented.ok());
  EXPECT_EQ(fragmented.error().code, ErrorCode::out_of_memory);
  EXPECT_THAT(message(fragmented.error()), HasSubstr("6.00 MiB of 8.00 MiB are free, but the largest piece is 3.00 MiB (sim:0)"));
  EXPECT_EQ(fragmented.error().memory->free, mib(6));
  EXPECT_EQ(fragmented.error().memory->largest_piece, mib(3));
  const auto too_much = heap->allocate(mib(7));
  ASSERT_FALSE(too_much.ok());
  EXPECT_THAT(message(too_much.error()), Not(HasSubstr("piece")));
  EXPECT_EQ(too_much.error().memory->requested, mib(7));
  EXPECT_EQ(too_much.error().memory->limit, mib(8));
}

TEST_F(SimHeapTest, OthersComeAndGo) {
  for (const std::string name : {"", "crowd"}) {
    const auto heap = open(spec_of(name, mib(100), mib(30)));
    ASSERT_TRUE(heap->change_others({SizeChange::Kind::add, mib(50)}).ok());
    EXPECT_EQ(state(*heap).others, mib(80));
    EXPECT_FALSE(heap->allocate(mib(21)).ok());
    const auto block = heap->allocate(mib(20));
    ASSERT_TRUE(block.ok());
    ASSERT_TRUE(heap->change_others({SizeChange::Kind::add, mib(50)}).ok()) << "takes what there is: nothing";
    EXPECT_EQ(state(*heap).others, mib(80));
    ASSERT_TRUE(heap->change_others({SizeChange::Kind::take, mib(60)}).ok());
    EXPECT_EQ(state(*heap).others, mib(20));
    heap->release(block.value());
    EXPECT_EQ(state(*heap).free, mib(80));
    EXPECT_EQ(state(*heap).others, mib(20));
  }
}

TEST_F(SimHeapTest, HeapsWithoutANameAreApartAndOnesOfANameAreOne) {
  const auto one = open(spec_of("", mib(10)));
  const auto two = open(spec_of("", mib(10)));
  ASSERT_TRUE(one->allocate(mib(10)).ok());
  EXPECT_EQ(state(*two).free, mib(10));
  const auto shared = open(spec_of("a", mib(10), {}, mib(1)));
  const auto same = open(spec_of("a", mib(10), {}, mib(1)));
  const auto other = open(spec_of("b", mib(10), {}, mib(1)));
  ASSERT_TRUE(shared->allocate(mib(5)).ok());
  EXPECT_EQ(state(*same).free, mib(3));
  EXPECT_EQ(state(*same).ours, mib(7)) << "of one process";
  EXPECT_EQ(state(*other).free, mib(9));
}

TEST_F(SimHeapTest, OneHeapHasOneSize) {
  {
    const auto first = open(spec_of("a", mib(10), mib(1), mib(1)));
    for (const SimSpec& different : {spec_of("a", mib(11), mib(1)), spec_of("a", mib(10), mib(2))}) {
      const auto refused = SimHeap::open(*os_, different, "sim:0");
      ASSERT_FALSE(refused.ok());
      EXPECT_EQ(refused.error().code, ErrorCode::usage);
      EXPECT_THAT(message(refused.error()), HasSubstr("memory=10MiB,used=1MiB"));
    }
  }
  EXPECT_EQ(state(*open(spec_of("a", mib(11)))).total, mib(11)) << "nobody uses the old one";
}

TEST_F(SimHeapTest, AProcessThatIsKilledGivesAllBack) {
  const SimSpec spec = spec_of("a", mib(100), mib(10), mib(5));
  const auto heap = open(spec);
  const pid_t child = start([&] {
    auto theirs = SimHeap::open(*os_, spec, "sim:0");
    if (!theirs.ok() || !theirs.value()->allocate(mib(60)).ok()) return 1;
    for (;;) ::pause();
  });
  while (state(*heap).others < mib(75)) std::this_thread::yield();
  const auto refused = heap->allocate(mib(30));
  ASSERT_FALSE(refused.ok());
  ASSERT_EQ(refused.error().memory->holders.size(), 1U);
  EXPECT_EQ(refused.error().memory->holders[0].pid, child);
  EXPECT_EQ(refused.error().memory->holders[0].bytes, mib(65));
  EXPECT_THAT(message(refused.error()), HasSubstr("process " + std::to_string(child) + " (test_sim) holds 65.0 MiB"));
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(state(*heap).others, mib(10)) << "also before its parent has asked after it";
  EXPECT_EQ(ended_with(child), -SIGKILL);
  EXPECT_TRUE(heap->allocate(mib(85)).ok());
}

// A process of another namespace has a number here that nobody has, or somebody else.
TEST_F(SimHeapTest, AProcessOfAnotherNamespaceIsNotTakenForDead) {
  const SimSpec spec = spec_of("a", mib(10));
  const auto heap = open(spec);
  ASSERT_TRUE(heap->allocate(mib(4)).ok());
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = start([&] {
    constexpr int kApart = CLONE_NEWPID | CLONE_NEWNS;
    if (::unshare(kApart) != 0 && ::unshare(kApart | CLONE_NEWUSER) != 0) return 77;
    const pid_t inner = start([&] {  // with number 1
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const bool apart =
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 && ::mount("proc", "/proc", "proc", 0, nullptr) == 0;
      if (!apart) return 77;
      auto theirs = SimHeap::open(*os_, spec, "sim:0");
      const bool fits = theirs.ok() && theirs.value()->allocate(mib(4)).ok();
      const bool too_much = theirs.ok() && theirs.value()->allocate(mib(4)).ok();
      const char answer = fits && !too_much ? 'y' : 'n';
      if (::write(ready[1], &answer, 1) != 1) return 1;
      for (;;) ::pause();
    });
    if (inner < 0) return 77;
    return ended_with(inner);
  });
  ::close(ready[1]);
  char answer = '?';
  const bool told = ::read(ready[0], &answer, 1) == 1;
  ::close(ready[0]);
  if (!told) {
    EXPECT_EQ(ended_with(child), 77);
    GTEST_SKIP() << "no namespaces here";
  }
  EXPECT_EQ(answer, 'y') << "ours is not taken for dead there";
  EXPECT_EQ(state(*heap).others, mib(4)) << "and theirs not here";
  EXPECT_FALSE(heap->allocate(mib(4)).ok());
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  EXPECT_EQ(ended_with(child), -SIGKILL);
}

TEST_F(SimHeapTest, WhoIsToldToStopDoesNotWaitForOthers) {
  const SimSpec spec = spec_of("a", mib(10));
  CancelToken cancel;
  auto heap = SimHeap::open(*os_, spec, "sim:0", &cancel);
  ASSERT_TRUE(heap.ok());
  const auto held = os_->lock_file(table_path("a") + ".lock", std::chrono::milliseconds(1000));
  ASSERT_TRUE(held.ok());
  cancel.cancel();
  const auto begin = os_->now();
  EXPECT_EQ((*heap)->memory().error().code, ErrorCode::cancelled);
  EXPECT_EQ(SimHeap::open(*os_, spec, "sim:0", &cancel).error().code, ErrorCode::cancelled);
  heap->reset();
  EXPECT_LT(os_->now() - begin, std::chrono::seconds(5));
}

/// Locks of files are never had, each after all the patience that it is given; that takes no time.
class StuckOs final : public testing::ForwardingOs {
 public:
  std::chrono::milliseconds waited{0};
  bool stuck = false;

  Result<std::unique_ptr<FileLock>> lock_file(const std::string& path, std::chrono::milliseconds patience,
                                              const CancelToken* cancel) override {
    if (!stuck || !path.ends_with(".lock")) return ForwardingOs::lock_file(path, patience, cancel);
    waited += patience;
    return Error{ErrorCode::io, "held", path};
  }
  std::chrono::nanoseconds now() override { return ForwardingOs::now() + waited; }
};

TEST_F(SimHeapTest, ALockThatIsNeverHadIsWaitedForOnce) {
  StuckOs os;
  os.stuck = true;
  EXPECT_FALSE(SimHeap::open(os, spec_of("a", mib(10)), "sim:0").ok());
  EXPECT_EQ(os.waited, std::chrono::seconds(10));
  os.stuck = false;
  auto heap = SimHeap::open(os, spec_of("a", mib(10)), "sim:0");
  ASSERT_TRUE(heap.ok());
  ASSERT_TRUE((*heap)->allocate(mib(1)).ok());
  os.stuck = true;
  os.waited = {};
  for (int i = 0; i < 3; ++i) EXPECT_FALSE((*heap)->memory().ok());
  heap->reset();
  EXPECT_EQ(os.waited, std::chrono::seconds(10));
  os.stuck = false;
  EXPECT_EQ(state(*open(spec_of("a", mib(10)))).free, mib(10)) << "what could not be given back is taken for gone";
}

TEST_F(SimHeapTest, NothingIsLeftBehindButTheTableAndItsLock) {
  {
    const auto heap = open(spec_of("a", mib(10)));
    EXPECT_EQ(os_->list_directory(folder_ / "plimsoll").size(), 3U);
    const pid_t child = start([&] {
      auto theirs = SimHeap::open(*os_, spec_of("a", mib(10)), "sim:0");
      if (theirs.ok() && theirs.value()->allocate(mib(1)).ok()) ::kill(::getpid(), SIGKILL);
      return 1;
    });
    EXPECT_EQ(ended_with(child), -SIGKILL);
    EXPECT_EQ(state(*heap).others, Bytes{});
  }
  EXPECT_EQ(os_->list_directory(folder_ / "plimsoll"), (std::vector<std::string>{"sim-a", "sim-a.lock"}));
}

TEST_F(SimHeapTest, ANumberThatIsUsedAgainIsAnotherProcess) {
  const auto heap = open(spec_of("a", mib(10)));
  ASSERT_TRUE(heap->allocate(mib(1)).ok());
  const std::string own = std::to_string(::getpid());
  ASSERT_TRUE(os_->write_text(table_path("a"), "plimsoll-sim-heap-1 10485760 0\nmemory 0 5242880 " + own + " 1 1\n").ok());
  EXPECT_EQ(state(*heap).others, Bytes{});
  EXPECT_EQ(state(*heap).ours, mib(1)) << "put back";
}

TEST_F(SimHeapTest, GarbageIsFoundAndTheTableMadeAnew) {
  const SimSpec spec = spec_of("a", mib(10), mib(1), mib(1));
  const auto one = open(spec);
  const auto two = open(spec);
  const auto block = one->allocate(mib(3));
  ASSERT_TRUE(block.ok());
  const std::string garbage[] = {"", "x", std::string(2 << 20, 'x'), std::string(100, '\0'),
                                 "plimsoll-sim-heap-1 10485760 1048576\nmemory 0 99"};
  for (const std::string& text : garbage) {
    ASSERT_TRUE(os_->write_text(table_path("a"), text).ok());
    EXPECT_EQ(state(*one).total, mib(10));
    EXPECT_EQ(state(*two).free, mib(4)) << "each has put its own back";
    EXPECT_FALSE(two->allocate(mib(5)).ok());
  }
  one->release(block.value());
  EXPECT_EQ(state(*two).free, mib(7));
}

TEST_F(SimHeapTest, AnythingMayBeRefusedAndNothingIsLost) {
  const SimSpec spec = spec_of("a", mib(10), {}, mib(1));
  const auto watcher = open(spec);
  for (std::uint64_t ordinal = 1;; ++ordinal) {
    gate_.refuse({ordinal});
    {
      auto heap = SimHeap::open(*os_, spec, "sim:0");
      if (heap.ok()) {
        const auto block = heap.value()->allocate(mib(2));
        if (block.ok()) heap.value()->release(block.value());
        EXPECT_TRUE(block.ok() || block.error().code == ErrorCode::io) << message(block.error());
      } else {
        EXPECT_EQ(heap.error().code, ErrorCode::io) << message(heap.error());
      }
    }
    const bool fired = gate_.refused() > 0;
    gate_.refuse({});
    EXPECT_EQ(state(*watcher).free, mib(9)) << ordinal;
    if (!fired) break;
  }
}

TEST_F(SimHeapTest, AFullDiskIsToldWithAWayAroundIt) {
  gate_.refuse({1, true, static_cast<int>(Acquisition::write)});
  const auto heap = SimHeap::open(*os_, spec_of("a", mib(10)), "sim:0");
  gate_.refuse({});
  ASSERT_FALSE(heap.ok());
  EXPECT_NE(message(heap.error()).find("XDG_RUNTIME_DIR to another folder"), std::string::npos) << message(heap.error());
}

/// Each process marks the granules of its blocks in memory that all share: a mark that is there already is a block given out twice.
TEST_F(SimHeapTest, ProcessesThatRaceNeverGetTheSameBytes) {
  constexpr std::size_t kGranules = 1000;
  const SimSpec spec = spec_of("a", Bytes{kGranules * sim::kGranule}, {}, Bytes{10 * sim::kGranule});
  auto* marks = static_cast<std::atomic<int>*>(
      ::mmap(nullptr, (kGranules + 2) * sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(static_cast<void*>(marks), MAP_FAILED);
  const auto mark = [&](const sim::Block& block, int change) {
    bool alone = block.end() <= spec.memory.count;
    for (std::uint64_t at = block.offset; alone && at < block.end(); at += sim::kGranule) {
      alone = marks[at / sim::kGranule].fetch_add(change) == (change > 0 ? 0 : 1);
    }
    return alone;
  };
  const auto race = [&](int seed) {
    test::Numbers numbers(static_cast<std::uint64_t>(seed));
    auto heap = SimHeap::open(*os_, spec, "sim:0");
    if (!heap.ok()) return 1;
    std::atomic<int>& ready = marks[kGranules];
    for (++ready; ready < kProcesses;) std::this_thread::yield();
    std::vector<sim::Block> blocks;
    for (int round = 0; round < kRounds; ++round) {
      const auto block = heap.value()->allocate(Bytes{static_cast<std::uint64_t>(numbers.below(300)) * sim::kGranule});
      if (!block.ok() && block.error().code != ErrorCode::out_of_memory) return 2;
      marks[kGranules + 1] += block.ok() ? 0 : 1;
      if (block.ok() && !mark(block.value(), 1)) return 3;
      if (block.ok()) blocks.push_back(block.value());
      while (blocks.size() > 2 || (!block.ok() && !blocks.empty())) {
        if (!mark(blocks.front(), -1)) return 4;
        heap.value()->release(blocks.front());
        blocks.erase(blocks.begin());
      }
      const auto now = heap.value()->memory();
      if (!now.ok() || now.value().free + now.value().ours + now.value().others != now.value().total) return 5;
    }
    for (const sim::Block& block : blocks) mark(block, -1);
    return 0;
  };
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) children.push_back(start([&] { return race(i); }));
  for (const pid_t child : children) EXPECT_EQ(ended_with(child), 0);
  EXPECT_GT(marks[kGranules + 1], 0) << "there was enough for all at all times";
  EXPECT_EQ(state(*open(spec)).free, spec.memory - spec.context) << "nothing is left behind";
  ::munmap(marks, (kGranules + 2) * sizeof(std::atomic<int>));
}

}  // namespace
}  // namespace plimsoll
