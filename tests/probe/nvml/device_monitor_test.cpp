#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <new>
#include <thread>

#include <plimsoll/device_status.h>

#include "support/forwarding_os.h"
#include "support/heap_watch.h"
#include "support/nvml_script.h"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Bytes kTotal{std::uint64_t{40} << 30U};

/// A machine with some files of its own, the rest and the loader being real.
class MachineOs : public testing::ForwardingOs {
 public:
  std::map<std::string, std::string> files = {{"/proc/2/comm", "kthreadd\n"}, {"/proc/sys/kernel/osrelease", "6.1.0\n"}};
  std::map<std::string, std::string> variables;

  Result<std::string> read_text(const std::string& path, std::size_t limit) override {
    const auto found = files.find(path);
    if (found != files.end()) return found->second;
    if (path.starts_with("/proc/")) return Error{ErrorCode::not_found, "no such file", path};
    return ForwardingOs::read_text(path, limit);
  }
  bool is_directory(const std::string& path) override { return path == driver_folder; }
  std::optional<std::string> environment(const std::string& name) override {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  }
  std::string driver_folder;
};

class DeviceMonitorTest : public ::testing::Test {
 protected:
  DeviceMonitorTest() { script_.use(); }

  DeviceMonitor::Options options(const std::string& library = PLIMSOLL_STAND_IN) { return {library, 10s, 10s}; }
  DeviceReport look(const std::string& script) {
    script_.set(script);
    DeviceMonitor monitor(os_, options());
    return monitor.look();
  }
  std::string remark(const std::string& script) {
    const DeviceReport report = look(script);
    EXPECT_THAT(report.devices, IsEmpty());
    return report.remarks.size() == 1 ? report.remarks[0] : std::to_string(report.remarks.size()) + " remarks";
  }

  MachineOs os_;
  testing::NvmlScript script_;
};

TEST_F(DeviceMonitorTest, ReadsEverythingOfADevice) {
  os_.files["/proc/4242/status"] = "Name:\tpython3\nUid:\t1000\t1000\t1000\t1000\n";
  os_.files["/proc/4242/cmdline"] = std::string("/usr/bin/python3\0train.py\0", 26);
  os_.files["/proc/4242/cgroup"] = "0::/system.slice/docker-" + std::string(64, 'a') + ".scope\n";
  const DeviceReport report = look(
      "devices 1\nmemory 0 42949672960 21474836480 20996685824 478150656\nprocess 0 4242 20900000000\nutilisation 0 83\n"
      "temperature 0 61\nmilliwatts 0 250500\nthrottle 0 0x24\necc 0 3\nxid 0 79\n");
  ASSERT_THAT(report.devices, SizeIs(1));
  EXPECT_THAT(report.remarks, IsEmpty());
  EXPECT_EQ(report.driver, "999.42");
  const DeviceStatus& device = report.devices[0];
  EXPECT_THAT(device.remarks, IsEmpty());
  EXPECT_EQ(device.name, "gpu:0");
  EXPECT_EQ(device.cuda, 0);
  EXPECT_EQ(device.model, "NVIDIA A100-SXM4-40GB");
  EXPECT_EQ(device.pci, "00000000:00:00.0");
  EXPECT_EQ(device.total, kTotal);
  EXPECT_EQ(device.free, Bytes{21474836480});
  EXPECT_EQ(device.busy(), Bytes{21474836480});
  EXPECT_EQ(device.reserved, Bytes{478150656});
  EXPECT_EQ(device.utilisation, 83);
  EXPECT_EQ(device.temperature, 61);
  EXPECT_EQ(device.power, 250.5);
  EXPECT_EQ(device.power_limit, 400);
  EXPECT_EQ(device.pcie_generation, 4);
  EXPECT_EQ(device.pcie_width, 16);
  EXPECT_EQ(device.pcie_sent, 1.5e6);
  EXPECT_EQ(device.pcie_received, 1.2e9);
  EXPECT_THAT(*device.throttled, ElementsAre("power cap", "thermal limit"));
  EXPECT_EQ(device.ecc_corrected, 3U);
  EXPECT_EQ(device.ecc_uncorrected, 0U);
  ASSERT_THAT(device.processes, SizeIs(1));
  const ProcessStatus& process = device.processes[0];
  EXPECT_EQ(process.pid, 4242);
  EXPECT_EQ(process.used, Bytes{20900000000});
  EXPECT_EQ(process.command, "python3 train.py");
  EXPECT_EQ(process.container, "aaaaaaaaaaaa");
  EXPECT_EQ(process.utilisation, 42);
}

