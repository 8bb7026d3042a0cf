#include "probe/cpu.h"

#include <gtest/gtest.h>
#include <numeric>

#include "probe/fake_machine.h"

namespace plimsoll::probe {
namespace {

using testing::FakeOs;
using testing::lines;
using testing::version1_mount;
using testing::version2_mount;

/// `cores` cores of two threads each: processors n and n + cores share one.
FakeOs& add_cores(FakeOs& os, int cores) {
  os.cpus.resize(static_cast<std::size_t>(2 * cores));
  std::iota(os.cpus.begin(), os.cpus.end(), 0);
  for (const int cpu : os.cpus) {
    const int first = cpu % cores;
    os.files["/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list"] =
        std::to_string(first) + "," + std::to_string(first + cores) + "\n";
  }
  return os;
}

TEST(ProbeCpu, CountsCoresNotThreads) {
  FakeOs os;
  const CpuDescription cpu = probe_cpu(add_cores(os, 4));
  EXPECT_EQ(cpu.logical, 8);
  EXPECT_EQ(cpu.physical, 4);
  EXPECT_EQ(cpu.quota, std::nullopt);
  EXPECT_EQ(cpu.default_threads, 4);
}

TEST(ProbeCpu, CountsOnlyCoresOfTheAffinityMask) {
  FakeOs os;
  add_cores(os, 4);
  os.cpus = {1, 5, 6};  // both threads of core 1, one of core 2
  const CpuDescription cpu = probe_cpu(os);
  EXPECT_EQ(cpu.logical, 3);
  EXPECT_EQ(cpu.physical, 2);
  EXPECT_EQ(cpu.default_threads, 2);
}

TEST(ProbeCpu, FallsBackToCoreNumbersOfEachPackage) {
  FakeOs os;
  os.cpus = {0, 1, 2, 3};
  for (const int cpu : os.cpus) {
    const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    os.files[topology + "core_id"] = "0\n";
    os.files[topology + "physical_package_id"] = std::to_string(cpu / 2) + "\n";
  }
  EXPECT_EQ(probe_cpu(os).physical, 2);
}

TEST(ProbeCpu, TakesEachProcessorForACoreWhenNothingIsKnown) {
  FakeOs os;
  os.cpus = {3, 9, 12};
  EXPECT_EQ(probe_cpu(os).physical, 3);
  os.files["/sys/devices/system/cpu/cpu3/topology/thread_siblings_list"] = "garbage";
  for (const char* cpu : {"9", "12"}) {
    os.files[std::string("/sys/devices/system/cpu/cpu") + cpu + "/topology/thread_siblings_list"] = "0-1";  // does not even name itself
  }
  EXPECT_EQ(probe_cpu(os).physical, 3);
  os.cpus.clear();
  EXPECT_EQ(probe_cpu(os).default_threads, 1);
}

TEST(ProbeCpu, Version2QuotaOfAnyAncestorRoundsUp) {
  FakeOs os;
  add_cores(os, 8);
  os.files["/proc/self/cgroup"] = "0::/a/b\n";
  os.files["/proc/self/mountinfo"] = version2_mount();
  os.files["/sys/fs/cgroup/a/b/cpu.max"] = "max 100000\n";
  EXPECT_EQ(probe_cpu(os).quota, std::nullopt);
  os.files["/sys/fs/cgroup/a/cpu.max"] = "250000 100000\n";
  const CpuDescription cpu = probe_cpu(os);
  EXPECT_EQ(cpu.quota, 3);
  EXPECT_EQ(cpu.quota_set_by, "/sys/fs/cgroup/a/cpu.max");
  EXPECT_EQ(cpu.default_threads, 3);
  os.files["/sys/fs/cgroup/a/b/cpu.max"] = "1000 100000\n";
  EXPECT_EQ(probe_cpu(os).default_threads, 1) << "never less than one";
}

TEST(ProbeCpu, Version1QuotaRoundsUp) {
  FakeOs os;
  add_cores(os, 8);
  os.files["/proc/self/cgroup"] = "1:cpu,cpuacct:/job\n";
  os.files["/proc/self/mountinfo"] = version1_mount("cpu,cpuacct");
  os.files["/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us"] = "150000\n";
  os.files["/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us"] = "50000\n";
  EXPECT_EQ(probe_cpu(os).quota, 3);
  os.files["/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us"] = "150001\n";
  EXPECT_EQ(probe_cpu(os).quota, 4);
  os.files["/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us"] = "-1\n";
  EXPECT_EQ(probe_cpu(os).quota, std::nullopt);
}

TEST(ProbeCpu, NonsenseIsNoQuota) {
  FakeOs os;
  os.files["/proc/self/cgroup"] = "0::/\n";
  os.files["/proc/self/mountinfo"] = version2_mount();
  for (const char* text : {"", "max", "0 0", "1", "1 0", "0 1", "a b", "1 2 3", "-1 100000", "99999999999999999999 1"}) {
    os.files["/sys/fs/cgroup/cpu.max"] = text;
    EXPECT_EQ(probe_cpu(os).quota, std::nullopt) << text;
  }
  os.files["/sys/fs/cgroup/cpu.max"] = "18446744073709551615 1";
  EXPECT_EQ(probe_cpu(os).default_threads, 2) << "a huge quota does not wrap around";
}

TEST(ProbeCpu, NamesTheModel) {
  FakeOs os;
  EXPECT_EQ(probe_cpu(os).model, "unknown");
  os.files["/proc/cpuinfo"] = lines({"processor\t: 0", "cpu family\t: 26", "model\t\t: 2", "model name\t: AMD EPYC", "stepping\t: 1", "",
                                     "processor\t: 1", "model\t\t: 9"});
  EXPECT_EQ(probe_cpu(os).model, "AMD EPYC");
  EXPECT_EQ(probe_cpu(os).key, "AMD EPYC / 26 / 2 / 1");
  os.files["/proc/cpuinfo"] = "model name\t: evil\x1b[2J" + std::string(500, 'x') + "\n";
  EXPECT_LT(probe_cpu(os).model.size(), 120U);
  EXPECT_EQ(probe_cpu(os).model.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace plimsoll::probe
