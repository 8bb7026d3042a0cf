// `doctor` without a log: what it says of the devices, for each way in which a driver can be missing or silent.
#include "diagnosis/device_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "support/forwarding_os.h"
#include "support/nvml_script.h"

namespace plimsoll::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A machine whose files of the driver are as they are told.
class DriverOs : public testing::ForwardingOs {
 public:
  std::map<std::string, std::string> files = {{"/proc/2/comm", "kthreadd\n"}, {"/proc/sys/kernel/osrelease", "6.1.0\n"}};
  std::vector<std::string> nodes;
  bool driver = false;

  Result<std::string> read_text(const std::string& path, std::size_t limit) override {
    const auto found = files.find(path);
    if (found != files.end()) return found->second;
    if (path.starts_with("/proc/")) return Error{ErrorCode::not_found, "no such file", path};
    return ForwardingOs::read_text(path, limit);
  }
  bool is_directory(const std::string& path) override { return driver && path == "/proc/driver/nvidia"; }
  std::vector<std::string> list_directory(const std::string& path) override {
    return path == "/dev" ? nodes : ForwardingOs::list_directory(path);
  }
  std::optional<std::string> environment(const std::string& /*name*/) override { return std::nullopt; }
};

class DeviceCheck : public ::testing::Test {
 protected:
  DeviceCheck() { script_.use(); }

  std::vector<CheckLine> check(const std::string& script, const std::string& library = kStandIn, std::chrono::milliseconds patience = 10s) {
    script_.set(script);
    DeviceMonitor monitor(os_, {library, patience, patience});
    return check_devices(os_, monitor.look());
  }
  /// The first line that is not well; it must say what to do.
  CheckLine amiss(const std::string& script) {
    for (const CheckLine& line : check(script)) {
      if (!line.ok) return line;
    }
    return {};
  }

  static constexpr const char* kStandIn = PLIMSOLL_STAND_IN_FOLDER "/libnvidia-ml.so.1";
  DriverOs os_;
  testing::NvmlScript script_;
};

TEST_F(DeviceCheck, DevicesThatAreWellHaveALineEach) {
  os_.nodes = {"nvidia0", "nvidiactl"};
  const auto lines = check("devices 2\nmemory 1 42949672960 21474836480 21474836480 0\nprocess 1 1 21000000000\n");
  ASSERT_EQ(lines.size(), 4U);
  for (const CheckLine& line : lines) EXPECT_TRUE(line.ok && line.fix.empty()) << line.name << ": " << line.found;
  EXPECT_EQ(lines[0].found, "NVIDIA 999.42");
  EXPECT_EQ(lines[1].found, "tells of 2 devices");
  EXPECT_EQ(lines[3].name, "gpu:1");
  EXPECT_THAT(lines[3].found, HasSubstr("A100-SXM4-40GB (cuda:1): 20.0 GiB of 40.0 GiB free"));
}

TEST_F(DeviceCheck, WhatADeviceCannotTellIsNotAmiss) {
  const auto lines = check("devices 1\nDeviceGetPowerUsage 0 error 3\n");
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_THAT(lines[3].found, HasSubstr("power is unknown: not supported by this device"));
  for (const CheckLine& line : lines) EXPECT_TRUE(line.ok && line.fix.empty()) << line.name << ": " << line.found;
}

TEST_F(DeviceCheck, AMachineWithoutADriverIsWell) {
  const auto lines = check("", "libno-such-library.so.1");
  ASSERT_EQ(lines.size(), 2U);
  for (const CheckLine& line : lines) EXPECT_TRUE(line.ok && line.fix.empty()) << line.name << ": " << line.found;
  EXPECT_THAT(lines[1].found, HasSubstr("there is no NVIDIA driver"));
}

TEST_F(DeviceCheck, FilesTellWhatIsMissing) {
  os_.nodes = {"nvidia0"};
  EXPECT_THAT(check("", "libno-such-library.so.1")[0].fix, HasSubstr("modprobe nvidia"));
  os_.nodes = {};
  os_.driver = true;
  os_.files["/proc/driver/nvidia/version"] = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  575.57\nGCC version: 12\n";
  const auto lines = check("", "libno-such-library.so.1");
  EXPECT_THAT(lines[0].found, HasSubstr("575.57"));
  EXPECT_THAT(lines[0].fix, HasSubstr("--gpus all"));
  EXPECT_THAT(lines[1].fix, HasSubstr("NVIDIA_DRIVER_CAPABILITIES=utility"));
}

