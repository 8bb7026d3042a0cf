// Messages of runtimes and daemons that have no name among the sources: Python, NumPy, C++, Java, Node.js, Ray, SGLang, earlyoom.
#include "doctor/support.h"

namespace plimsoll::doctor::test {
namespace {

Expected of_host(Confidence confidence, double requested = -1) {
  return {Source::other, Cause::host_limit, confidence, true, requested, -1, -1, -1, -1, -1, "cpu"};
}

class Programs : public ::testing::TestWithParam<Sample> {};

TEST_P(Programs, AreRecognisedInAnyDisguise) {
  for (const auto& [name, log] : disguises(GetParam().log)) {
    SCOPED_TRACE(name);
    const auto found = diagnose(log);
    ASSERT_EQ(found.size(), 1U) << log;
    expect_diagnosis(found[0], GetParam().expected);
  }
}

const Sample kPrograms[] = {
    {"Python", "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n    x = [0] * 10**12\nMemoryError",
     of_host(Confidence::medium)},
    {"PythonInAContainersLog", R"({"log":"MemoryError\n","stream":"stderr","time":"2026-11-27T00:00:00Z"})", of_host(Confidence::medium)},
    {"PythonOfAModule", "ERROR:root:builtins.MemoryError: \nno more", of_host(Confidence::medium)},
    {"RaysDaemon",
     "(raylet, ip=10.0.0.2) [2024-05-31 04:40:47,123 E 311 311] (raylet) node_manager.cc:3064: 2 Workers (tasks / actors) killed due to "
     "memory pressure (OOM), 0 Workers crashed due to other reasons at node",
     of_host(Confidence::high)},
    {"Numpy",
     "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 74.5 GiB for an array with shape (100000, 100000) and data type float64",
     of_host(Confidence::high, 74.5 * 1024)},
    {"NumpyBefore", "MemoryError: Unable to allocate 745. MiB for an array with shape (9765625, 10) and data type float64",
     of_host(Confidence::high, 745)},
    {"NumpyCutInFront", "Unable to allocate 3.12 GiB for an array with shape (1024, 1024, 400) and data type float64",
     of_host(Confidence::high, 3.12 * 1024)},
    {"CppUncaught", "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\nAborted (core dumped)",
     of_host(Confidence::medium)},
    {"Rust", "memory allocation of 8589934592 bytes failed\nAborted (core dumped)", of_host(Confidence::high, 8192)},
    {"Go", "fatal error: runtime: out of memory", of_host(Confidence::medium)},
    {"GoWithItsSize",
     "runtime: out of memory: cannot allocate 4194304-byte block (3758096384 in use)\nfatal error: out of memory\n\nruntime stack:",
     of_host(Confidence::high, 4)},
    {"CppThroughPython", "MemoryError: std::bad_alloc", of_host(Confidence::medium)},
    {"CppReported", "RuntimeError: std::bad_alloc", of_host(Confidence::medium)},
    {"Errno", "OSError: [Errno 12] Cannot allocate memory", of_host(Confidence::medium)},
    {"ErrnoOfJava",
     "OpenJDK 64-Bit Server VM warning: INFO: os::commit_memory(0x00000006c0000000, 5368709120, 0) failed; error='Cannot allocate memory' "
     "(errno=12)",
     of_host(Confidence::medium)},
    {"Fork", "-bash: fork: Cannot allocate memory", of_host(Confidence::medium)},
    {"JavaHeap", "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space", of_host(Confidence::high)},
    {"JavaCollects", "Caused by: java.lang.OutOfMemoryError: GC overhead limit exceeded", of_host(Confidence::high)},
    {"Node", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", of_host(Confidence::high)},
    {"NodeBefore", "FATAL ERROR: CALL_AND_RETRY_LAST Allocation failed - JavaScript heap out of memory", of_host(Confidence::high)},
    {"Earlyoom",
     "mem avail:   413 of 15777 MiB ( 2.62%), swap free:    0 of    0 MiB ( 0.00%)\nlow memory! at or below SIGTERM limits: mem 10.00%, "
     "swap "
     "10.00%\nsending SIGTERM to process 2241 uid 1000 \"python3\": badness 1049, VmRSS 11532 MiB",
     of_host(Confidence::high)},
    {"EarlyoomWithoutAUser", "sending SIGKILL to process 3213 \"chrome\": badness 987, VmRSS 2391 MiB", of_host(Confidence::high)},
};

INSTANTIATE_TEST_SUITE_P(All, Programs, ::testing::ValuesIn(kPrograms), [](const auto& each) { return each.param.name; });

TEST(Programs, RayTellsOfItsNode) {
  const auto found = diagnose(
      "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.\nMemory on the node (IP: 172.31.4.10, ID: "
      "4fd2) where the task (task ID: c1, name=train, pid=311, memory used=9.10GB) was running was 59.61GB / 62.00GB (0.96), which exceeds "
      "the memory usage threshold of 0.95. Ray killed this worker (ID: 7c) because it was the most recently scheduled task.\n");
  ASSERT_EQ(found.size(), 1U);
  Expected expected = of_host(Confidence::high);
  expected.total = 62 * 1024;
  expected.free = 2.39 * 1024;
  expect_diagnosis(found[0], expected);
}

TEST(Programs, SglangsShareIsItsOwn) {
  for (const char* log : {"RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.",
                          "ValueError: Not enough memory. Please try increasing --mem-fraction-static."}) {
    const auto found = diagnose(log);
    ASSERT_EQ(found.size(), 1U) << log;
    expect_diagnosis(found[0], {Source::other, Cause::own_cap, Confidence::medium, true, -1, -1, -1, -1, -1, -1, ""});
    EXPECT_EQ(found[0].phase, Phase::kv_cache);
  }
}

TEST(Programs, AnArrayThatNoMachineHoldsIsTooLarge) {
  const auto found = diagnose("MemoryError: Unable to allocate 90.9 TiB for an array with shape (100000000, 1000000) and data type uint8");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].cause, Cause::too_large);
}

TEST(Programs, SharedMemoryOfDataWorkers) {
  for (const char* log :
       {"RuntimeError: unable to open shared memory object </torch_71_3025134921_2> in read-write mode: No space left on "
        "device (28)",
        "RuntimeError: unable to open shared memory object </torch_71> in read/write mode: Cannot allocate memory (12)",
        "RuntimeError: DataLoader worker (pid 41) is killed by signal: Bus error. It is possible that dataloader's workers "
        "are out of shared memory. Please try to raise your shared memory limit.",
        "RuntimeError: DataLoader worker (pid 41) is killed by signal: Bus error.",
        "RuntimeError: unable to write to file </torch_18692_1954506624>: No space left on device (28)",
        "RuntimeError: unable to allocate shared memory(shm) for file </torch_71_3>: No space left on device (28)"}) {
    const auto found = diagnose(log);
    ASSERT_EQ(found.size(), 1U) << log;
    expect_diagnosis(found[0], {Source::pytorch, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"});
  }
}

TEST(Programs, SharedMemoryOfOthers) {
  const auto ranks =
      diagnose("NCCL WARN Error: failed to extend /dev/shm/nccl-I7qB2s to 33030532 bytes, error: No space left on device (28)\n");
  ASSERT_EQ(ranks.size(), 1U);
  expect_diagnosis(ranks[0], {Source::nccl, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"});
  const auto python = diagnose("OSError: [Errno 28] No space left on device: '/dev/shm/psm_1'\n");
  ASSERT_EQ(python.size(), 1U);
  expect_diagnosis(python[0], of_host(Confidence::high));
  EXPECT_TRUE(diagnose("OSError: [Errno 28] No space left on device: '/home/a'\n").empty());
  EXPECT_EQ(diagnose("open /dev/shm/a: no space left on device\n").size(), 1U);
}

TEST(Programs, AnotherFullDiskIsNotSharedMemory) {
  for (const char* log :
       {"/dev/shm has 64 MiB\nOSError: [Errno 28] No space left on device: '/home/a'",
        "OSError: [Errno 28] No space left on device: '/dev/shm2/a'",
        "INFO using /dev/shm for the cache\nwrite /data/ckpt.pt: no space left on device",
        "tmpfs                      65536 65536     0 100% /dev/shm\ntar: /data/x.tar: Cannot write: No space left on device",
        "tmpfs                      65536 65536     0 100% /dev/shm\nOSError: [Errno 28] No space left on device",
        "np.save('/dev/shm/cache/a', x)  # then to the disk\nOSError: [Errno 28] No space left on device",
        "OSError: [Errno 28] No space left on device\n$ ls /dev/shm", "cp: '/dev/shm/a' -> '/data/a': No space left on device",
        "cp /dev/shm/a out/a: No space left on device", "write /data/dev/shm/a: no space left on device",
        "closed </torch_71_3>\nwrite /data/a: no space left on device"})
    EXPECT_TRUE(diagnose(log).empty()) << log;
}

TEST(Programs, SharedMemoryThatATerminalBroke) {
  for (const auto& [how, log] :
       disguises("NCCL WARN Error: failed to extend /dev/shm/nccl-I7qB2s to 33030532 bytes, error: No space left on device (28)")) {
    const auto found = diagnose(log);
    ASSERT_EQ(found.size(), 1U) << how;
    EXPECT_EQ(source_name(found[0].source), "nccl") << how;
  }
  for (const char* log :
       {"[Errno 28] No space left on device: \n'/dev/shm/psm_1'", "tar: /dev/shm/a: Cannot write:\nNo space left on device",
        "tar: /dev/shm/a: Cannot write: No space left on dev\nice"})
    EXPECT_EQ(diagnose(log).size(), 1U) << log;
}

class NoPrograms : public ::testing::TestWithParam<const char*> {};

TEST_P(NoPrograms, AreNotAboutTheHostsMemory) {
  for (const Diagnosis& it : diagnose(GetParam())) EXPECT_NE(it.source, Source::other) << it.headline;
}

INSTANTIATE_TEST_SUITE_P(
    All, NoPrograms,
    ::testing::Values(
        "    except MemoryError:", "raise MemoryError(\"x\")", "we saw a MemoryError: why?", "MemoryErrors are rare",
        "it may throw std::bad_alloc if the system is short", "llama_mmap: failed to mlock 9-byte buffer: Cannot allocate memory",
        "MemoryError: std::bad_alloc: out_of_memory: CUDA error at: rmm/cuda_memory_resource.hpp:70: cudaErrorMemoryAllocation "
        "out of memory",
        "unable to open shared memory object </torch_1> in read-write mode: Too many open files (24)",
        "[mem_fraction_static=0.85] server_args", "sending SIGTERM to process 12", "the node running low on disk",
        "java.lang.OutOfMemoryError: unable to create new native thread"));

}  // namespace
}  // namespace plimsoll::doctor::test
