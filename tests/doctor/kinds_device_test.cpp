// Each kind of message about devices, worded as programs of several versions word it; names and numbers are made up.
#include "doctor/support.h"

namespace plimsoll::doctor::test {
namespace {

class DeviceKinds : public ::testing::TestWithParam<Sample> {};

TEST_P(DeviceKinds, AreRecognised) {
  const auto found = diagnose(GetParam().log + "\n");
  ASSERT_EQ(found.size(), 1U);
  expect_diagnosis(found[0], GetParam().expected);
  EXPECT_EQ(found[0].times, 1U);
}

const Sample kPyTorch[] = {
    {"P1Cached",
     "RuntimeError: CUDA out of memory. Tried to allocate 230.00 MiB (GPU 1; 7.93 GiB total capacity; 7.02 GiB already allocated; 41.44 "
     "MiB free; "
     "12.50 MiB cached)",
     {Source::pytorch, Cause::too_large, Confidence::medium, true, 230, 7.93 * 1024, 41.44, 7.02 * 1024, 7.02 * 1024 + 12.5, -1, "cuda:1"}},
    {"P2Reserved",
     "RuntimeError: CUDA out of memory. Tried to allocate 1.12 GiB (GPU 0; 23.70 GiB total capacity; 15.02 GiB already allocated; 318.56 "
     "MiB free; "
     "21.90 GiB reserved in total by PyTorch) If reserved memory is >> allocated memory try setting max_split_size_mb to avoid "
     "fragmentation.",
     {Source::pytorch, Cause::fragmentation, Confidence::high, true, 1.12 * 1024, 23.7 * 1024, 318.56, 15.02 * 1024, 21.9 * 1024, -1,
      "cuda:0"}},
    {"P2Allowed",
     "RuntimeError: CUDA out of memory. Tried to allocate 700.00 MiB (GPU 0; 31.75 GiB total capacity; 7.61 GiB already allocated; 22.31 "
     "GiB free; "
     "8.00 GiB allowed; 7.70 GiB reserved in total by PyTorch)",
     {Source::pytorch, Cause::own_cap, Confidence::high, true, 700, 31.75 * 1024, 22.31 * 1024, 7.61 * 1024, 7.7 * 1024, 8 * 1024,
      "cuda:0"}},
    {"P3Typo",
     "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.05 GiB. GPU 2 has a total capacty of 39.42 GiB of which 1.27 "
     "GiB is free. "
     "Process 40711 has 812.00 MiB memory in use. Including non-PyTorch memory, this process has 37.33 GiB memory in use. Of the allocated "
     "memory "
     "36.05 GiB is allocated by PyTorch, and 702.11 MiB is reserved by PyTorch but unallocated. If reserved but unallocated memory is "
     "large try setting "
     "max_split_size_mb to avoid fragmentation.",
     {Source::pytorch, Cause::too_large, Confidence::high, true, 3.05 * 1024, 39.42 * 1024, 1.27 * 1024, 36.05 * 1024,
      36.05 * 1024 + 702.11, -1, "cuda:2"}},
    {"P4Pools",
     "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 4.50 GiB. GPU 0 has a total capacity of 79.25 GiB of which 60.25 GiB "
     "is free. Process "
     "88 has 9.00 GiB memory in use. Including non-PyTorch memory, this process has 10.00 GiB memory in use. 12.00 GiB allowed; Of the "
     "allocated memory "
     "8.80 GiB is allocated by PyTorch, with 64.00 MiB allocated in private pools (e.g., CUDA Graphs), and 120.00 MiB is reserved by "
     "PyTorch but "
     "unallocated.",
     {Source::pytorch, Cause::own_cap, Confidence::high, true, 4.5 * 1024, 79.25 * 1024, 60.25 * 1024, 8.8 * 1024, 8.8 * 1024 + 120,
      12 * 1024, "cuda:0"}},
    {"P5Hip",
     "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 256.00 MiB. GPU 1 has a total capacity of 63.98 GiB of which 90.00 MiB "
     "is free. Of the "
     "allocated memory 61.02 GiB is allocated by PyTorch, and 1.71 GiB is reserved by PyTorch but unallocated. If reserved but unallocated "
     "memory is large "
     "try setting PYTORCH_HIP_ALLOC_CONF=expandable_segments:True",
     {Source::pytorch, Cause::fragmentation, Confidence::high, true, 256, 63.98 * 1024, 90, 61.02 * 1024, 62.73 * 1024, -1, "hip:1"}},
    {"P5Xpu",
     "torch.OutOfMemoryError: XPU out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 15.56 GiB. Of the allocated "
     "memory 14.40 GiB is "
     "allocated by PyTorch, and 210.00 MiB is reserved by PyTorch but unallocated.",
     {Source::pytorch, Cause::unknown, Confidence::low, true, 2048, 15.56 * 1024, -1, 14.4 * 1024, 14.4 * 1024 + 210, -1, "xpu:0"}},
    {"P5Generic",
     "RuntimeError: Out of memory. Tried to allocate 33.00 GiB. GPU 0 has a total capacity of 32.00 GiB of which 30.00 GiB is free. Of the "
     "allocated memory 0 "
     "bytes is allocated by PyTorch, and 0 bytes is reserved by PyTorch but unallocated.",
     {Source::pytorch, Cause::too_large, Confidence::high, true, 33 * 1024, 32 * 1024, 30 * 1024, 0, 0, -1, "gpu:0"}},
    {"P6Async",
     "torch.cuda.OutOfMemoryError: Allocation on device 1 would exceed allowed memory. (out of memory)\nCurrently allocated     : 9.10 "
     "GiB\nRequested       "
     "        : 1.50 GiB\nDevice limit            : 10.00 GiB\nFree (according to CUDA): 12.00 MiB\nPyTorch limit (set by user-supplied "
     "memory fraction)\n     "
     "                   : 17179869184.00 GiB",
     {Source::pytorch, Cause::too_large, Confidence::low, true, 1536, 10 * 1024, 12, 9.1 * 1024, -1, -1, "cuda:1"}},
    {"P7Warning",
     "[W1126 10:31:07.118332901 CUDACachingAllocator.cpp:4012] memory allocation failed with OOM on device 3 while trying to allocate "
     "734003200 bytes (free: "
     "94371840, total: 25281167360).",
     {Source::pytorch, Cause::unknown, Confidence::low, false, 700, 25281167360.0 / 1048576, 90, -1, -1, -1, "cuda:3"}},
    {"P8Masked",
     "RuntimeError: NVML_SUCCESS == r INTERNAL ASSERT FAILED at \"/pytorch/c10/cuda/CUDACachingAllocator.cpp\":995, please report a bug to "
     "PyTorch.",
     {Source::pytorch, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"P8AfterEffect",
     "RuntimeError: !handles_.at(i) INTERNAL ASSERT FAILED at \"/pytorch/c10/cuda/CUDACachingAllocator.cpp\":430, please report a bug to "
     "PyTorch.",
     {Source::pytorch, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"P10Cpu",
     "RuntimeError: [enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
     "51539607552 bytes. Error code "
     "12 (Cannot allocate memory)",
     {Source::pytorch, Cause::host_limit, Confidence::high, true, 48 * 1024, -1, -1, -1, -1, -1, "cpu"}},
    {"P10Windows",
     "RuntimeError: [enforce fail at ..\\c10\\core\\impl\\alloc_cpu.cpp:72] data. DefaultCPUAllocator: not enough memory: you tried to "
     "allocate 1610612736 bytes.",
     {Source::pytorch, Cause::host_limit, Confidence::high, true, 1536, -1, -1, -1, -1, -1, "cpu"}},
    {"P11Mps",
     "RuntimeError: MPS backend out of memory (MPS allocated: 8.61 GB, other allocations: 301.12 MB, max allowed: 9.07 GB). Tried to "
     "allocate 256.00 MB on private "
     "pool. Use PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0 to disable upper limit for memory allocations (may cause system failure).",
     {Source::pytorch, Cause::own_cap, Confidence::high, true, 256, -1, -1, 8.61 * 1024, -1, 9.07 * 1024, "mps"}},
    {"P11MpsGib",
     "MPS backend out of memory (MPS allocated: 15.02 GiB, other allocations: 3.05 GiB, max allowed: 18.13 GiB). Tried to allocate 500.00 "
     "MiB on shared pool.",
     {Source::pytorch, Cause::own_cap, Confidence::high, true, 500, -1, -1, 15.02 * 1024, -1, 18.13 * 1024, "mps"}},
    {"P12Summary",
     "|===========================================================================|\n|            CUDA OOMs: 4            |        "
     "cudaMalloc retries: 19        "
     " |\n|===========================================================================|\n|        Metric         | Cur Usage  | Peak Usage "
     "| Tot Alloc  | Tot Freed "
     " |\n|---------------------------------------------------------------------------|\n| Allocated memory      |   6144 MiB |   9000 MiB "
     "|    700 GiB |    694 GiB |\n|  "
     "     from large pool |   6000 MiB |   8900 MiB |    690 GiB |    684 GiB "
     "|\n|---------------------------------------------------------------------------|\n| GPU "
     "reserved memory   |  11264 MiB |  11264 MiB |     11 GiB |      0 B   |",
     {Source::pytorch, Cause::fragmentation, Confidence::medium, false, -1, -1, -1, 6144, 11264, -1, ""}},
};

const Sample kLibraries[] = {
    {"P9Cuda",
     "RuntimeError: CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call",
     {Source::cuda, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"P9Accelerator",
     "torch.AcceleratorError: CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation' in the documentation",
     {Source::cuda, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"P9Driver",
     "RuntimeError: CUDA driver error: out of memory",
     {Source::cuda, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"CudaElsewhere",
     "RuntimeError: CUDA failed with error out of memory",
     {Source::cuda, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"OpenAcc",
     "call to cuMemAlloc returned error 2 (CUDA_ERROR_OUT_OF_MEMORY): Out of memory",
     {Source::cuda, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"Cublas",
     "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
     {Source::cuda, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"Cudnn",
     "RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
     {Source::cuda, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"Nccl",
     "gpu12:88:141 [5] enqueue.cc:107 NCCL WARN Cuda failure 2 'out of memory'",
     {Source::nccl, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"NcclOld",
     "gpu12:88:141 [5] include/alloc.h:178 NCCL WARN Cuda failure 'out of memory'\n\ngpu12:88:141 [5] include/alloc.h:185 NCCL WARN Failed "
     "to CUDA calloc "
     "4194304 bytes",
     {Source::nccl, Cause::unknown, Confidence::low, true, 4, -1, -1, -1, -1, -1, ""}},
    {"NcclHost",
     "n1:7:9 [0] alloc.h:61 NCCL WARN Failed to CUDA host alloc 2097152 bytes",
     {Source::nccl, Cause::unknown, Confidence::low, true, 2, -1, -1, -1, -1, -1, ""}},
    {"BitsAndBytes",
     "Error out of memory at line 380 in file /src/csrc/pythonInterface.c",
     {Source::bitsandbytes, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"Triton",
     "triton.runtime.errors.OutOfResources: out of resource: shared memory, Required: 147456, Hardware limit: 101376. Reducing block sizes "
     "or `num_stages` may help.",
     {Source::triton, Cause::not_vram, Confidence::high, true, 147456.0 / 1048576, -1, -1, -1, -1, 101376.0 / 1048576, ""}},
    {"TritonOld",
     "triton.code_gen.OutOfResources: out of resource: shared memoryRequired: 110592Hardware limit: 101376",
     {Source::triton, Cause::not_vram, Confidence::high, true, 110592.0 / 1048576, -1, -1, -1, -1, 101376.0 / 1048576, ""}},
    {"CuPy",
     "cupy.cuda.memory.OutOfMemoryError: Out of memory allocating 805,306,368 bytes (allocated so far: 536,870,912 bytes, limit set to: "
     "1,073,741,824 bytes).",
     {Source::cupy, Cause::own_cap, Confidence::high, true, 768, -1, -1, 512, -1, 1024, ""}},
    {"CuPyNoLimit",
     "Out of memory allocating 25,600,000 bytes (allocated so far: 3,635,267,072 bytes).",
     {Source::cupy, Cause::unknown, Confidence::low, true, 25600000.0 / 1048576, -1, -1, 3635267072.0 / 1048576, -1, -1, ""}},
    {"CuPyOld",
     "cupy.cuda.memory.OutOfMemoryError: out of memory to allocate 250092544 bytes (total 10824923136 bytes)",
     {Source::cupy, Cause::unknown, Confidence::low, true, 250092544.0 / 1048576, -1, -1, -1, -1, -1, ""}},
    {"Jax",
     "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 12.50GiB.",
     {Source::jax, Cause::too_large, Confidence::low, true, 12.5 * 1024, -1, -1, -1, -1, -1, ""}},
    {"JaxBytes",
     "XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 4831838208 bytes.\nBufferAssignment OOM Debugging.",
     {Source::jax, Cause::too_large, Confidence::low, true, 4608, -1, -1, -1, -1, -1, ""}},
    {"JaxRequest",
     "RESOURCE_EXHAUSTED: Failed to allocate request for 3.00GiB (3221225472B) on device ordinal 2",
     {Source::jax, Cause::too_large, Confidence::low, true, 3072, -1, -1, -1, -1, -1, "gpu:2"}},
    {"JaxOld",
     "Resource exhausted: Out of memory allocating 5520758552 bytes.",
     {Source::jax, Cause::too_large, Confidence::low, true, 5520758552.0 / 1048576, -1, -1, -1, -1, -1, ""}},
    {"JaxHbm",
     "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 20.25G of 15.48G hbm. Exceeded hbm capacity by 4.77G.",
     {Source::jax, Cause::too_large, Confidence::high, true, 20.25 * 1024, 15.48 * 1024, -1, -1, -1, -1, ""}},
    {"LlamaCppVulkan",
     "ggml_vulkan: Device memory allocation of size 1073741824 failed.\nggml_vulkan: vk::Device::allocateMemory: ErrorOutOfDeviceMemory",
     {Source::llama_cpp, Cause::too_large, Confidence::medium, true, 1024, -1, -1, -1, -1, -1, ""}},
    {"TensorFlowWarning",
     "2025-04-17 14:04:33.712375: W tensorflow/core/common_runtime/bfc_allocator.cc:275] Allocator (GPU_1_bfc) ran out of memory trying to "
     "allocate 2.21GiB (rounded to "
     "2372978688) with freed_by_count=0. The caller indicates that this is not a failure, but may mean that there could be performance "
     "gains.",
     {Source::tensorflow, Cause::too_large, Confidence::low, false, 2.21 * 1024, -1, -1, -1, -1, -1, "gpu:1"}},
    {"TensorFlowTensor",
     "ResourceExhaustedError: OOM when allocating tensor with shape[16,512,128,128] and type half on "
     "/job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc",
     {Source::tensorflow, Cause::too_large, Confidence::low, true, 256, -1, -1, -1, -1, -1, "gpu:0"}},
    {"TensorFlowDevice",
     "failed to allocate 9.21G (9889120256 bytes) from device: CUDA_ERROR_OUT_OF_MEMORY: out of memory",
     {Source::tensorflow, Cause::other_process, Confidence::low, false, 9431, -1, -1, -1, -1, -1, ""}},
    {"OnnxArena",
     "[E:onnxruntime:, sequential_executor.cc:514 ExecuteKernel] Non-zero status code returned while running Conv node. Name:'c1' Status "
     "Message: bfc_arena.cc:376 void* "
     "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Available memory of 16777216 is smaller than requested bytes of 536870912",
     {Source::onnxruntime, Cause::own_cap, Confidence::high, true, 512, -1, 16, -1, -1, -1, ""}},
    {"OnnxBuffer",
     "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Failed to allocate memory for requested buffer of size 134217728",
     {Source::onnxruntime, Cause::unknown, Confidence::low, true, 128, -1, -1, -1, -1, -1, ""}},
    {"OnnxNoSize",
     "onnxruntime::BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 4585490524328388608",
     {Source::onnxruntime, Cause::unknown, Confidence::low, true, -1, -1, -1, -1, -1, -1, ""}},
    {"DeepSpeed",
     "[2025-03-01 12:00:00,123] [WARNING] [stage3.py:2104:step] 3 pytorch allocator cache flushes since last step. this happens when there "
     "is high memory pressure",
     {Source::deepspeed, Cause::too_large, Confidence::low, false, -1, -1, -1, -1, -1, -1, ""}},
    {"LlamaCpp",
     "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 8192.00 MiB on device 1: cudaMalloc failed: out of "
     "memory\nalloc_tensor_range: failed to allocate CUDA1 buffer of "
     "size 8589934592\nllama_model_load: error loading model: unable to allocate CUDA1 buffer",
     {Source::llama_cpp, Cause::too_large, Confidence::medium, true, 8192, -1, -1, -1, -1, -1, "cuda:1"}},
    {"LlamaCppFatal",
     "CUDA error: out of memory\n  current device: 2, in function ggml_cuda_pool_malloc at ggml-cuda.cu:311",
     {Source::llama_cpp, Cause::too_large, Confidence::medium, true, -1, -1, -1, -1, -1, -1, "cuda:2"}},
    {"LlamaCppCache",
     "llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache",
     {Source::llama_cpp, Cause::too_large, Confidence::medium, true, -1, -1, -1, -1, -1, -1, ""}},
    {"LlamaCppCompute",
     "llama_init_from_model: failed to initialize the context: failed to allocate compute pp buffers",
     {Source::llama_cpp, Cause::too_large, Confidence::medium, true, -1, -1, -1, -1, -1, -1, ""}},
    {"LlamaCppHost",
     "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 8589934592 at the first try",
     {Source::llama_cpp, Cause::host_limit, Confidence::high, true, 8192, -1, -1, -1, -1, -1, "cpu"}},
    {"LlamaCppVulkanCut",
     "ggml_vulkan: Device memory allocation of size 1073741824 failed.",
     {Source::llama_cpp, Cause::too_large, Confidence::medium, true, 1024, -1, -1, -1, -1, -1, ""}},
    {"LlamaCppMetalBuffer",
     "ggml_backend_metal_buffer_type_alloc_buffer: error: failed to allocate buffer, size =  1024.00 MiB",
     {Source::llama_cpp, Cause::too_large, Confidence::medium, true, 1024, -1, -1, -1, -1, -1, ""}},
    {"LlamaCppMetal",
     "error: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)",
     {Source::llama_cpp, Cause::host_limit, Confidence::medium, true, -1, -1, -1, -1, -1, -1, "mps"}},
    {"Mlx",
     "libc++abi: terminating due to uncaught exception of type std::runtime_error: [METAL] Command buffer execution failed: Insufficient "
     "Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)",
     {Source::other, Cause::host_limit, Confidence::medium, true, -1, -1, -1, -1, -1, -1, "mps"}},
    {"OllamaLayout",
     "Error: 500 Internal Server Error: llama runner process has terminated: memory layout cannot be allocated",
     {Source::ollama, Cause::too_large, Confidence::medium, true, -1, -1, -1, -1, -1, -1, ""}},
    {"Ollama",
     "Error: model requires more system memory (21.5 GiB) than is available (15.4 GiB)",
     {Source::ollama, Cause::host_limit, Confidence::high, true, 21.5 * 1024, -1, 15.4 * 1024, -1, -1, -1, "cpu"}},
    {"VllmShare",
     "ValueError: Free memory on device (10.50/44.40 GiB) on startup is less than desired GPU memory utilization (0.9, 39.96 GiB). "
     "Decrease GPU memory utilization",
     {Source::vllm, Cause::other_process, Confidence::medium, true, 39.96 * 1024, 44.4 * 1024, 10.5 * 1024, -1, -1, -1, ""}},
    {"VllmShareDevice",
     "ValueError: Free memory on device cuda:3 (10.50/44.40 GiB) on startup is less than desired GPU memory utilization (0.9, 39.96 GiB).",
     {Source::vllm, Cause::other_process, Confidence::medium, true, 39.96 * 1024, 44.4 * 1024, 10.5 * 1024, -1, -1, -1, "cuda:3"}},
    {"VllmBlocks",
     "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
     {Source::vllm, Cause::own_cap, Confidence::medium, true, -1, -1, -1, -1, -1, -1, ""}},
    {"VllmLength",
     "ValueError: To serve at least one request with the models's max seq len (32768), (4.00 GiB KV cache is needed, which is larger than "
     "the available KV cache memory (2.25 "
     "GiB). Based on the available memory, the estimated maximum model length is 18432. Try increasing",
     {Source::vllm, Cause::too_large, Confidence::high, true, 4096, -1, 2.25 * 1024, -1, -1, -1, ""}},
    {"VllmOldLength",
     "ValueError: The model's max seq len (8192) is larger than the maximum number of tokens that can be stored in KV cache (3664). Try "
     "increasing",
     {Source::vllm, Cause::too_large, Confidence::high, true, -1, -1, -1, -1, -1, -1, ""}},
    {"Hami",
     "[HAMI-core ERROR (pid:31 thread=140382094939712 allocator.c:53)]: Device 0 OOM 3171158016 / 3145728000",
     {Source::hami, Cause::external_cap, Confidence::high, true, 3171158016.0 / 1048576, -1, -1, -1, -1, 3000, "cuda:0"}},
    {"HamiNoSize",
     "[HAMI-core ERROR (pid:38 thread=1404 allocator.c:53)]: Device 1 OOM 18446744073604695040 / 5368709120",
     {Source::hami, Cause::external_cap, Confidence::high, true, -1, -1, -1, -1, -1, 5120, "cuda:1"}},
    {"Jetson",
     "NvMapMemAllocInternalTagged: 1075072515 error 12\nNvMapMemHandleAlloc: error 0",
     {Source::jetson, Cause::host_limit, Confidence::medium, true, -1, -1, -1, -1, -1, -1, ""}},
};

INSTANTIATE_TEST_SUITE_P(PyTorch, DeviceKinds, ::testing::ValuesIn(kPyTorch), [](const auto& each) { return each.param.name; });
INSTANTIATE_TEST_SUITE_P(Libraries, DeviceKinds, ::testing::ValuesIn(kLibraries), [](const auto& each) { return each.param.name; });

class Disguised : public ::testing::TestWithParam<Sample> {};

// Whatever a launcher, a logger or a terminal did to the log, the facts stay.
TEST_P(Disguised, SaysTheSame) {
  const auto plain = diagnose(GetParam().log);
  ASSERT_EQ(plain.size(), 1U);
  for (const auto& [name, log] : disguises(GetParam().log)) {
    SCOPED_TRACE(name);
    const auto found = diagnose(log);
    ASSERT_EQ(found.size(), 1U) << log;
    expect_diagnosis(found[0], GetParam().expected);
    EXPECT_EQ(found[0].rank, name == "rank" ? "rank6" : found[0].rank);
  }
}

INSTANTIATE_TEST_SUITE_P(PyTorch, Disguised, ::testing::ValuesIn(kPyTorch), [](const auto& each) { return each.param.name; });
INSTANTIATE_TEST_SUITE_P(Libraries, Disguised, ::testing::ValuesIn(kLibraries), [](const auto& each) { return each.param.name; });

TEST(DeviceKinds, CublasAfterAnAssertionIsNotWantOfMemory) {
  const auto found = diagnose(
      "Indexing.cu:1146: indexSelectLargeIndex: block: [12,0,0], thread: [0,0,0] Assertion `srcIndex < srcSelectDimSize` failed.\n"
      "RuntimeError: CUDA error: device-side assert triggered\n"
      "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].cause, Cause::not_vram);
  EXPECT_EQ(found[0].confidence, Confidence::high);
}

TEST(DeviceKinds, LlamaTellsWhatTheBufferWasFor) {
  const std::string start =
      "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 512.00 MiB on device 0: cudaMalloc failed: out of memory\n";
  EXPECT_EQ(diagnose(start + "llama_kv_cache_init: failed to allocate buffer for kv cache\n")[0].phase, Phase::kv_cache);
  EXPECT_EQ(diagnose(start + "llama_init_from_model: failed to allocate compute buffers\n")[0].phase, Phase::activations);
  EXPECT_EQ(diagnose(start + "llama_init_from_model: failed to allocate compute pp buffers\n")[0].phase, Phase::activations);
  EXPECT_EQ(diagnose(start + "llama_model_load: error loading model: unable to allocate CUDA0 buffer\n")[0].phase, Phase::loading);
  // What is said behind counts more than what went well before.
  EXPECT_EQ(diagnose("llama_kv_cache_init: CUDA0 KV buffer size = 1024.00 MiB\n" + start +
                     "ggml_gallocr_reserve_n: failed to allocate CUDA0 buffer of size 536870912\n")[0]
                .phase,
            Phase::activations);
}

// A terminal breaks a line before a number as well: that is no rank.
TEST(DeviceKinds, ANumberBehindABrokenLineIsNoRank) {
  const auto found =
      diagnose("ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4096.00 MiB on device \n0: cudaMalloc failed: out of memory\n");
  ASSERT_EQ(found.size(), 1U);
  expect_diagnosis(found[0], {Source::llama_cpp, Cause::too_large, Confidence::medium, true, 4096, -1, -1, -1, -1, -1, "cuda:0"});
  EXPECT_EQ(found[0].rank, "");
}

TEST(DeviceKinds, ANumberBehindANumberedLineIsARank) {
  const auto found = diagnose(
      "0: RuntimeError: on GPU\n1: torch.OutOfMemoryError: CUDA out of memory. Tried to\n0: saving\n1: allocate 2.00 GiB. GPU 0 has a "
      "total\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rank, "1");
  expect_size("requested", found[0].figures.requested, 2048);
}

TEST(DeviceKinds, ACutLineIsStillRecognised) {
  const auto figures =
      diagnose("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 15.77 GiB of which 1.0")[0].figures;
  expect_size("requested", figures.requested, 2.5 * 1024);
  expect_size("total", figures.total, 15.77 * 1024);
  EXPECT_FALSE(figures.free);
  EXPECT_EQ(diagnose("RuntimeError: CUDA out of mem\n").size(), 0U);
  EXPECT_EQ(diagnose("torch.OutOfMemoryError: CUDA out of memory.").size(), 1U);
  EXPECT_EQ(diagnose("torch.cuda.OutOfMemoryError\n").size(), 1U);
  EXPECT_EQ(diagnose("torch.cuda.OutOfMemoryError: \n").size(), 1U);
}

}  // namespace
}  // namespace plimsoll::doctor::test