struct Mode {
  const char* name;
  const char* script;
  const char* found;
  const char* fix;
};

class DegradedMode : public DeviceCheck, public ::testing::WithParamInterface<Mode> {};

TEST_P(DegradedMode, IsALineWithItsFix) {
  const CheckLine line = amiss(GetParam().script);
  EXPECT_FALSE(line.ok);
  EXPECT_THAT(line.found, HasSubstr(GetParam().found));
  EXPECT_THAT(line.fix, HasSubstr(GetParam().fix));
}

INSTANTIATE_TEST_SUITE_P(
    All, DegradedMode,
    ::testing::Values(Mode{"VersionMismatch", "Init * error 18\n", "of different versions", "reboot, or reload"},
                      Mode{"NotLoaded", "Init * error 9\n", "not loaded", "load the nvidia module"},
                      Mode{"NoPermission", "Init * error 4\n", "no permission", "/dev/nvidia*"},
                      Mode{"DaemonReload", "Init * error 999\n", "unknown error", "restart the container"},
                      Mode{"Another", "Init * error 12345\n", "error 12345", "nvidia-smi"},
                      Mode{"CountFails", "devices 8\nDeviceGetCount * error 3\n", "not supported", "nvidia-smi"},
                      Mode{"NamesNone", "devices 0\n", "names none", "--gpus all"},
                      Mode{"Lost", "devices 1\nDeviceGetName 0 error 15\n", "lost", "Xid"},
                      Mode{"NeedsReset", "devices 1\nDeviceGetName 0 error 16\n", "needs a reset", "--gpu-reset"},
                      Mode{"Unified", "devices 1\nDeviceGetMemoryInfo_v2 0 error 3\nDeviceGetMemoryInfo 0 error 3\n", "share the host's",
                           "`memory`"},
                      Mode{"Contradiction", "devices 1\nmemory 0 42949672960 32212254720 32212254720 0\n", "contradict", "newer driver"},
                      Mode{"Instances", "devices 1\nmig 0 1\nDeviceGetMemoryInfo_v2 0 error 4\nDeviceGetMemoryInfo 0 error 4\n",
                           "no permission", "as root"},
                      Mode{"Interrupts", "devices 1\nDeviceGetMemoryInfo_v2 0 error 11\nDeviceGetMemoryInfo 0 error 11\n",
                           "interrupts do not arrive", "nvidia-smi"},
                      Mode{"Records", "devices 1\nDeviceGetPowerUsage 0 error 14\n", "records are corrupt", "nvidia-smi"},
                      Mode{"Nobodys", "devices 1\nmemory 0 42949672960 32212254720 10737418240 0\n", "held by nobody", "fuser"}),
    [](const auto& each) { return each.param.name; });

TEST_F(DeviceCheck, ContainersAndWslAreSaid) {
  os_.files["/proc/2/comm"] = "sh\n";
  EXPECT_EQ(amiss("devices 1\nprocess 0 5 1000\n").fix, "start the container with --pid=host");
  os_.files["/proc/2/comm"] = "kthreadd\n";
  os_.files["/proc/sys/kernel/osrelease"] = "5.15.90.1-microsoft-standard-WSL2\n";
  EXPECT_THAT(amiss("devices 1\n").fix, HasSubstr("Task Manager"));
  EXPECT_THAT(amiss("devices 1\n").found, HasSubstr("WSL does not tell"));
}

TEST_F(DeviceCheck, UnlikeDevicesMayBeNumberedInAnotherWay) {
  EXPECT_EQ(amiss("devices 2\nmodel 1 NVIDIA T4\n").fix, "export CUDA_DEVICE_ORDER=PCI_BUS_ID");
}

TEST_F(DeviceCheck, ADriverThatHangsIsSaid) {
  const auto lines = check("Init * hang\n", kStandIn, 100ms);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[1].found, HasSubstr("did not answer within 100 ms"));
  EXPECT_THAT(lines[1].fix, HasSubstr("kernel's log"));
}

TEST_F(DeviceCheck, MemoryOfAHostsNodeMayCountForAWhile) {
  EXPECT_THAT(amiss("devices 1\nmodel 0 NVIDIA GH200 480GB\nmemory 0 42949672960 32212254720 10737418240 0\n").found,
              HasSubstr("a node of the host's"));
}

}  // namespace
}  // namespace plimsoll::cli