TEST_F(DeviceMonitorTest, TheGroupThatLeavesLeastLimitsADevice) {
  os_.files["/proc/self/cgroup"] = "0::/jobs/training\n";
  os_.files["/proc/self/mountinfo"] = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  const std::string device = "devices 1\nmemory 0 42949672960 21474836480 20996685824 478150656\nprocess 0 7 20996685824\n";
  const std::string outer = "limit 0 /sys/fs/cgroup/jobs 0 8589934592 7516192768\n";
  const std::string inner = "limit 0 /sys/fs/cgroup/jobs/training 1073741824 4294967296 1048576\n";
  const std::string none = "limit 0 /sys/fs/cgroup 0 0xffffffffffffffff 1\n";
  const DeviceStatus both = look(device + outer + inner + none).devices.at(0);
  ASSERT_TRUE(both.limit);
  EXPECT_EQ(both.limit->most, Bytes{8589934592}) << "of which 1 GiB is left, of the inner one nearly 4 GiB";
  EXPECT_EQ(both.limit->used, Bytes{7516192768});
  EXPECT_EQ(both.limit->set_by, "/sys/fs/cgroup/jobs");
  EXPECT_EQ(both.free, Bytes{1073741824});
  EXPECT_THAT(both.remarks, IsEmpty());
  const DeviceStatus one = look(device + inner + none).devices.at(0);
  ASSERT_TRUE(one.limit);
  EXPECT_EQ(one.limit->guaranteed, Bytes{1073741824});
  EXPECT_EQ(one.free, Bytes{4293918720});
  EXPECT_EQ(look(device + inner + "memory 0 42949672960 1048576 42470473728 478150656\n").devices.at(0).free, Bytes{1048576})
      << "a limit is no promise";
  for (const std::string& silent : {none, inner + "DeviceGetMemoryLimits * error 3\n", inner + "DeviceGetMemoryLimits * error 17\n"}) {
    const DeviceStatus unlimited = look(device + silent).devices.at(0);
    EXPECT_FALSE(unlimited.limit) << silent;
    EXPECT_EQ(unlimited.free, Bytes{21474836480});
    EXPECT_THAT(unlimited.remarks, IsEmpty());
  }
  EXPECT_TRUE(look(device + inner + "DeviceGetMemoryLimits * error 15\n").devices.at(0).lost);
}

TEST_F(DeviceMonitorTest, HearsOfXidErrorsFromTheFirstLookOn) {
  script_.set("devices 2\n");
  DeviceMonitor monitor(os_, options());
  EXPECT_THAT(monitor.look().devices.at(1).xids, IsEmpty());
  std::string lines = "devices 2\n";
  // The stand-in delivers each line once, whichever monitor asks.
  for (int i = 0; i < 9; ++i) lines += "xid 1 " + std::to_string(40 + i) + "\n";
  script_.set(lines);
  const DeviceReport report = monitor.look();
  EXPECT_THAT(report.devices.at(0).xids, IsEmpty());
  ASSERT_THAT(report.devices.at(1).xids, SizeIs(8)) << "the last ones";
  EXPECT_EQ(report.devices.at(1).xids.back(), 48U);
}

TEST_F(DeviceMonitorTest, XidErrorsAreOfTheirDeviceAlsoWithoutAUuid) {
  const std::string devices = "devices 2\nDeviceGetUUID * error 3\n";
  script_.set(devices);
  DeviceMonitor monitor(os_, options());
  monitor.look();
  std::string lines = devices;
  for (int i = 0; i < 30; ++i) lines += "xid 1 79\n";
  script_.set(lines);
  const DeviceReport report = monitor.look();
  EXPECT_THAT(report.devices.at(0).xids, IsEmpty());
  EXPECT_THAT(report.devices.at(1).xids, ::testing::Contains(79U));
}

