#include <gtest/gtest.h>

#include <plimsoll/machine.h>

#include "support/fake_os.h"

namespace plimsoll {
namespace {

TEST(ProbeMachine, OfTheRealMachineMakesSense) {
  Gate gate;
  const auto os = make_os(gate);
  const auto snapshot = probe_machine(*os);
  ASSERT_TRUE(snapshot.ok());
  const HostMemory& memory = snapshot->memory;
  EXPECT_GT(memory.total, mib(64));
  EXPECT_GT(memory.available, Bytes{0});
  EXPECT_LE(memory.available, memory.total);
  EXPECT_GT(memory.ours, kib(16));
  EXPECT_LE(memory.budget, memory.available + memory.ours);
  EXPECT_FALSE(memory.set_by.empty());
  EXPECT_GE(snapshot->cpu.default_threads, 1);
  EXPECT_LE(snapshot->cpu.default_threads, snapshot->cpu.physical);
  EXPECT_LE(snapshot->cpu.physical, snapshot->cpu.logical);
  EXPECT_FALSE(snapshot->cpu.model.empty());
}

// The kernel says so when nothing is left at all.
TEST(HostMemory, NoneAvailableIsNotUnknown) {
  testing::FakeOs os;
  os.files["/proc/meminfo"] = "MemTotal: 1024 kB\nMemAvailable: 0 kB\n";
  os.files["/proc/self/status"] = "RssAnon:\t8 kB\n";
  EXPECT_EQ(probe_memory(os).contended_budget(), kib(8));
  os.files.erase("/proc/meminfo");
  EXPECT_GT(probe_memory(os).contended_budget(), mib(1024));
}

}  // namespace
}  // namespace plimsoll
