#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "doctor/device_tools.h"
#include "doctor/explain.h"

namespace plimsoll::doctor {
namespace {

using Remedies = std::vector<Remedy>;

std::optional<Figure> deficit_of(const Figures& figures) {
  if (!figures.requested || !figures.free) return std::nullopt;
  return figure_of(span_of(*figures.requested) - span_of(*figures.free));
}

void list_holders(const Message& message, Remedies& out) {
  out.push_back(
      {"See who holds the device, and close it or wait", "the message does not tell", std::nullopt, std::string(tools_of(message).list)});
}

void leave_headroom(const Message& message, Remedies& out) {
  const DeviceTools& tools = tools_of(message);
  out.push_back({"Leave room beside PyTorch's cache", "the context and libraries allocate outside of it", std::nullopt,
                 tools.call("set_per_process_memory_fraction(0.9)") + "   # before the first tensor"});
  out.push_back({"Give cached memory back before that moment", "here empty_cache() does help: the memory goes to another allocator",
                 std::nullopt, tools.call("empty_cache()")});
}

void check_shape(Remedies& out) {
  out.push_back({"Look at the shape that is computed", "no machine has as much", std::nullopt, "print(tensor.shape)"});
}

void check_indices(Remedies& out) {
  out.push_back({"Find the index that is out of range", "run on the CPU, where the error names its place", std::nullopt,
                 "CUDA_LAUNCH_BLOCKING=1 python program.py   # or: model.to(\"cuda\")  ->  model.to(\"cpu\")"});
}

/// A size in whole units, as flags take them: 'm' and 'g', or 'M' and 'G'.
std::string flag_size(Bytes size, char mega, char giga) {
  constexpr std::uint64_t kMib = std::uint64_t{1} << 20U;
  constexpr std::uint64_t kGib = std::uint64_t{1} << 30U;
  const bool whole = size.count >= 4 * kGib || size.count % kGib == 0;
  const std::uint64_t unit = whole ? kGib : kMib;
  return fmt::format("{}{}", (size.count + unit - 1) / unit, whole ? giga : mega);
}

/// What was too little for the program: its limit or, where that is not told, what it held.
std::optional<Bytes> too_little(const Figures& figures) {
  if (figures.limit && figures.limit->high.count > 0) return figures.limit->high;
  if (!figures.processes.empty() && figures.processes[0].size) return figures.processes[0].size->high;
  return std::nullopt;
}

std::string raised_group(const Figures& figures) {
  const auto known = too_little(figures);
  const std::string limit = known ? flag_size(*known + *known, 'm', 'g') + " ..." : "N ...  ->  2 * N";
  return fmt::format("docker run --memory={}   # Kubernetes: resources.limits.memory; systemd: MemoryMax", limit);
}

std::string raised_job(const Figures& figures) {
  const auto known = too_little(figures);
  if (!known) return "#SBATCH --mem=N  ->  2 * N";
  return fmt::format("#SBATCH --mem={}  ->  #SBATCH --mem={}", flag_size(*known, 'M', 'G'), flag_size(*known + *known, 'M', 'G'));
}

void raise_host_limit(const Message& message, Remedies& out) {
  switch (message.kind) {
    case Kind::slurm: out.push_back({"Ask Slurm for more", "the job may then use it", std::nullopt, raised_job(message.figures)}); break;
    case Kind::systemd:
      out.push_back({"Raise the unit's limit", "if one is set", std::nullopt,
                     "systemctl set-property UNIT MemoryMax=N  ->  2 * N   # see it: systemctl show UNIT -p MemoryMax"});
      break;
    case Kind::oomd:
      out.push_back({"Spare this unit", "systemd-oomd then takes another, or nobody", std::nullopt,
                     "systemctl set-property UNIT ManagedOOMMemoryPressure=auto   # see: oomctl"});
      break;
    case Kind::shared_memory:
      out.push_back({"Give the container more of it", "it is taken only as it is used", std::nullopt,
                     "docker run --shm-size=8g ...   # or twice what `df -h /dev/shm` shows; Kubernetes: an emptyDir with medium: Memory"});
      break;
    case Kind::killed_in_group:
    case Kind::group_events:
      out.push_back(
          {"Raise the group's limit", "the machine may have more than the container may use", std::nullopt, raised_group(message.figures)});
      break;
    case Kind::killed_on_nodes:
      out.push_back({"Allow it more memory nodes", "the others may have room", std::nullopt,
                     "numactl --hardware; cat /sys/fs/cgroup/cpuset.mems.effective   # --preferred=1 instead of --membind=1; systemd: "
                     "AllowedMemoryNodes"});
      break;
    case Kind::earlyoom:
      out.push_back({"Spare this program", "earlyoom then takes another", std::nullopt,
                     "EARLYOOM_ARGS=\"--avoid NAME\"   # in /etc/default/earlyoom"});
      break;
    case Kind::exit_status: break;
    default:
      out.push_back(
          {"Close other programs on this machine", "they share its memory", std::nullopt, "ps -eo pid,user,rss,args --sort=-rss | head"});
      break;
  }
}

void work_in_parts(const Message& message, Remedies& out) {
  raise_host_limit(message, out);
  out.push_back({"Look for a limit on this process", "the machine may have more than it may use", std::nullopt,
                 "ulimit -v; cat /sys/fs/cgroup/memory.max   # docker run --memory, #SBATCH --mem"});
  if (message.name == "NumPy")
    out.push_back({"Take a smaller type", "float32 is half of float64, int8 an eighth", std::nullopt,
                   "np.zeros(shape)  ->  np.zeros(shape, dtype=np.float32)"});
  out.push_back({"Work on a part at a time", "only that part has to be there", std::nullopt,
                 message.name == "NumPy" || message.name == "Python"
                     ? "np.load(path, mmap_mode=\"r\"); pandas.read_csv(path, chunksize=100_000)"
                     : "read, use and free one part before the next"});
}

void raise_heap(const Message& message, Remedies& out) {
  struct Setting {
    std::string_view name;
    std::string_view flag;
    std::string_view usual;  ///< where the limit is not told
    std::string_view rest;
  };
  static constexpr std::array<Setting, 4> kSettings = {{{kJavaHeap, "java -Xmx", "8g", " ...   # in a container: -XX:MaxRAMPercentage=75"},
                                                        {kJavaClasses, "java -XX:MaxMetaspaceSize=", "512m", " ..."},
                                                        {kJavaBuffers, "java -XX:MaxDirectMemorySize=", "4g", " ..."},
                                                        {kNodeHeap, "export NODE_OPTIONS=--max-old-space-size=", "8192", "   # MiB"}}};
  const auto* const setting = std::ranges::find(kSettings, message.name, &Setting::name);
  if (setting != kSettings.end()) {
    const auto known = too_little(message.figures);
    out.push_back({"Raise the program's limit", "if the host has the memory", std::nullopt,
                   fmt::format("{}{}{}", setting->flag, known ? flag_size(*known + *known, 'm', 'g') : setting->usual, setting->rest)});
  }
  out.push_back(
      {"See what it keeps", "what grows without end fills any limit", std::nullopt,
       message.name == kNodeHeap ? "node --heapsnapshot-near-heap-limit=1 program.js" : "java -XX:+HeapDumpOnOutOfMemoryError ..."});
}

void relieve_ray(const Message& message, Remedies& out) {
  raise_host_limit(message, out);
  out.push_back({"Tell Ray what a task needs", "fewer then run at once", std::nullopt, "@ray.remote(memory=8 * 2**30)"});
  out.push_back(
      {"Raise Ray's threshold", "above it the kernel kills instead", std::nullopt, "RAY_memory_usage_threshold=0.98 ray start ..."});
}

void serve_sglang(Remedies& out) {
  out.push_back({"Raise SGLang's share of the device", "if nobody else needs it", std::nullopt, "--mem-fraction-static 0.9"});
  out.push_back({"Allow shorter texts", "the cache of one text is smaller", std::nullopt, "--context-length 4096"});
  out.push_back({"Use a quantized model, or several devices", "weights leave more for the cache", std::nullopt, "--tp 2"});
}

void use_less_host(Remedies& out) {
  out.push_back({"Do not load the weights twice", "mapped files are shared and can be given back", std::nullopt,
                 "from_pretrained(..., low_cpu_mem_usage=True)   # and safetensors instead of .bin"});
  out.push_back({"Use fewer workers for data", "each is a copy of the program", std::nullopt, "DataLoader(..., num_workers=N // 2)"});
  out.push_back({"Run BERT classifiers with Plimsoll", "it reads every limit of the machine and stays below it", std::nullopt,
                 "plimsoll run MODEL --input texts.txt --max-memory 512MiB"});
}

void grow_less(std::string_view setting, Remedies& out) {
  out.push_back({"Do not take the device beforehand", "memory is then taken as it is needed", std::nullopt, std::string(setting)});
}

void halve_batch(const Figures& figures, Remedies& out) {
  out.push_back(
      {"Halve the batch", "this request shrinks in proportion", part_of(figures.requested, 2), "batch_size=N  ->  batch_size=N // 2"});
}

void vllm(const Case& found, const Diagnosis& diagnosis, Remedies& out) {
  const Message& message = found.message;
  const Figures& figures = message.figures;
  if (message.kind == Kind::vllm_length && message.tokens_possible) {
    out.push_back({"Allow shorter texts", "as many tokens as have room", deficit_of(figures),
                   fmt::format("--max-model-len {}", *message.tokens_possible)});
  }
  if (message.kind == Kind::vllm_share && diagnosis.cause != Cause::too_large) {
    out.push_back({"Stop who holds the rest, or wait", "an earlier server that did not end is common", deficit_of(figures),
                   std::string(tools_of(message).list)});
    if (figures.free && figures.total && figures.total->said.count > 0) {
      const double share = static_cast<double>(figures.free->low.count) / static_cast<double>(figures.total->high.count);
      out.push_back({"Ask for the share that is free", "less room for the cache", deficit_of(figures),
                     fmt::format("--gpu-memory-utilization {:.2f}", std::floor(std::clamp(share, 0.01, 0.99) * 100) / 100)});
    }
    return;
  }
  if (message.kind == Kind::vllm_trial) {
    out.push_back({"Try fewer requests at once", "the trial run asks for as many as may ever run together", std::nullopt,
                   fmt::format("--max-num-seqs {}", std::max<std::int64_t>(1, message.trial_texts.value_or(256) / 4))});
    out.push_back({"Leave more beside vLLM's share", "the cache gets less", std::nullopt, "--gpu-memory-utilization 0.85"});
    return;
  }
  out.push_back({"Raise vLLM's share of the device", "if nobody else needs it", std::nullopt, "--gpu-memory-utilization 0.95"});
  if (message.kind == Kind::vllm_blocks)
    out.push_back({"Allow shorter texts", "the trial run at the start is smaller", std::nullopt, "--max-model-len 4096"});
  out.push_back({"Quantize the cache", "half of 16 bits", part_of(figures.requested, 2), "--kv-cache-dtype fp8"});
  out.push_back(
      {"Use a quantized model, or several devices", "weights leave more for the cache", std::nullopt, "--tensor-parallel-size 2"});
}

void llama_on_host(const Message& message, Remedies& out) {
  const auto half = message.phase == Phase::loading ? part_of(message.figures.requested, 2) : std::nullopt;
  raise_host_limit(message, out);
  out.push_back({"Map the weights, and lock nothing", "mapped pages can be given back", std::nullopt, "leave out --no-mmap and --mlock"});
  out.push_back({"Shorten the context", "the cache, and what computes on it, shrink with it", std::nullopt, "-c 4096"});
  out.push_back({"Give more layers to the device", "if it has room", std::nullopt, "-ngl N  ->  -ngl 99"});
  out.push_back({"Use a smaller quantization", "other answers", half, "model-Q8_0.gguf  ->  model-Q4_K_M.gguf"});
}

void ollama(Remedies& out) {
  out.push_back(
      {"Stop what else Ollama holds", "a model stays for minutes after its last answer", std::nullopt, "ollama ps; ollama stop MODEL"});
  out.push_back({"Shorten the context", "the cache, and what computes on it, shrink with it", std::nullopt,
                 "OLLAMA_CONTEXT_LENGTH=4096 ollama serve   # or in a session: /set parameter num_ctx 4096"});
  out.push_back({"Quantize the cache", "half of 16 bits", std::nullopt, "OLLAMA_FLASH_ATTENTION=1 OLLAMA_KV_CACHE_TYPE=q8_0 ollama serve"});
  out.push_back({"Keep more layers on the processor", "slower, one layer at a time", std::nullopt, "/set parameter num_gpu N"});
  out.push_back({"Take a smaller quantization", "other answers", std::nullopt, "ollama run MODEL:q4_K_M"});
}

void fit_tpu(Remedies& out) {
  out.push_back({"Halve the batch", "activations shrink in proportion", std::nullopt, "batch_size=N  ->  batch_size=N // 2"});
  out.push_back({"Recompute activations", "most of them are not kept; a step takes about a third longer", std::nullopt,
                 "jax.checkpoint(layer)   # or nn.remat"});
  out.push_back({"Compute in bfloat16", "half of float32", std::nullopt, "x.astype(jnp.bfloat16)"});
  out.push_back({"Spread the arrays over more chips", "each holds a part", std::nullopt,
                 "jax.device_put(x, NamedSharding(mesh, PartitionSpec(\"data\")))"});
}

void llama(const Case& found, const Diagnosis& diagnosis, Remedies& out) {
  const auto half = part_of(found.message.figures.requested, 2);
  const auto half_cache = diagnosis.phase == Phase::kv_cache ? half : std::nullopt;
  const auto half_weights = diagnosis.phase == Phase::loading ? half : std::nullopt;
  if (diagnosis.phase != Phase::loading) {
    out.push_back({"Shorten the context", "the cache, and what computes on it, shrink with it", half_cache, "-c 4096"});
    out.push_back({"Quantize the cache", "half of 16 bits", half_cache, "--cache-type-k q8_0 --cache-type-v q8_0 -fa on"});
  }
  out.push_back({"Keep some layers on the processor", "slower, one layer at a time", half_weights, "-ngl 99  ->  -ngl N"});
  out.push_back({"Use a smaller quantization", "other answers", half_weights, "model-Q8_0.gguf  ->  model-Q4_K_M.gguf"});
}

void shrink_kernel(const Message& message, Remedies& out) {
  const Figures& figures = message.figures;
  if (message.source == Source::jax) {
    out.push_back({"Use smaller blocks in the kernel", "each is held in the chip as a whole", std::nullopt,
                   "pl.BlockSpec((256, 256), ...)  ->  pl.BlockSpec((128, 256), ...)   # or less in one jit"});
    return;
  }
  if (!figures.requested) {
    out.push_back({"Use fewer warps or smaller blocks", "they share what the chip has", std::nullopt,
                   "num_warps=8  ->  num_warps=4; BLOCK_SIZE=128  ->  BLOCK_SIZE=64"});
    return;
  }
  out.push_back({"Use smaller blocks or fewer stages", "each stage keeps a block in the chip",
                 figures.limit ? std::optional(figure_of(span_of(*figures.requested) - span_of(*figures.limit))) : std::nullopt,
                 "num_stages=3  ->  num_stages=1; BLOCK_SIZE=128  ->  BLOCK_SIZE=64"});
}

void libraries(const Case& found, const Diagnosis& diagnosis, Remedies& out) {
  const Message& message = found.message;
  const Figures& figures = message.figures;
  switch (message.kind) {
    case Kind::mps:
      if (figures.limit || figures.allocated)
        out.push_back(
            {"Lift PyTorch's own limit", "the system may then swap, or fail", std::nullopt, "export PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0"});
      halve_batch(figures, out);
      break;
    case Kind::on_chip: shrink_kernel(message, out); break;
    case Kind::pool_limit:
      if (figures.limit)
        out.push_back({"Raise the pool's limit", "the program set it", std::nullopt,
                       "cupy.get_default_memory_pool().set_limit(size=...)   # or CUPY_GPU_MEMORY_LIMIT"});
      out.push_back({"Give unused blocks back", "to other libraries of this process", std::nullopt,
                     "cupy.get_default_memory_pool().free_all_blocks()"});
      break;
    case Kind::arena_limit:
      out.push_back({"Raise the arena's limit", "the program set it", deficit_of(figures),
                     "(\"CUDAExecutionProvider\", {\"gpu_mem_limit\": N})  ->  2 * N"});
      halve_batch(figures, out);
      break;
    case Kind::arena:
      if (figures.requested) {
        out.push_back({"Grow the arena by what is asked, not by doubling", "less is kept unused", std::nullopt,
                       "{\"arena_extend_strategy\": \"kSameAsRequested\"}"});
        halve_batch(figures, out);
      } else {
        out.push_back({"Look at the input's shape", "a dimension overflowed", std::nullopt, "print(input.shape)"});
      }
      break;
    case Kind::hbm: fit_tpu(out); break;
    case Kind::jax:
      list_holders(message, out);
      grow_less("export XLA_PYTHON_CLIENT_PREALLOCATE=false", out);
      halve_batch(figures, out);
      break;
    case Kind::tf_warning:
    case Kind::tf_tensor:
    case Kind::tf_device:
      if (message.kind == Kind::tf_device) list_holders(message, out);
      grow_less("export TF_FORCE_GPU_ALLOW_GROWTH=true", out);
      halve_batch(figures, out);
      break;
    case Kind::flushes:
      out.push_back({"Flush on all ranks at once", "one that flushes alone makes the others wait", std::nullopt,
                     "get_accelerator().empty_cache()   # in every step"});
      halve_batch(figures, out);
      break;
    case Kind::memory_summary:
      if (diagnosis.cause == Cause::fragmentation)
        out.push_back({"Turn expandable segments on, and restart", "cached memory is then handed out whatever its pieces were",
                       figures.cached, "export PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True"});
      halve_batch(figures, out);
      break;
    default: break;
  }
}

}  // namespace

std::vector<Remedy> find_remedies(const Case& found, const Diagnosis& diagnosis, const Verdict& verdict) {
  Remedies out;
  const Message& message = found.message;
  switch (message.kind) {
    case Kind::allocator:
    case Kind::async_pool:
    case Kind::retry_warning: return device_remedies(found, diagnosis, verdict);
    case Kind::absurd: check_shape(out); break;
    case Kind::vllm_share:
    case Kind::vllm_blocks:
    case Kind::vllm_trial:
    case Kind::vllm_length: vllm(found, diagnosis, out); break;
    case Kind::llama_buffer:
      if (message.figures.device == "cpu") llama_on_host(message, out);
      else llama(found, diagnosis, out);
      break;
    case Kind::metal:
      raise_host_limit(message, out);
      if (message.source == Source::llama_cpp) llama(found, diagnosis, out);
      else halve_batch(message.figures, out);
      break;
    case Kind::ollama_device: ollama(out); break;
    case Kind::cublas:
    case Kind::cudnn:
      check_indices(out);
      if (!found.context.device_assert) leave_headroom(message, out);
      break;
    case Kind::outside:
      list_holders(message, out);
      if (message.old || message.name.empty()) halve_batch(message.figures, out);
      else leave_headroom(message, out);
      break;
    case Kind::nccl:
    case Kind::bitsandbytes:
    case Kind::masked:
    case Kind::class_name:
      list_holders(message, out);
      leave_headroom(message, out);
      break;
    case Kind::after_effect:
      out.push_back({"Restart the process", "it cannot recover; mend what the earlier message tells", std::nullopt,
                     "export PYTORCH_CUDA_ALLOC_CONF=expandable_segments:False"});
      break;
    case Kind::hami:
      out.push_back({"Ask for more of the device", "the limit is the container's", std::nullopt,
                     "nvidia.com/gpumem: N   # in the pod; or CUDA_DEVICE_MEMORY_LIMIT"});
      halve_batch({}, out);
      break;
    case Kind::cpu_allocator:
      if (diagnosis.cause == Cause::too_large) {
        check_shape(out);
        break;
      }
      raise_host_limit(message, out);
      halve_batch(message.figures, out);
      use_less_host(out);
      break;
    case Kind::shared_memory:
      raise_host_limit(message, out);
      if (message.source == Source::pytorch)
        out.push_back({"Load data without workers", "nothing is handed over then", std::nullopt, "DataLoader(..., num_workers=0)"});
      if (message.source == Source::nccl)
        out.push_back(
            {"Let NCCL do without it", "ranks of a machine then talk through sockets: slower", std::nullopt, "NCCL_SHM_DISABLE=1"});
      break;
    case Kind::sglang: serve_sglang(out); break;
    case Kind::host_program:
      if (diagnosis.cause == Cause::too_large) check_shape(out);
      else work_in_parts(message, out);
      break;
    case Kind::heap_limit: raise_heap(message, out); break;
    case Kind::ray: relieve_ray(message, out); break;
    case Kind::jetson:
    case Kind::earlyoom:
    case Kind::ollama:
    case Kind::killed:
    case Kind::killed_in_group:
    case Kind::killed_on_nodes:
    case Kind::group_events:
    case Kind::systemd:
    case Kind::oomd:
    case Kind::slurm:
    case Kind::exit_status:
      raise_host_limit(message, out);
      if (message.kind == Kind::ollama)
        out.push_back({"Take a smaller quantization", "other answers", std::nullopt, "ollama run MODEL:q4_K_M"});
      else use_less_host(out);
      break;
    default: libraries(found, diagnosis, out); break;
  }
  return out;
}

}  // namespace plimsoll::doctor