TEST_F(DeviceMonitorTest, AnOldLibraryHasLessToTell) {
  script_.set("devices 1\nmemory 0 42949672960 21474836480 21474836480\nprocess 0 7 1000\n");
  DeviceMonitor monitor(os_, options(PLIMSOLL_OLD_STAND_IN));
  const DeviceReport report = monitor.look();
  ASSERT_THAT(report.devices, SizeIs(1));
  const DeviceStatus& device = report.devices[0];
  EXPECT_EQ(device.busy(), Bytes{21474836480});
  EXPECT_FALSE(device.reserved);
  ASSERT_THAT(device.processes, SizeIs(1));
  EXPECT_EQ(device.processes[0].used, Bytes{1000});
  EXPECT_THAT(device.remarks, ::testing::Contains(HasSubstr("this driver has no such call")));
  EXPECT_THAT(device.remarks, ::testing::Not(::testing::Contains(HasSubstr("held by nobody"))))
      << "what the driver keeps for itself is not told here";
}

TEST_F(DeviceMonitorTest, WithoutADriverThereIsOneRemark) {
  DeviceMonitor none(os_, options("libno-such-library.so.1"));
  const DeviceReport report = none.look();
  EXPECT_THAT(report.devices, IsEmpty());
  EXPECT_THAT(report.remarks, ElementsAre("no GPU: there is no NVIDIA driver (libno-such-library.so.1)"));
  os_.driver_folder = "/proc/driver/nvidia";
  DeviceMonitor container(os_, options("libno-such-library.so.1"));
  EXPECT_THAT(container.look().remarks, ElementsAre(HasSubstr("NVIDIA_DRIVER_CAPABILITIES=utility")));
  DeviceMonitor wrong(os_, options("libm.so.6"));
  EXPECT_THAT(wrong.look().remarks, ElementsAre(HasSubstr("this driver has no such call")));
}

TEST_F(DeviceMonitorTest, WithoutAThreadToAskItIsNotSaidToHang) {
  os_.gate().refuse({1, true, static_cast<int>(Acquisition::thread)});
  EXPECT_THAT(remark("devices 1\n"), HasSubstr("no thread can be started to ask the driver (NVML): raise the limits on processes"));
}

TEST_F(DeviceMonitorTest, SaysWhyTheDriverDoesNotStartAndWhatToDo) {
  EXPECT_THAT(remark("Init * error 18\n"), HasSubstr("different versions (NVML): reboot, or reload the nvidia modules"));
  EXPECT_THAT(remark("Init * error 9\n"), HasSubstr("the driver is not loaded"));
  EXPECT_THAT(remark("Init * error 4\n"), HasSubstr("/dev/nvidia*"));
  EXPECT_THAT(remark("Init * error 999\n"), HasSubstr("restart the container"));
  EXPECT_THAT(remark("Init * error 12345\n"), HasSubstr("error 12345"));
  EXPECT_THAT(remark("devices 8\nDeviceGetCount * error 3\n"), HasSubstr("GPUs are unknown: not supported"));
  EXPECT_THAT(remark("devices 0\n"), HasSubstr("the driver names none"));
}

TEST_F(DeviceMonitorTest, EveryCallMayFailByItself) {
  for (const char* call : {"SystemGetDriverVersion",
                           "DeviceGetUUID",
                           "DeviceGetName",
                           "DeviceGetPciInfo",
                           "DeviceGetComputeRunningProcesses",
                           "DeviceGetGraphicsRunningProcesses",
                           "DeviceGetMPSComputeRunningProcesses",
                           "DeviceGetUtilizationRates",
                           "DeviceGetTemperature",
                           "DeviceGetPowerUsage",
                           "DeviceGetEnforcedPowerLimit",
                           "DeviceGetCurrPcieLinkGeneration",
                           "DeviceGetCurrPcieLinkWidth",
                           "DeviceGetPcieThroughput",
                           "DeviceGetCurrentClocksThrottleReasons",
                           "DeviceGetTotalEccErrors",
                           "DeviceGetRemappedRows",
                           "DeviceGetMigMode",
                           "EventSetCreate",
                           "DeviceRegisterEvents",
                           "DeviceGetBAR1MemoryInfo"}) {
    for (const int code : {1, 3, 4, 6, 7, 10, 13, 21, 999, -5}) {
      const DeviceReport report = look("devices 1\n" + std::string(call) + " * error " + std::to_string(code) + "\n");
      ASSERT_THAT(report.devices, SizeIs(1)) << call;
      EXPECT_EQ(report.devices[0].total, kTotal) << call << " " << code;
      EXPECT_LE(report.devices[0].remarks.size(), 1U) << call << " " << code;
    }
  }
  const DeviceStatus device = look("devices 1\nDeviceGetPowerUsage 0 error 3\nDeviceGetTemperature 0 error 3\n").devices.at(0);
  EXPECT_FALSE(device.power);
  EXPECT_FALSE(device.temperature);
  EXPECT_THAT(device.remarks, ElementsAre("temperature, power are unknown: not supported by this device"));
}

