#include "probe/host_memory.h"

#include <sys/resource.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probe/fake_machine.h"
#include "probe/fields.h"
#include "probe/self_memory.h"

namespace plimsoll::probe {
namespace {

using testing::add_host;
using testing::FakeOs;
using testing::lines;
using testing::mib_text;
using testing::version1_mount;
using testing::version1_stat;
using testing::version2_mount;
using testing::version2_stat;

constexpr Bytes gib(std::uint64_t n) { return mib(n * 1024); }

/// The host of add_host: 100 MiB are ours.
struct HostMemoryTest : ::testing::Test {
  FakeOs os;
  HostMemoryTest() { add_host(os); }

  void join_version1(const std::string& path, const std::string& root = "/") {
    os.files["/proc/self/cgroup"] = "4:memory:" + path + "\n";
    os.files["/proc/self/mountinfo"] = version1_mount("memory", root) + "\n";
  }

  void join_version2(const std::string& path) {
    os.files["/proc/self/cgroup"] = "0::" + path + "\n";
    os.files["/proc/self/mountinfo"] = version2_mount() + "\n";
  }

  void expect_budget(Bytes budget, const std::string& set_by) {
    const HostMemory memory = probe_host_memory(os);
    EXPECT_EQ(memory.budget, budget) << format_bytes(memory.budget);
    EXPECT_EQ(memory.set_by, set_by);
  }
};

TEST_F(HostMemoryTest, WithoutLimitsIsWhatIsAvailableAndWhatWeHold) {
  const HostMemory memory = probe_host_memory(os);
  EXPECT_EQ(memory.total, gib(16));
  EXPECT_EQ(memory.available, gib(10));
  EXPECT_EQ(memory.ours, mib(100));
  EXPECT_TRUE(memory.limits.empty());
  expect_budget(gib(10) + mib(100), "MemAvailable");
}

TEST_F(HostMemoryTest, Version2LimitPaysForOthersAndTheAllowance) {
  join_version2("/job");
  os.files["/sys/fs/cgroup/job/memory.max"] = mib_text(1000);
  os.files["/sys/fs/cgroup/job/memory.stat"] = version2_stat(300, 500);  // 200 MiB of others, 500 MiB of file pages that can be dropped
  expect_budget(mib(1000 - 200 - 8), "/sys/fs/cgroup/job/memory.max");
  const HostMemory memory = probe_host_memory(os);
  ASSERT_EQ(memory.limits.size(), 1U);
  EXPECT_EQ(memory.limits[0].limit, mib(1000));
  EXPECT_EQ(memory.limits[0].held_by_others, mib(200));
}

TEST_F(HostMemoryTest, Version2HighCountsLikeMax) {
  join_version2("/job");
  os.files["/sys/fs/cgroup/job/memory.max"] = mib_text(1000);
  os.files["/sys/fs/cgroup/job/memory.high"] = mib_text(600);
  os.files["/sys/fs/cgroup/job/memory.stat"] = version2_stat(100);
  expect_budget(mib(600 - 8), "/sys/fs/cgroup/job/memory.high");
}

TEST_F(HostMemoryTest, EveryAncestorCounts) {
  join_version2("/a/b/c");
  os.files["/sys/fs/cgroup/a/b/c/memory.max"] = "max\n";
  os.files["/sys/fs/cgroup/a/b/memory.max"] = mib_text(800);
  os.files["/sys/fs/cgroup/a/b/memory.stat"] = version2_stat(100);
  os.files["/sys/fs/cgroup/a/memory.max"] = mib_text(1000);
  os.files["/sys/fs/cgroup/a/memory.stat"] = version2_stat(600);  // neighbours under /a hold 500 MiB
  expect_budget(mib(1000 - 500 - 8), "/sys/fs/cgroup/a/memory.max");
  EXPECT_EQ(probe_host_memory(os).limits.size(), 2U);
}

TEST_F(HostMemoryTest, Version1CountsTheWholeSubtree) {
  join_version1("/job");
  os.files["/sys/fs/cgroup/memory/job/memory.limit_in_bytes"] = mib_text(512);
  os.files["/sys/fs/cgroup/memory/job/memory.stat"] = version1_stat(164, 300);
  os.files["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712\n";
  expect_budget(mib(512 - 64 - 8), "/sys/fs/cgroup/memory/job/memory.limit_in_bytes");
}

TEST_F(HostMemoryTest, Version1IgnoresSoftAndSwapLimits) {
  join_version1("/job");
  os.files["/sys/fs/cgroup/memory/job/memory.limit_in_bytes"] = "9223372036854771712\n";
  os.files["/sys/fs/cgroup/memory/job/memory.soft_limit_in_bytes"] = mib_text(10);
  os.files["/sys/fs/cgroup/memory/job/memory.memsw.limit_in_bytes"] = mib_text(10);
  expect_budget(gib(10) + mib(100), "MemAvailable");
}

TEST_F(HostMemoryTest, Version1AncestorBindsOnlyWhereHierarchyIsUsed) {
  join_version1("/a/b");
  os.files["/sys/fs/cgroup/memory/a/memory.limit_in_bytes"] = mib_text(300);
  os.files["/sys/fs/cgroup/memory/a/memory.use_hierarchy"] = "0\n";
  expect_budget(gib(10) + mib(100), "MemAvailable");
  os.files["/sys/fs/cgroup/memory/a/memory.use_hierarchy"] = "1\n";
  expect_budget(mib(300 - 8), "/sys/fs/cgroup/memory/a/memory.limit_in_bytes");
}

TEST_F(HostMemoryTest, Version1KnowsALimitAboveWhatItCanSee) {
  join_version1("/docker/abc", "/docker/abc");
  os.files["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712\n";
  os.files["/sys/fs/cgroup/memory/memory.stat"] = lines({"total_rss 209715200", "hierarchical_memory_limit 419430400"});
  expect_budget(mib(400 - 100 - 8), "/sys/fs/cgroup/memory/memory.stat hierarchical_memory_limit");
  os.files["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = mib_text(400);
  expect_budget(mib(400 - 100 - 8), "/sys/fs/cgroup/memory/memory.limit_in_bytes");
  EXPECT_EQ(probe_host_memory(os).limits.size(), 1U) << "the same limit is not named twice";
}

TEST_F(HostMemoryTest, HybridMachineHasTheLeastOfBothVersions) {
  os.files["/proc/self/cgroup"] = lines({"4:memory:/one", "0::/two"});
  os.files["/proc/self/mountinfo"] = lines({version1_mount("memory"), version2_mount("/", "/sys/fs/cgroup/unified")});
  os.files["/sys/fs/cgroup/memory/one/memory.limit_in_bytes"] = mib_text(700);
  os.files["/sys/fs/cgroup/unified/two/memory.max"] = mib_text(800);
  expect_budget(mib(700 - 8), "/sys/fs/cgroup/memory/one/memory.limit_in_bytes");
  os.files["/sys/fs/cgroup/unified/two/memory.max"] = mib_text(600);
  expect_budget(mib(600 - 8), "/sys/fs/cgroup/unified/two/memory.max");
}

TEST_F(HostMemoryTest, LockedFilesAndSharedMemoryCannotBeReclaimed) {
  join_version2("/job");
  os.files["/sys/fs/cgroup/job/memory.max"] = mib_text(1000);
  os.files["/sys/fs/cgroup/job/memory.stat"] =
      lines({"anon 104857600", "shmem 52428800", "file 524288000", "inactive_anon 157286400", "unevictable 209715200"});
  expect_budget(mib(1000 - (150 + 200 - 100) - 8), "/sys/fs/cgroup/job/memory.max");
}

TEST_F(HostMemoryTest, KernelMemoryBeyondTheAllowanceCountsUnlessItIsReclaimable) {
  join_version2("/job");
  os.files["/sys/fs/cgroup/job/memory.max"] = mib_text(1000);
  os.files["/sys/fs/cgroup/job/memory.stat"] = lines({"anon 104857600", "kernel 209715200", "slab_reclaimable 104857600"});
  expect_budget(mib(1000 - (100 - 4) - 8), "/sys/fs/cgroup/job/memory.max");
  os.files["/sys/fs/cgroup/job/memory.stat"] = lines(
      {"anon 104857600", "kernel_stack 10485760", "pagetables 10485760", "slab_unreclaimable 31457280", "slab_reclaimable 104857600"});
  expect_budget(mib(1000 - (50 - 4) - 8), "/sys/fs/cgroup/job/memory.max");
}

// Page tables and what the kernel remembers of a file's pages grow with the plan.
TEST_F(HostMemoryTest, TheAllowanceGrowsWithTheLimit) {
  join_version2("/job");
  os.files["/sys/fs/cgroup/job/memory.max"] = mib_text(5024);
  expect_budget(mib(5024 - 8 - 4000 / 200), "/sys/fs/cgroup/job/memory.max");
  join_version1("/job");
  os.files["/sys/fs/cgroup/memory/job/memory.limit_in_bytes"] = mib_text(3024);
  expect_budget(mib(3024 - 8 - 2000 / 200), "/sys/fs/cgroup/memory/job/memory.limit_in_bytes");
}

TEST_F(HostMemoryTest, OurOwnPageTablesAreNotHeldByOthers) {
  join_version2("/job");
  os.files["/sys/fs/cgroup/job/memory.max"] = mib_text(1000);
  os.files["/sys/fs/cgroup/job/memory.stat"] = lines({"anon 104857600", "kernel 20971520"});
  os.files["/proc/self/status"] += "VmPTE:\t   15360 kB\n";
  expect_budget(mib(1000 - (20 - 15 - 4) - 8), "/sys/fs/cgroup/job/memory.max");
}

TEST_F(HostMemoryTest, Version1CountsKernelMemoryThatIsNotReclaimableForCertain) {
  join_version1("/job");
  os.files["/sys/fs/cgroup/memory/job/memory.limit_in_bytes"] = mib_text(512);
  os.files["/sys/fs/cgroup/memory/job/memory.stat"] = version1_stat(100);
  os.files["/sys/fs/cgroup/memory/job/memory.kmem.usage_in_bytes"] = mib_text(200);
  expect_budget(mib(512 - 8), "/sys/fs/cgroup/memory/job/memory.limit_in_bytes");  // nothing is known
  const std::string meminfo = os.files["/proc/meminfo"];
  os.files["/proc/meminfo"] = meminfo + "SReclaimable:    51200 kB\n";
  expect_budget(mib(512 - (200 - 50 - 4) - 8), "/sys/fs/cgroup/memory/job/memory.limit_in_bytes");
  os.files["/proc/meminfo"] = meminfo + "SReclaimable:    0 kB\n";  // so containers are told by lxcfs
  expect_budget(mib(512 - 8), "/sys/fs/cgroup/memory/job/memory.limit_in_bytes");
  os.files["/proc/meminfo"] = meminfo + lines({"KReclaimable:    81920 kB", "SReclaimable:    51200 kB"});
  expect_budget(mib(512 - (200 - 80 - 4) - 8), "/sys/fs/cgroup/memory/job/memory.limit_in_bytes");
}

TEST_F(HostMemoryTest, AddressAndDataLimitsLeaveWhatIsNotOurs) {
  // 500 MiB of addresses of which 100 MiB are memory that a plan counts again.
  os.rlimits[RLIMIT_AS] = gib(2);
  expect_budget(gib(2) - mib(400), "RLIMIT_AS");
  os.rlimits[RLIMIT_DATA] = gib(1);
  expect_budget(gib(1) - mib(200 - 80), "RLIMIT_DATA");
}

TEST_F(HostMemoryTest, OtherNodesAreNotOurs) {
  os.files["/sys/devices/system/node/has_memory"] = "0-1\n";
  os.files["/proc/self/status"] += "Mems_allowed_list:\t1\n";
  os.files["/sys/devices/system/node/node0/meminfo"] = lines({"Node 0 MemTotal:  8388608 kB", "Node 0 MemFree:  8388608 kB"});
  os.files["/sys/devices/system/node/node1/meminfo"] =
      lines({"Node 1 MemTotal:  4194304 kB", "Node 1 MemFree:   1048576 kB", "Node 1 Active(file):  524288 kB",
             "Node 1 Inactive(file): 524288 kB", "Node 1 AnonPages: 1048576 kB", "Node 1 KReclaimable:  1024 kB"});
  expect_budget(gib(2) + mib(101), "/proc/self/status Mems_allowed_list");
  const HostMemory memory = probe_host_memory(os);
  EXPECT_EQ(memory.limits.back().limit, gib(4));
  EXPECT_EQ(memory.contended_budget(), gib(2) + mib(101));
  os.files["/sys/devices/system/node/has_memory"] = "1\n";
  expect_budget(gib(10) + mib(100), "MemAvailable");
  os.files["/sys/devices/system/node/has_memory"] = "0-1\n";
  std::string& status = os.files["/proc/self/status"];
  status.replace(status.find("Mems_allowed_list:\t1"), std::string("Mems_allowed_list:\t1").size(), "Mems_allowed_list:\t0-1");
  expect_budget(gib(10) + mib(100), "MemAvailable");
}

TEST_F(HostMemoryTest, StrictOvercommitLeavesWhatMayStillBeCommitted) {
  os.files["/proc/sys/vm/overcommit_memory"] = "0\n";
  expect_budget(gib(10) + mib(100), "MemAvailable");
  os.files["/proc/sys/vm/overcommit_memory"] = "2\n";
  expect_budget(gib(6) + mib(100), "/proc/sys/vm/overcommit_memory");
}

TEST_F(HostMemoryTest, StrictOvercommitKeepsSomeForRootAndForTheUser) {
  os.files["/proc/sys/vm/overcommit_memory"] = "2\n";
  os.files["/proc/sys/vm/admin_reserve_kbytes"] = "8192\n";
  expect_budget(gib(6) + mib(100) - mib(8), "/proc/sys/vm/overcommit_memory");
  os.files["/proc/sys/vm/user_reserve_kbytes"] = "131072\n";
  expect_budget(gib(6) + mib(100) - mib(8 + 128), "/proc/sys/vm/overcommit_memory");
  // No more than a 32nd of what this process may come to have mapped: 500 MiB now, and 6 GiB + 100 MiB.
  os.files["/proc/sys/vm/user_reserve_kbytes"] = "99999999\n";
  expect_budget(gib(6) + mib(100) - mib(8) - Bytes{(gib(6) + mib(600)).count / 32}, "/proc/sys/vm/overcommit_memory");
  os.files["/proc/sys/vm/user_reserve_kbytes"] = "18446744073709551615\n";
  expect_budget(gib(6) + mib(100) - mib(8) - Bytes{(gib(6) + mib(600)).count / 32}, "/proc/sys/vm/overcommit_memory");
}

TEST_F(HostMemoryTest, ALimitBelowWhatOthersHoldLeavesNothing) {
  join_version2("/job");
  os.files["/sys/fs/cgroup/job/memory.max"] = mib_text(50);
  os.files["/sys/fs/cgroup/job/memory.stat"] = version2_stat(900);
  expect_budget(Bytes{0}, "/sys/fs/cgroup/job/memory.max");
  os.files["/sys/fs/cgroup/job/memory.max"] = "0\n";
  expect_budget(Bytes{0}, "/sys/fs/cgroup/job/memory.max");
}

TEST_F(HostMemoryTest, WithoutMemAvailableItIsEstimated) {
  os.files["/proc/meminfo"] =
      lines({"MemTotal: 2097152 kB", "MemFree: 1048576 kB", "Buffers: 1024 kB", "Cached: 20480 kB", "Shmem: 10240 kB"});
  expect_budget(gib(1) + mib(1 + 10 + 100), "MemAvailable");
}

TEST_F(HostMemoryTest, KnowsNothingWithoutProc) {
  os.files.clear();
  expect_budget(kUnknownMemory, "unknown");
  const HostMemory memory = probe_host_memory(os);
  EXPECT_EQ(memory.total, Bytes{0});
  EXPECT_EQ(memory.ours, Bytes{0});
}

TEST_F(HostMemoryTest, NonsenseIsNoLimit) {
  join_version2("/job");
  for (const char* text :
       {"", "max", "max\n", "-1", "garbage", "1e6", "99999999999999999999999999", "9223372036854775807", "18446744073709551615", "12 34"}) {
    os.files["/sys/fs/cgroup/job/memory.max"] = text;
    expect_budget(gib(10) + mib(100), "MemAvailable");
  }
}

TEST_F(HostMemoryTest, AbsurdFiguresDoNotWrapAround) {
  join_version2("/job");
  os.files["/sys/fs/cgroup/job/memory.max"] = mib_text(500);
  os.files["/sys/fs/cgroup/job/memory.stat"] =
      lines({"anon 18446744073709551615", "shmem 18446744073709551615", "kernel 18446744073709551615", "sock 18446744073709551615"});
  expect_budget(Bytes{0}, "/sys/fs/cgroup/job/memory.max");
  os.files["/sys/fs/cgroup/job/memory.stat"] = lines({"anon 18446744073709551615", "shmem 1"});  // a sum of zero, if it wraps
  expect_budget(Bytes{0}, "/sys/fs/cgroup/job/memory.max");
  os.files["/sys/fs/cgroup/job/memory.stat"] = "anon\nanon x\n" + std::string(100, '\0');
  expect_budget(mib(500 - 8), "/sys/fs/cgroup/job/memory.max");
  os.files.erase("/sys/fs/cgroup/job/memory.max");
  os.files["/proc/meminfo"] = lines({"MemAvailable: 18446744073709551615", "MemTotal: 18446744073709551615"});
  EXPECT_LT(probe_host_memory(os).budget, kUnknownMemory);
}

TEST_F(HostMemoryTest, EveryReadCanBeRefused) {
  join_version2("/job");
  os.files["/sys/fs/cgroup/job/memory.max"] = mib_text(500);
  os.files["/sys/fs/cgroup/job/memory.stat"] = version2_stat(200);
  for (std::uint64_t ordinal = 1;; ++ordinal) {
    os.gate().refuse({.ordinal = ordinal});
    const HostMemory memory = probe_host_memory(os);
    const bool refused = os.gate().refused() > 0;
    os.gate().refuse({});
    EXPECT_GT(memory.budget, Bytes{0});
    if (!refused) break;
    expect_budget(mib(500 - 100 - 8), "/sys/fs/cgroup/job/memory.max");
  }
}

TEST_F(HostMemoryTest, ChainsFoundBeforeGiveTheSame) {
  join_version2("/job");
  os.files["/sys/fs/cgroup/job/memory.max"] = mib_text(500);
  const auto chains = find_group_chains(os, "memory");
  os.files["/sys/fs/cgroup/job/memory.max"] = mib_text(400);
  os.files.erase("/proc/self/mountinfo");
  EXPECT_EQ(probe_host_memory(os, chains).budget, mib(400 - 8)) << "values are read anew, places are not";
}

TEST(HostMemoryWithoutMeminfo, IsWhatSysinfoTells) {
  FakeOs os;
  os.system = SystemMemory{gib(16), gib(3), gib(1)};
  HostMemory memory = probe_host_memory(os);
  EXPECT_EQ(memory.total, gib(16));
  EXPECT_EQ(memory.available, gib(4));
  EXPECT_EQ(memory.budget, gib(4));
  EXPECT_EQ(memory.set_by, "sysinfo");
  EXPECT_EQ(memory.contended_budget(), gib(4));
  add_host(os);
  memory = probe_host_memory(os);
  EXPECT_EQ(memory.total, gib(16));
  EXPECT_EQ(memory.available, gib(10));
  EXPECT_EQ(memory.set_by, "MemAvailable") << "which counts the page cache too";
}

TEST(HostMemoryWithoutGroups, SaysWhetherNobodyKnows) {
  FakeOs os;
  add_host(os);
  EXPECT_EQ(probe_host_memory(os).limits_fault, "");
  os.files["/proc/self/cgroup"] = "0::/job\n";
  os.files["/proc/self/mountinfo"] = version2_mount();
  os.files["/sys/fs/cgroup/job/cgroup.procs"] = os.files["/sys/fs/cgroup/cgroup.procs"] = "77\n";
  EXPECT_EQ(probe_host_memory(os).limits_fault, "");
  os.files["/proc/self/cgroup"] = std::string(kLargestTable + 1, 'x');
  EXPECT_THAT(probe_host_memory(os).limits_fault, ::testing::HasSubstr("/proc/self/cgroup"));
  os.files.clear();
  EXPECT_THAT(probe_host_memory(os).limits_fault, ::testing::HasSubstr("/proc/self/cgroup")) << "no /proc, or that of other processes";
}

// A limit that cannot be read is not taken for none.
TEST_F(HostMemoryTest, AGroupThatDoesNotShowItsLimitsIsAFault) {
  join_version2("/job");
  const auto fault = [&] { return probe_host_memory(os).limits_fault; };
  EXPECT_EQ(fault(), "/sys/fs/cgroup/job/memory.max cannot be read") << "something else is mounted there, or may not be entered";
  os.files["/sys/fs/cgroup/job/cgroup.procs"] = os.files["/sys/fs/cgroup/cgroup.procs"] = "77\n";
  EXPECT_EQ(fault(), "") << "a group without this controller";
  os.files["/sys/fs/cgroup/job/memory.max"] = std::string(kLargestTable + 1, '1');
  EXPECT_EQ(fault(), "/sys/fs/cgroup/job/memory.max cannot be read");
  os.files["/sys/fs/cgroup/job/memory.max"] = mib_text(512);
  EXPECT_EQ(fault(), "/sys/fs/cgroup/job/memory.stat cannot be read") << "nobody knows what others hold";
  os.files["/sys/fs/cgroup/job/memory.stat"] = version2_stat(100);
  EXPECT_EQ(fault(), "");
  os.files["/proc/self/cgroup"] = "0::/" + std::string(5000, 'a') + "\n";
  EXPECT_THAT(fault(), ::testing::HasSubstr("too long"));
}

// A limit of version 1 that cannot be read itself is known from memory.stat: others are those of the group, not of the whole machine.
TEST_F(HostMemoryTest, Version1KnowsALimitThatItMayNotRead) {
  join_version1("/job");
  os.files["/sys/fs/cgroup/memory/job/cgroup.procs"] = os.files["/sys/fs/cgroup/memory/cgroup.procs"] = "77\n";
  os.files["/sys/fs/cgroup/memory/job/memory.limit_in_bytes"] = std::string(kLargestTable + 1, '1');
  os.files["/sys/fs/cgroup/memory/job/memory.stat"] = lines({"total_rss 209715200", "hierarchical_memory_limit 419430400"});
  os.files["/sys/fs/cgroup/memory/memory.stat"] = lines({"total_rss 8589934592"});
  expect_budget(mib(400 - 100 - 8), "/sys/fs/cgroup/memory/job/memory.stat hierarchical_memory_limit");
}

TEST(SelfMemory, IsKnownWithoutItsParts) {
  FakeOs os;
  os.files["/proc/self/status"] = "Name:\tx\nVmRSS:\t100 kB\n";
  os.files["/proc/self/statm"] = "5000 1000 200 30 0 400 0\n";
  EXPECT_EQ(read_self_memory(os).held(), kPage * 800);
  os.files["/proc/self/statm"] = "garbage\n";
  EXPECT_EQ(read_self_memory(os).held(), Bytes{0});
}

TEST(SelfMemory, OfTheRealProcessGrowsWithWhatIsTouched) {
  Gate gate;
  const auto os = make_os(gate);
  MemoryPeak peak;
  const SelfMemory before = peak.sample(*os);
  ASSERT_GT(before.anonymous, Bytes{0});
  {
    const auto mapping = os->map_memory(mib(64));
    ASSERT_TRUE(mapping.ok());
    EXPECT_LT(saturating_sub(read_self_memory(*os).anonymous, before.anonymous), mib(4)) << "untouched pages are not held";
    for (std::size_t i = 0; i < mib(64).count; i += kPage.count) (*mapping)->bytes()[i] = std::byte{1};
    EXPECT_GE(peak.sample(*os).anonymous, before.anonymous + mib(63));
  }
  EXPECT_LT(peak.sample(*os).anonymous, before.anonymous + mib(8));
  EXPECT_GE(peak.anonymous(), before.anonymous + mib(63));
  EXPECT_GE(peak.held(), peak.anonymous());
}

}  // namespace
}  // namespace plimsoll::probe
