// Messages worded otherwise than the usual ones: other versions, other launchers, lines cut or wrapped by those who carry them.
#include "doctor/support.h"

namespace plimsoll::doctor::test {
namespace {

constexpr double kKib = 1.0 / 1024;

class Wordings : public ::testing::TestWithParam<Sample> {};

TEST_P(Wordings, AreRecognised) {
  const auto found = diagnose(GetParam().log);
  ASSERT_EQ(found.size(), 1U);
  expect_diagnosis(found[0], GetParam().expected);
}

const Sample kDevice[] = {
    {"BeforeFigures",
     "RuntimeError: cuda runtime error (2) : out of memory at /opt/conda/conda-bld/pytorch_1533672544752/work/aten/src/THC/generic/"
     "THCStorage.cu:58",
     {Source::pytorch, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"CutInFront",
     "allocate 640.00 MiB. GPU 1 has a total capacity of 23.64 GiB of which 412.81 MiB is free. Including non-PyTorch memory, this process "
     "has 23.22 GiB memory in use. Of the allocated memory 22.41 GiB is allocated by PyTorch, and 53.02 MiB is reserved by PyTorch but "
     "unallocated.",
     {Source::pytorch, Cause::too_large, Confidence::high, true, 640, 23.64 * 1024, 412.81, 22.41 * 1024, 22.41 * 1024 + 53.02, -1,
      "gpu:1"}},
    {"CutBehindTheFreePart",
     "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 896.00 MiB. GPU 0 has a total capacity of 23.64 GiB of which 412.81 "
     "MiB is free. Including non-PyTorch mem",
     {Source::pytorch, Cause::unknown, Confidence::low, true, 896, 23.64 * 1024, 412.81, -1, -1, -1, "cuda:0"}},
    {"DecimalCommas",
     "RuntimeError: CUDA out of memory. Tried to allocate 3,25 GiB (GPU 0; 11,17 GiB total capacity; 9,02 GiB already allocated; 1,50 GiB "
     "free; 9,10 GiB reserved in total by PyTorch)",
     {Source::pytorch, Cause::too_large, Confidence::high, true, 3.25 * 1024, 11.17 * 1024, 1536, 9.02 * 1024, 9.1 * 1024, -1, "cuda:0"}},
    {"Ascend",
     "RuntimeError: NPU out of memory. Tried to allocate 2.00 GiB (NPU 3; 29.50 GiB total capacity; 27.10 GiB already allocated; 27.10 GiB "
     "current active; 1.21 GiB free; 27.50 GiB reserved in total by PyTorch)",
     {Source::pytorch, Cause::too_large, Confidence::medium, true, 2048, 29.5 * 1024, 1.21 * 1024, 27.1 * 1024, 27.5 * 1024, -1, "npu:3"}},
    {"FullButForCrumbs",
     "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.25 GiB of which 9.69 MiB "
     "is "
     "free. Of the allocated memory 77.12 GiB is allocated by PyTorch, and 361.67 MiB is reserved by PyTorch but unallocated.",
     {Source::pytorch, Cause::fragmentation, Confidence::medium, true, 20, 79.25 * 1024, 9.69, 77.12 * 1024, 77.12 * 1024 + 361.67, -1,
      "cuda:0"}},
    {"MoreThanAnExabyte",
     "RuntimeError: CUDA out of memory. Tried to allocate more than 1EB memory.",
     {Source::pytorch, Cause::too_large, Confidence::high, true, -1, -1, -1, -1, -1, -1, ""}},
    {"LessReservedThanAllocated",
     "CUDA out of memory. Tried to allocate 1.00 GiB (GPU 0; 8.00 GiB total capacity; 7.00 GiB already allocated; 200.00 MiB free; 5.00 "
     "GiB "
     "reserved in total by PyTorch)",
     {Source::pytorch, Cause::other_process, Confidence::low, true, 1024, 8192, 200, 7 * 1024, 5 * 1024, -1, "cuda:0"}},
    {"MoreThanThereIs",
     "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 11.17 GiB total capacity; 10.00 GiB already allocated; 9.50 GiB free; 10.50 "
     "GiB reserved in total by PyTorch)",
     {Source::pytorch, Cause::external_cap, Confidence::low, true, 2048, 11.17 * 1024, 9.5 * 1024, 10 * 1024, 10.5 * 1024, -1, "cuda:0"}},
    {"LlamaOnRocm",
     "ROCm error: out of memory\n  current device: 1, in function alloc at ggml/src/ggml-cuda/ggml-cuda.cu:480",
     {Source::llama_cpp, Cause::too_large, Confidence::medium, true, -1, -1, -1, -1, -1, -1, "cuda:1"}},
    {"OllamasScheduler",
     "level=WARN msg=\"model request too large for system\" requested=\"21.5 GiB\" available=\"12.8 GiB\" total=\"15.5 GiB\"",
     {Source::ollama, Cause::host_limit, Confidence::high, true, 21.5 * 1024, 15.5 * 1024, 12.8 * 1024, -1, -1, -1, "cpu"}},
    {"MetalsLargestPiece",
     "RuntimeError: Invalid buffer size: 26.38 GB",
     {Source::pytorch, Cause::too_large, Confidence::high, true, 26.38 * 1024, -1, -1, -1, -1, -1, "mps"}},
    {"TensorRt",
     "[E] [TRT] [virtualMemoryBuffer.cpp::resizePhysical::140] Error Code 2: OutOfMemory (Requested size was 4831838208 bytes.)",
     {Source::cuda, Cause::unknown, Confidence::low, true, 4608, -1, -1, -1, -1, -1, ""}},
    {"CudaMallocOfSomebody",
     "mxnet.base.MXNetError: src/storage/./pooled_storage_manager.h:151: cudaMalloc failed: out of memory",
     {Source::cuda, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"OpenCv",
     "cv2.error: OpenCV(4.8.0) error: (-217:Gpu API call) out of memory in function 'allocate'",
     {Source::cuda, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"CublasHandle",
     "RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
     {Source::cuda, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"NcclTwice",
     "gpu7:1:123 [3] include/alloc.h:50 NCCL WARN Failed to CUDA calloc async 67108864 bytes\nNCCL error in: ProcessGroupNCCL.cpp:2021, "
     "unhandled cuda error\nLast error:\nCuda failure 2 'out of memory'",
     {Source::nccl, Cause::unknown, Confidence::low, true, 64, -1, -1, -1, -1, -1, ""}},
    {"TritonThreads",
     "triton.runtime.errors.OutOfResources: out of resource: threads, Required: 2048, Hardware limit: 1024.",
     {Source::triton, Cause::not_vram, Confidence::high, true, -1, -1, -1, -1, -1, -1, ""}},
    {"XlaOfJax",
     "external/xla/xla/tsl/framework/bfc_allocator.cc:497] Allocator (GPU_1_bfc) ran out of memory trying to allocate 6.27GiB (rounded to "
     "6727663616)requested by op \nXlaRuntimeError: RESOURCE_EXHAUSTED: Failed to allocate request for 6.27GiB (6727663616B) on device "
     "ordinal 1",
     {Source::jax, Cause::too_large, Confidence::low, true, 6416, -1, -1, -1, -1, -1, "gpu:1"}},
    {"XlaOnChip",
     "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in memory space vmem. Used 18.30M of 16.00M vmem. Exceeded "
     "vmem capacity by 2.30M.",
     {Source::jax, Cause::not_vram, Confidence::high, true, 18.3, -1, -1, -1, -1, 16, ""}},
    {"TensorFlowNoShape",
     "ResourceExhaustedError: failed to allocate memory [Op:AddV2]",
     {Source::tensorflow, Cause::too_large, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"LlamaUnderOllama",
     "Error: 500 Internal Server Error: llama runner process has terminated: CUDA error: out of memory",
     {Source::ollama, Cause::too_large, Confidence::medium, true, -1, -1, -1, -1, -1, -1, ""}},
    {"OllamasPlan",
     "time=2025-03-01T12:00:00.000Z level=INFO source=memory.go:309 msg=\"offload to cuda\" layers.requested=-1 layers.model=33 "
     "layers.offload=20 layers.split=\"\" memory.available=\"[5.6 GiB]\" memory.gpu_overhead=\"0 B\" memory.required.full=\"8.1 GiB\" "
     "memory.required.partial=\"5.4 GiB\" memory.required.kv=\"1.0 GiB\"\n"
     "Error: llama runner process has terminated: cudaMalloc failed: out of memory",
     {Source::ollama, Cause::too_large, Confidence::high, true, 8.1 * 1024, -1, 5.6 * 1024, -1, -1, -1, ""}},
    {"OllamasPlanForTwoDevices",
     "msg=offload memory.available=\"[5.6 GiB 7.4 GiB]\" memory.required.full=\"12.1 GiB\"\n"
     "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory\n"
     "Error: llama runner process has terminated: cudaMalloc failed: out of memory",
     {Source::ollama, Cause::too_large, Confidence::medium, true, 4096, -1, -1, -1, -1, -1, "cuda:0"}},
    {"LlamaPadsWhatItAsksFor",
     "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 552.50 MiB on device 0: cudaMalloc failed: out of memory\n"
     "ggml_gallocr_reserve_n: failed to allocate CUDA0 buffer of size 579346432\n"
     "llama_init_from_model: failed to initialize the context: failed to allocate compute pp buffers",
     {Source::llama_cpp, Cause::too_large, Confidence::medium, true, 579346432 / 1048576.0, -1, -1, -1, -1, -1, "cuda:0"}},
    {"HbmCutInFront",
     "Used 19.66G of 15.48G hbm. Exceeded hbm capacity by 4.18G.",
     {Source::jax, Cause::too_large, Confidence::high, true, 19.66 * 1024, 15.48 * 1024, -1, -1, -1, -1, ""}},
    {"HipOutside",
     "RuntimeError: HIP error: out of memory",
     {Source::cuda, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, "hip"}},
    {"LlamaMetal",
     "ggml_metal_buffer_init: error: failed to allocate buffer, size = 16384.00 MiB\nllama_model_load: error loading model: unable to "
     "allocate Metal buffer",
     {Source::llama_cpp, Cause::too_large, Confidence::medium, true, 16384, -1, -1, -1, -1, -1, ""}},
    {"LlamaHost",
     "ggml_aligned_malloc: insufficient memory (attempted to allocate 4096.00 MB)",
     {Source::llama_cpp, Cause::host_limit, Confidence::high, true, 4096, -1, -1, -1, -1, -1, "cpu"}},
    {"LlamaPinned",
     "ggml_cuda_host_malloc: failed to allocate 1900,00 MiB of pinned memory: out of memory",
     {Source::llama_cpp, Cause::host_limit, Confidence::high, false, 1900, -1, -1, -1, -1, -1, "cpu"}},
    {"VllmTrial",
     "RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy requests. Please try lowering `max_num_seqs`",
     {Source::vllm, Cause::own_cap, Confidence::medium, true, -1, -1, -1, -1, -1, -1, ""}},
};

const Sample kHost[] = {
    {"TorchBeforeOne",
     "RuntimeError: $ Torch: not enough memory: you tried to allocate 2GB. Buy new RAM! at /pytorch/aten/src/TH/THGeneral.cpp:201",
     {Source::pytorch, Cause::host_limit, Confidence::high, true, 2048, -1, -1, -1, -1, -1, "cpu"}},
    {"TorchCutInFront",
     "not enough memory: you tried to allocate 2147483648 bytes.",
     {Source::pytorch, Cause::host_limit, Confidence::high, true, 2048, -1, -1, -1, -1, -1, "cpu"}},
    {"JavaBuffersSinceSixteen",
     "Exception in thread \"main\" java.lang.OutOfMemoryError: Cannot reserve 4194304 bytes of direct buffer memory (allocated: 62914560, "
     "limit: 67108864)",
     {Source::other, Cause::host_limit, Confidence::high, true, 4, -1, -1, 60, -1, 64, "cpu"}},
    {"MappedFile",
     "RuntimeError: unable to mmap 9877989586 bytes from file <model.safetensors>: Cannot allocate memory (12)",
     {Source::pytorch, Cause::host_limit, Confidence::high, true, 9877989586 / 1048576.0, -1, -1, -1, -1, -1, "cpu"}},
    {"SharedMemory",
     "ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).",
     {Source::pytorch, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"}},
    {"SystemdOomd",
     "Mar 04 11:22:33 box systemd-oomd[612]: Killed /user.slice/user-1000.slice/train.scope due to memory pressure for /user.slice being "
     "71.20% > 50.00% for > 20s with reclaim activity",
     {Source::systemd, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"}},
    {"SystemdOomdSwap",
     "Killed /system.slice/train.service due to memory used (31800000000) / total (33000000000) and swap used (2100000000) / total "
     "(2147483648) being more than 90.00%",
     {Source::systemd, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"}},
    {"SlurmLimit",
     "slurmstepd: error: Job 778812 exceeded memory limit (4213664 > 4194304), being killed",
     {Source::slurm, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, 4096, "cpu"}},
    {"SlurmAtSomePoint",
     "slurmstepd: error: Exceeded job memory limit at some point.",
     {Source::slurm, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"}},
    {"SlurmHandler",
     "slurmstepd: error: Some of your processes may have been killed by the cgroup out-of-memory handler.",
     {Source::slurm, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"}},
    {"KernelCutOff",
     "[   99.1] python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
     {Source::kernel, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"}},
    {"SlurmState",
     "State: OUT_OF_MEMORY (exit code 0)",
     {Source::slurm, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"}},
    {"SlurmManyKills",
     "slurmstepd: error: Detected 99999999999999999999999 oom_kill events in StepId=7.0. Some of the step tasks have been OOM Killed.",
     {Source::slurm, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, -1, "cpu"}},
    {"KernelGroupLimit",
     "[ 1234.5679] memory: usage 2097152kB, limit 2097152kB, failcnt 4521\n[ 1234.5680] memory+swap: usage 2097152kB, limit "
     "9007199254740988kB, failcnt 0\n[ 1234.5690] Memory cgroup out of memory: Kill process 8123 (python) score 1972 or sacrifice child\n"
     "[ 1234.5691] Killed process 8123 (python) total-vm:9018264kB, anon-rss:2068884kB, file-rss:93760kB, shmem-rss:0kB",
     {Source::kernel, Cause::host_limit, Confidence::high, true, -1, -1, -1, -1, -1, 2097152 * kKib, "cpu"}},
};

INSTANTIATE_TEST_SUITE_P(Device, Wordings, ::testing::ValuesIn(kDevice), [](const auto& each) { return each.param.name; });
INSTANTIATE_TEST_SUITE_P(Host, Wordings, ::testing::ValuesIn(kHost), [](const auto& each) { return each.param.name; });

TEST(Wordings, AGroupWithoutALimitHasNone) {
  const auto found = diagnose(
      "memory: usage 2097152kB, limit 9007199254740988kB, failcnt 0\nMemory cgroup out of memory: Killed process 8 (a) anon-rss:1kB\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_FALSE(found[0].figures.limit);
}

TEST(Wordings, ALogThatIsCutMakesNoFiguresUp) {
  const std::string log =
      "CUDA out of memory. Tried to allocate 1.74 GiB. GPU 1 has a total capacity of 23.57 GiB of which 605.88 MiB is free. Process 133288 "
      "has "
      "22.97 GiB memory in use. Of the allocated memory 20.21 GiB is allocated by PyTorch";
  const auto found = diagnose(log);
  ASSERT_EQ(found.size(), 1U);
  std::string text;
  for (const std::string& finding : found[0].findings) text += finding + "\n";
  EXPECT_NE(text.find("22.97 GiB is this program itself: nothing else could hold its 20.21 GiB"), std::string::npos) << text;
}

std::optional<Figure> asked_of_the_host(const std::string& rest) {
  const auto found = diagnose("RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried to allocate " + rest);
  return found.empty() ? std::nullopt : found[0].figures.requested;
}

// What a log's end, another log or a blank cut off is not known.
TEST(Wordings, PartsOfNumbersAreNoFigures) {
  EXPECT_TRUE(asked_of_the_host("4240585 bytes."));
  EXPECT_TRUE(asked_of_the_host("4240585\n"));
  for (const char* rest : {"4240585", "42402026-01-02 10:00:00 INFO start\n", "424010:00:00 INFO start\n", "1_073_741_824 bytes\n",
                           "1'073'741'824 bytes\n", "0x40000000 bytes\n"})
    EXPECT_FALSE(asked_of_the_host(rest)) << rest;
  const std::string old =
      " (GPU 0; 10.76 GiB total capacity; 9.00 GiB already allocated; 0.10 GiB free; 9.10 GiB reserved in total by PyTorch)\n";
  for (const char* before : {".20 GiB", "1_020 MiB", "0x1f20 bytes", "noise\n.20 GiB"}) {
    const auto found = diagnose(before + old);
    ASSERT_EQ(found.size(), 1U) << before;
    EXPECT_FALSE(found[0].figures.requested) << before;
    expect_size("total", found[0].figures.total, 10.76 * 1024);
  }
}

// An unknown size is not one that no machine has.
TEST(Wordings, PartsOfNumbersProveNothing) {
  for (const char* rest : {"4240585", "1_073_741_824 bytes\n", "0x40000000 bytes\n"}) {
    const auto found = diagnose(std::string("RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried to allocate ") + rest);
    ASSERT_EQ(found.size(), 1U) << rest;
    EXPECT_EQ(found[0].cause, Cause::host_limit) << rest;
    EXPECT_EQ(found[0].confidence, Confidence::low) << rest;
  }
  const std::string arena = "[E:onnxruntime] Failed to allocate memory for requested buffer of size ";
  EXPECT_EQ(explanation(diagnose(arena + "9450").at(0)).find("is no size"), std::string::npos);
  EXPECT_NE(explanation(diagnose(arena + "18446744071772266496\n").at(0)).find("is no size"), std::string::npos);
}

TEST(Wordings, SizesThatNoMachineHasAreNone) {
  std::string log = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.57 GiB of which 605.88 MiB is free. ";
  for (int i = 1; i < 64; ++i) log += "Process " + std::to_string(i) + " has 1048575TiB memory in use. ";
  log += "Of the allocated memory 20.21 GiB is allocated by PyTorch, and 1.00 GiB is reserved by PyTorch but unallocated.";
  const auto found = diagnose(log);
  ASSERT_EQ(found.size(), 1U);
  for (const Process& process : found[0].figures.processes) EXPECT_FALSE(process.size.has_value());
  for (const std::string& finding : found[0].findings) EXPECT_EQ(finding.find("1073740"), std::string::npos) << finding;
}

TEST(Wordings, AssertionsOfIndicesProveThatMemoryIsNotTheFault) {
  for (const char* assertion : {"Assertion `srcIndex < srcSelectDimSize` failed.", "Assertion `t >= 0 && t < n_classes` failed.",
                                "Assertion `-sizes[i] <= index && index < sizes[i] && \"index out of bounds\"` failed."}) {
    const auto found = diagnose(std::string("/pytorch/aten/src/ATen/native/cuda/Indexing.cu:1236: block: [4,0,0], thread: [95,0,0] ") +
                                assertion + "\nRuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`\n");
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].cause, Cause::not_vram) << assertion;
  }
}

// Rich draws a frame around what it wraps.
TEST(Wordings, AFrameHidesNothing) {
  const auto found = diagnose(
      "╭──────────────────────────────────────────────────────────────────────────────────────╮\n"
      "│ CUDA out of memory. Tried to allocate 896.00 MiB. GPU 0 has a total capacity of 23.64 │\n"
      "│ GiB of which 412.81 MiB is free. Including non-PyTorch memory, this process has 23.22 │\n"
      "│ GiB memory in use. Of the allocated memory 22.41 GiB is allocated by PyTorch, and     │\n"
      "│ 353.02 MiB is reserved by PyTorch but unallocated.                                    │\n"
      "╰──────────────────────────────────────────────────────────────────────────────────────╯\n");
  ASSERT_EQ(found.size(), 1U);
  expect_diagnosis(found[0], {Source::pytorch, Cause::too_large, Confidence::high, true, 896, 23.64 * 1024, 412.81, 22.41 * 1024,
                              22.41 * 1024 + 353.02, -1, "cuda:0"});
}

class Carriers : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

// Whoever carries the lines may break them: prefixes of the journal, of containers and of launchers are no part of a message.
TEST_P(Carriers, BreakLinesAnywhere) {
  const std::string message =
      "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 896.00 MiB. GPU 0 has a total capacity of 23.64 GiB of which 412.81 "
      "MiB is free. Including non-PyTorch memory, this process has 23.22 GiB memory in use. Of the allocated memory 22.41 GiB is allocated "
      "by PyTorch, and 353.02 MiB is reserved by PyTorch but unallocated.";
  for (const std::size_t width : {70U, 41U}) {
    std::string log;
    for (std::size_t at = 0; at < message.size(); at += width) log += GetParam().first + message.substr(at, width) + "\n";
    const auto found = diagnose(log);
    ASSERT_EQ(found.size(), 1U) << log;
    expect_diagnosis(found[0], {Source::pytorch, Cause::too_large, Confidence::high, true, 896, 23.64 * 1024, 412.81, 22.41 * 1024,
                                22.41 * 1024 + 353.02, -1, "cuda:0"});
    EXPECT_EQ(found[0].rank, GetParam().second);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Carriers,
                         ::testing::Values(std::pair{"Nov 02 08:15:43 gpu01 trainer[4411]: ", "trainer[4411]"},
                                           std::pair{"Nov  2 08:15:43 gpu01 python: ", ""},
                                           std::pair{"2025-11-02T08:15:43.123456+00:00 gpu01 trainer[4411]: ", "trainer[4411]"},
                                           std::pair{"Nov 02 08:15:43 gpu01 trainer[4411]: [rank3]: ", "rank3"},
                                           std::pair{"2025-11-02T08:15:43.123Z stderr P ", ""}, std::pair{"[  123.456789] ", ""},
                                           std::pair{"rank3: ", "rank3"}, std::pair{"[3]: ", "3"}, std::pair{"[1,3]<stderr>:", "1,3"}));

class Remarks : public ::testing::TestWithParam<const char*> {};

TEST_P(Remarks, AreNoMessages) { EXPECT_TRUE(diagnose(GetParam()).empty()) << diagnose(GetParam())[0].headline; }

INSTANTIATE_TEST_SUITE_P(All, Remarks,
                         ::testing::Values("\"State\": {\"Status\": \"exited\", \"OOMKilled\": false, \"ExitCode\": 0}", "OOMKilled=false",
                                           "memory usage: 4.2 GiB, limit 8 GiB", "Invalid buffer size: 4096", "Invalid buffer size: 3 MB",
                                           "The GPU cluster has a total capacity of 5.00 GiB", "total capacity: 7 GiB",
                                           "He was killed due to memory pressure for no reason", "the page exceeded memory limit (soft)",
                                           "unable to mmap 4096 bytes: Permission denied",
                                           "See https://example.org/faq.html#reports-cuda-runtime-error-2-out-of-memory",
                                           "[W] 3 workers are out of shared offices"));

}  // namespace
}  // namespace plimsoll::doctor::test