TEST_F(DeviceMonitorTest, FiguresThatMakeNoSenseAreUnknown) {
  for (const char* memory : {"0 0 0 0", "42949672960 42949672961 0 0", "18446744073709551615 18446744073709551615 0 0",
                             "42949672960 1 18446744073709551615 0", "42949672960 18446744073709551615 5 0"}) {
    const DeviceStatus device = look("devices 1\nmemory 0 " + std::string(memory) + "\n").devices.at(0);
    EXPECT_FALSE(device.total) << memory;
    EXPECT_FALSE(device.free) << memory;
    EXPECT_FALSE(device.busy()) << memory;
    EXPECT_THAT(device.remarks, ElementsAre(HasSubstr("memory is unknown: the driver's figures make no sense"))) << memory;
  }
}

TEST_F(DeviceMonitorTest, ReadingsThatMakeNoSenseAreUnknown) {
  const DeviceStatus device =
      look("devices 1\ntemperature 0 4294967295\nmilliwatts 0 4294967295\nutilisation 0 4000000000\n").devices.at(0);
  EXPECT_FALSE(device.temperature);
  EXPECT_FALSE(device.power);
  EXPECT_FALSE(device.utilisation);
}

TEST_F(DeviceMonitorTest, FiguresThatContradictEachOtherWidenTheMargin) {
  const DeviceStatus sound = look("devices 1\n").devices.at(0);
  EXPECT_THAT(sound.remarks, IsEmpty());
  const DeviceStatus device = look("devices 1\nmemory 0 42949672960 42949672960 32212254720 0\n").devices.at(0);
  EXPECT_EQ(device.free, Bytes{10737418240});
  EXPECT_EQ(device.margin, Bytes{kTotal.count / 8});
  EXPECT_GT(device.margin, sound.margin);
  EXPECT_THAT(device.remarks, ::testing::Contains(HasSubstr("contradict each other")));
}

TEST_F(DeviceMonitorTest, UsedMayHoldTheReservedPartOrNot) {
  for (const char* used : {"32212254720", "29527900160"}) {
    const DeviceStatus device = look("devices 1\nmemory 0 42949672960 10737418240 " + std::string(used) + " 2684354560\n").devices.at(0);
    EXPECT_EQ(device.busy(), Bytes{32212254720});
    EXPECT_THAT(device.remarks, ::testing::Not(::testing::Contains(HasSubstr("contradict")))) << used;
  }
}

TEST_F(DeviceMonitorTest, UnifiedMemoryIsTheHosts) {
  const DeviceStatus device = look("devices 1\nDeviceGetMemoryInfo_v2 0 error 3\nDeviceGetMemoryInfo 0 error 3\n").devices.at(0);
  EXPECT_FALSE(device.total);
  EXPECT_THAT(device.remarks, ElementsAre(HasSubstr("what is available to cpu counts")));
}

TEST_F(DeviceMonitorTest, OfAProcessMemoryMayBeUnknown) {
  const DeviceStatus device = look("devices 1\nprocess 0 5 18446744073709551615\nprocess 0 6 1000\ngraphics 0 6 800\n").devices.at(0);
  ASSERT_THAT(device.processes, SizeIs(2));
  EXPECT_EQ(device.processes[0].pid, 6);
  EXPECT_EQ(device.processes[0].used, Bytes{1000}) << "of two lists that name it, the larger figure";
  EXPECT_FALSE(device.processes[1].used);
}

TEST_F(DeviceMonitorTest, ManyProcessesAreListedWhole) {
  std::string script = "devices 1\n";
  for (int i = 0; i < 300; ++i) script += "process 0 " + std::to_string(1000 + i) + " " + std::to_string(i << 20) + "\n";
  const DeviceStatus device = look(script).devices.at(0);
  ASSERT_THAT(device.processes, SizeIs(300));
  EXPECT_EQ(device.processes[0].pid, 1299);
}

