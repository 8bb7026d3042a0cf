#include <gtest/gtest.h>

#include <plimsoll/machine.h>

#include "probe/fake_machine.h"

namespace plimsoll::probe::testing {
namespace {

const std::string kOwn = "/sys/fs/cgroup/job";

std::string pressure(const std::string& some) {
  return lines({"some avg10=" + some + " avg60=1.00 avg300=0.50 total=12345", "full avg10=90.00 avg60=0.00 avg300=0.00 total=1"});
}

/// A host with plenty of memory, whose system-wide pressure is 60%.
class Pressure : public ::testing::Test {
 protected:
  Pressure() {
    add_host(machine_);
    machine_.files["/proc/pressure/memory"] = pressure("60.00");
  }
  void enter_group() {
    machine_.files["/proc/self/mountinfo"] = lines({version2_mount()});
    machine_.files["/proc/self/cgroup"] = "0::/job\n";
    machine_.files[kOwn + "/cgroup.events"] = "populated 1\n";
  }
  void exhaust() { machine_.files["/proc/meminfo"] = lines({"MemTotal: 16777216 kB", "MemAvailable: 1048576 kB"}); }

  FakeOs machine_;
};

TEST_F(Pressure, IsThatOfTheOwnGroup) {
  enter_group();
  machine_.files[kOwn + "/memory.pressure"] = pressure("12.50");
  const auto found = probe_pressure(machine_);
  ASSERT_TRUE(found);
  EXPECT_DOUBLE_EQ(found->some, 12.5);
  EXPECT_EQ(found->seen, kOwn + "/memory.pressure");
}

TEST_F(Pressure, OfOthersInTheirOwnGroupsDoesNotCount) {
  EXPECT_FALSE(probe_pressure(machine_)) << "they wait although the system has plenty";
  enter_group();
  machine_.files[kOwn + "/memory.pressure"] = pressure("0.00");
  exhaust();
  EXPECT_EQ(probe_pressure(machine_)->some, 0) << "nobody waits in ours, whatever the system says";
}

TEST_F(Pressure, OfTheSystemCountsWhereItIsShortAndNoGroupTells) {
  exhaust();
  ASSERT_TRUE(probe_pressure(machine_));
  EXPECT_DOUBLE_EQ(probe_pressure(machine_)->some, 60);
  // The root of the hierarchy is the whole system.
  enter_group();
  machine_.files.erase(kOwn + "/cgroup.events");
  machine_.files[kOwn + "/memory.pressure"] = pressure("1.00");
  EXPECT_DOUBLE_EQ(probe_pressure(machine_)->some, 60);
}

TEST_F(Pressure, ThatIsAbsentOrMakesNoSenseIsNone) {
  exhaust();
  for (const char* text : {"", "some", "some avg10=\n", "some avg10=x\n", "some avg10=-1.0\n", "some avg10=101.0\n", "some avg10=nan\n",
                           "full avg10=50.00\n", "some avg60=50.00\n"}) {
    machine_.files["/proc/pressure/memory"] = text;
    EXPECT_FALSE(probe_pressure(machine_)) << text;
  }
  machine_.files.erase("/proc/pressure/memory");
  EXPECT_FALSE(probe_pressure(machine_));
}

}  // namespace
}  // namespace plimsoll::probe::testing