TEST_F(DeviceMonitorTest, MemoryThatNobodyHoldsIsRemarked) {
  const DeviceStatus device = look("devices 1\nmemory 0 42949672960 32212254720 10737418240 0\nprocess 0 5 5368709120\n").devices.at(0);
  EXPECT_THAT(device.remarks, ElementsAre(HasSubstr("5.00 GiB is held by nobody")));
}

TEST_F(DeviceMonitorTest, NumbersOfAnotherNamespaceNameNobody) {
  os_.files["/proc/2/comm"] = "sh\n";
  os_.files["/proc/5/status"] = "Name:\tinnocent\nUid:\t0\t0\t0\t0\n";
  const DeviceReport report = look("devices 1\nprocess 0 5 1000\n");
  EXPECT_EQ(report.devices.at(0).processes.at(0).command, "");
  EXPECT_THAT(report.remarks, ElementsAre(HasSubstr("--pid=host")));
  EXPECT_THAT(look("devices 1\n").remarks, IsEmpty());
}

TEST_F(DeviceMonitorTest, WslTellsNoProcesses) {
  os_.files["/proc/sys/kernel/osrelease"] = "5.15.90.1-microsoft-standard-WSL2\n";
  EXPECT_THAT(look("devices 1\n").remarks, ElementsAre(HasSubstr("WSL does not tell")));
}

TEST_F(DeviceMonitorTest, InstancesFollowTheDeviceThatTheyAreOf) {
  const DeviceReport report = look(
      "devices 2\nmig 1 2\nmemory 200 5368709120 4294967296 1073741824 0\nprocess 200 9 1000000000\n"
      "DeviceGetMemoryInfo_v2 1 error 4\nDeviceGetMemoryInfo 1 error 4\n");
  ASSERT_THAT(report.devices, SizeIs(4));
  EXPECT_EQ(report.devices[1].name, "gpu:1");
  EXPECT_TRUE(report.devices[1].split);
  EXPECT_FALSE(report.devices[1].cuda);
  EXPECT_THAT(report.devices[1].remarks, ElementsAre("memory is unknown: no permission"));
  EXPECT_EQ(report.devices[2].name, "gpu:1/mig:0");
  EXPECT_EQ(report.devices[2].total, Bytes{5368709120});
  EXPECT_EQ(report.devices[2].mig, report.devices[1].uuid + "/7/0");
  EXPECT_EQ(report.devices[2].processes.at(0).pid, 9);
  EXPECT_EQ(report.devices[3].name, "gpu:1/mig:1");
}

TEST_F(DeviceMonitorTest, OnlyVisibleDevicesHaveANumberOfCudas) {
  os_.variables["CUDA_VISIBLE_DEVICES"] = "2,0";
  const DeviceReport report = look("devices 3\n");
  EXPECT_EQ(report.devices.at(0).cuda, 1);
  EXPECT_FALSE(report.devices.at(1).cuda);
  EXPECT_EQ(report.devices.at(2).cuda, 0);
}

TEST_F(DeviceMonitorTest, TellsThatCudaMayOrderUnlikeDevicesInAnotherWay) {
  EXPECT_THAT(look("devices 2\nmodel 1 NVIDIA T4\n").remarks, ElementsAre(HasSubstr("CUDA_DEVICE_ORDER")));
  os_.variables["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID";
  EXPECT_THAT(look("devices 2\nmodel 1 NVIDIA T4\n").remarks, IsEmpty());
}

TEST_F(DeviceMonitorTest, ADeviceMayDisappear) {
  script_.set("devices 2\n");
  DeviceMonitor monitor(os_, options());
  const std::string uuid = monitor.look().devices.at(1).uuid;
  script_.set("devices 2\nDeviceGetName 1 error 15\n");
  DeviceReport report = monitor.look();
  EXPECT_TRUE(report.devices.at(1).lost);
  EXPECT_THAT(report.devices.at(1).remarks, ElementsAre(HasSubstr("fallen off the bus")));
  EXPECT_EQ(report.devices.at(0).total, kTotal) << "the other one is well";
  script_.set("devices 1\n");
  report = monitor.look();
  ASSERT_THAT(report.devices, SizeIs(2));
  EXPECT_TRUE(report.devices[1].lost);
  EXPECT_EQ(report.devices[1].uuid, uuid);
  EXPECT_FALSE(report.devices[1].total);
}

TEST_F(DeviceMonitorTest, ACallThatHangsCostsItsDeviceAlone) {
  script_.set("devices 3\nDeviceGetTemperature 1 hang\n");
  DeviceMonitor::Options quick = options();
  quick.patience = 300ms;
  {
    DeviceMonitor monitor(os_, quick);
    DeviceReport report = monitor.look();
    EXPECT_EQ(report.devices.at(1).total, kTotal) << "what came before is known";
    EXPECT_FALSE(report.devices.at(1).power);
    EXPECT_THAT(report.devices.at(1).remarks,
                ElementsAre("temperature and what comes after it are unknown: the driver did not answer within 300 ms"));
    EXPECT_EQ(report.devices.at(2).temperature, 34);
    for (int i = 0; i < 8; ++i) {
      report = monitor.look();
      EXPECT_THAT(report.devices.at(1).remarks, ElementsAre(HasSubstr("has not returned yet"))) << "it is not asked again";
      EXPECT_EQ(report.devices.at(2).temperature, 34);
    }
    script_.set("devices 3\n");
    for (int i = 0; i < 1000 && monitor.look().devices.at(1).temperature != 34; ++i) std::this_thread::sleep_for(5ms);
    EXPECT_EQ(monitor.look().devices.at(1).temperature, 34) << "it has returned, and all is well";
  }
}

TEST_F(DeviceMonitorTest, ADriverThatHangsAtItsStartOrInCountingIsLeftAlone) {
  DeviceMonitor::Options quick = options();
  quick.patience = quick.start_patience = 50ms;
  script_.set("devices 3\nInit * hang\n");
  DeviceMonitor monitor(os_, quick);
  EXPECT_THAT(monitor.look().remarks, ElementsAre(HasSubstr("did not answer within 50 ms")));
  EXPECT_THAT(monitor.look().remarks, ElementsAre(HasSubstr("did not answer within 50 ms")));
  script_.set("devices 3\nDeviceGetCount * hang\n");
  DeviceMonitor counting(os_, quick);
  for (int i = 0; i < 8; ++i) EXPECT_THAT(counting.look().remarks, ElementsAre(HasSubstr("GPUs are unknown"))) << i;
  script_.set("devices 3\n");
  for (int i = 0; i < 1000 && counting.look().devices.empty(); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_THAT(counting.look().devices, SizeIs(3));
}

TEST_F(DeviceMonitorTest, AnEndThatHangsIsLeftBehindToo) {
  script_.set("devices 1\nShutdown * hang\n");
  DeviceMonitor::Options quick = options();
  quick.patience = 50ms;
  DeviceMonitor monitor(os_, quick);
  EXPECT_THAT(monitor.look().devices, SizeIs(1));
}

TEST_F(DeviceMonitorTest, AnyAcquisitionMayFail) {
  script_.set("devices 2\nprocess 0 5 1000\n");
  for (std::uint64_t n = 1;; ++n) {
    os_.gate().refuse({n, true, -1});
    DeviceMonitor monitor(os_, options());
    const DeviceReport report = monitor.look();
    EXPECT_TRUE(report.devices.size() == 2 || report.remarks.size() == 1);
    if (os_.gate().refused() == 0) break;
    ASSERT_LT(n, 50U);
  }
}

// The looks themselves may throw it too, to whoever asked for them.
TEST_F(DeviceMonitorTest, AnAnswerThatTheHeapHasNoRoomForIsMissing) {
  script_.set("devices 1\nprocess 0 5 1000\n");
  int missing = 0;
  for (std::size_t n = 1, refused = 1; refused > 0; ++n) {
    ASSERT_LT(n, 5000U);
    DeviceMonitor monitor(os_, options());
    DeviceReport report;
    try {
      const testing::HeapFault fault(n, 1);
      report = monitor.look();
    } catch (const std::bad_alloc&) {}
    refused = testing::HeapFault::refused();
    for (const DeviceStatus& device : report.devices) {
      for (const std::string& remark : device.remarks)
        missing += remark == "processes is unknown: there is no memory for the answer" ? 1 : 0;
    }
  }
  EXPECT_GT(missing, 0);
}

}  // namespace
}  // namespace plimsoll
