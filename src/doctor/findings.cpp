#include <fmt/format.h>

#include "doctor/explain.h"

namespace plimsoll::doctor {
namespace {

std::string allocator_name(const Message& message) {
  const std::string where = message.name.empty() ? "Out of memory" : message.name + " out of memory";
  return message.kind == Kind::async_pool ? where + " (cudaMallocAsync)" : where;
}

std::string program_name(const Message& message) {
  const Figures& figures = message.figures;
  std::string text = message.name.empty() ? "a program" : safe(message.name);
  if (!figures.processes.empty()) text += fmt::format(" (process {})", figures.processes[0].pid);
  return text;
}

std::string events_headline(const Message& message) {
  const std::string group = safe(message.group);
  if (message.kills && group.empty())
    return fmt::format("The kernel killed in a control group that reached its limit (oom_kill {})", *message.kills);
  if (message.kills)
    return fmt::format("The kernel killed in the control group {}, which reached its limit (oom_kill {})", group, *message.kills);
  return fmt::format("{} reached its limit, and requests failed (oom {})", group.empty() ? "A control group" : "The control group " + group,
                     message.failed_requests.value_or(0));
}

// What failed, without figures.
std::string what(const Message& message) {
  switch (message.kind) {
    case Kind::allocator:
    case Kind::async_pool: return allocator_name(message);
    case Kind::absurd: return "PyTorch was asked for more than 1 EB at once";
    case Kind::retry_warning: return "CUDA out of memory at a first try (a warning)";
    case Kind::masked: return "CUDA out of memory, hidden by a failure of NVML";
    case Kind::after_effect: return "PyTorch's allocator broke after an earlier failure to map memory";
    case Kind::class_name: return "PyTorch ran out of memory; the message itself is cut off";
    case Kind::cpu_allocator: return "PyTorch could not get memory of the host";
    case Kind::mps: return "MPS out of memory";
    case Kind::memory_summary: return "PyTorch's memory summary";
    case Kind::shared_memory:
      if (message.source == Source::pytorch) return "PyTorch's data workers ran out of shared memory (/dev/shm)";
      return (message.source == Source::nccl ? "NCCL" : "A program") + std::string(" ran out of shared memory (/dev/shm)");
    case Kind::outside:
      if (message.old) return "CUDA out of memory, in a version of PyTorch that gives no figures";
      return message.name.empty() ? "CUDA out of memory, told by a library or the driver without figures"
                                  : "CUDA out of memory, outside of PyTorch's allocator";
    case Kind::cublas: return "cuBLAS could not allocate its handle or workspace";
    case Kind::cudnn: return "cuDNN could not allocate memory";
    case Kind::nccl: return "NCCL could not allocate its buffers";
    case Kind::bitsandbytes: return "bitsandbytes ran out of device memory and ended the process";
    case Kind::on_chip:
      if (message.source == Source::jax) return "a kernel of XLA's needs more of the chip's own memory than it has";
      return message.figures.requested ? "a Triton kernel needs more shared memory than the chip has"
                                       : "a Triton kernel needs more threads, registers or memory of the chip than it has";
    case Kind::pool_limit: return "CuPy out of memory";
    case Kind::flushes: return "DeepSpeed emptied the allocator's cache under pressure (a warning)";
    case Kind::jax: return "JAX out of memory";
    case Kind::hbm: return "XLA: the program needs more of the TPU's memory than it has";
    case Kind::tf_warning: return message.fatal ? "TensorFlow out of memory" : "TensorFlow's allocator had no room for a try (a warning)";
    case Kind::tf_tensor: return "TensorFlow had no room for a tensor" + (message.name.empty() ? "" : " of shape " + safe(message.name));
    case Kind::tf_device: return "TensorFlow could not take as much of the device as it wanted (a warning)";
    case Kind::arena_limit: return "ONNX Runtime reached its arena's limit";
    case Kind::arena: return "ONNX Runtime could not allocate a buffer";
    case Kind::llama_buffer: return "llama.cpp could not allocate a buffer";
    case Kind::metal: return "Metal had too little memory for what it was to compute";
    case Kind::ollama: return "Ollama: the model needs more of the host's memory than there is";
    case Kind::ollama_device: return "Ollama: llama.cpp, which it runs, could not allocate a buffer of the device";
    case Kind::vllm_share: return "vLLM: less is free at the start than its share of the device";
    case Kind::vllm_blocks: return "vLLM: weights and activations leave nothing of its share for the KV cache";
    case Kind::vllm_trial: return "vLLM: the trial run of its sampler has no room beside its share";
    case Kind::vllm_length: return "vLLM: the KV cache of one text of full length has no room";
    case Kind::hami: return "HAMi refused memory: its limit for this container is reached";
    case Kind::jetson: return "Jetson: the driver could not get memory, which is shared with the host";
    case Kind::killed: return "The kernel killed " + program_name(message) + ": the machine ran out of memory";
    case Kind::killed_in_group: return "The kernel killed " + program_name(message) + ": its control group reached its limit";
    case Kind::killed_on_nodes: return "The kernel killed " + program_name(message) + ": the memory nodes that it may use were full";
    case Kind::group_events: return events_headline(message);
    case Kind::systemd:
      return "systemd: " + (message.name.empty() ? std::string("a unit") : safe(message.name)) + " was killed for want of memory";
    case Kind::oomd: return "systemd-oomd killed " + safe(message.name) + " for want of memory";
    case Kind::slurm:
      return "Slurm: " + (message.name.empty() ? std::string("a task") : "step " + safe(message.name)) + " was killed for want of memory";
    case Kind::sglang: return "SGLang: weights leave nothing of its share for the KV cache";
    case Kind::earlyoom: return "earlyoom ended " + program_name(message) + " before the machine ran out of memory";
    case Kind::ray: return "Ray killed a task: its node had little memory left";
    case Kind::host_program: return (message.name.empty() ? "A program" : message.name) + " could not get memory of the host";
    case Kind::heap_limit: return "Out of memory: " + message.name + " reached its limit";
    case Kind::exit_status:
      if (!message.name.empty()) return "The kernel called its out-of-memory killer; whom it ended is cut off";
      return "A process was killed by signal 9, often for want of memory";
  }
  return "Out of memory";
}

std::string arena_text(const Message& message) {
  if (message.no_size)
    return "The size that was asked for is no size: a shape was computed wrongly, such as from a dimension that overflowed.";
  return "The device had no room for the arena to grow; the arena never shrinks, so what an earlier, larger input took is still taken.";
}

std::string mps_text(const Case& found) {
  const Figures& figures = found.message.figures;
  if (!figures.limit && !figures.allocated) return "Metal gives no single buffer as large as this, whatever is free.";
  if (!figures.limit || !figures.allocated) return "The limit is PyTorch's own share of the unified memory, not the memory itself.";
  std::string text = fmt::format("This process held {} in tensors", size_text(*figures.allocated));
  if (found.message.others) text += fmt::format(" and {} in other allocations (caches, Metal's own)", size_text(*found.message.others));
  return text +
         fmt::format(
             "; with the request that exceeds the {} that PyTorch allows itself. It is a share of the unified memory, not all of it.",
             size_text(*figures.limit));
}

std::string pool_text(const Figures& figures, const Verdict& verdict) {
  if (verdict.cause == Cause::own_cap)
    return fmt::format("The pool's limit of {} is the program's own setting; what it holds and the request together exceed it.",
                       size_text(*figures.limit));
  if (verdict.cause == Cause::too_large) return "The request alone is larger than the pool's limit.";
  return "Only the pool's own share is told: who holds the rest of the device is not.";
}

std::string share_text(const Figures& figures, const Verdict& verdict) {
  if (!figures.free || !figures.requested) return "At its start vLLM holds nothing yet: what is missing is held by others.";
  if (verdict.cause == Cause::too_large) return "The share that was asked for is larger than the device.";
  std::string text = fmt::format("vLLM wanted {} and {} were free", size_text(*figures.requested), size_text(*figures.free));
  if (figures.total)
    text += fmt::format(": {} were held by others, for at its start vLLM holds nothing yet",
                        about(span_of(*figures.total) - span_of(*figures.free)));
  return text + fmt::format(". Missing are {}.", about(span_of(*figures.requested) - span_of(*figures.free)));
}

std::string length_text(const Message& message) {
  std::string text = "One text of full length needs more KV cache than vLLM's share of the device leaves";
  const Figures& figures = message.figures;
  if (figures.requested && figures.free)
    text += fmt::format(": {} needed, {} there, {} missing", size_text(*figures.requested), size_text(*figures.free),
                        about(span_of(*figures.requested) - span_of(*figures.free)));
  if (message.tokens_wanted && message.tokens_possible)
    text += fmt::format("; {} tokens were asked for and {} have room", *message.tokens_wanted, *message.tokens_possible);
  return text + ".";
}

std::string shared_text(const Message& message) {
  return fmt::format(
      "{} in /dev/shm, which a container has only 64 MiB of unless told otherwise. Neither the device's nor the program's own "
      "memory was short.",
      message.source == Source::pytorch ? "Data workers hand batches over" : "Processes hand data over");
}

std::string killed_text(const Message& message) {
  const Figures& figures = message.figures;
  if (message.kind == Kind::group_events)
    return "memory.events counts since the group was made: it tells neither when nor which program. The rest of the machine may have had "
           "plenty.";
  std::string text;
  if (!figures.processes.empty() && figures.processes[0].size)
    text = fmt::format("It held {} in memory. ", size_text(*figures.processes[0].size));
  if (message.kind == Kind::killed) return text + "The whole machine had no memory left; no limit of this program's was involved.";
  if (message.kind == Kind::killed_on_nodes)
    return text + "Only the memory nodes (NUMA) that its cpuset or its memory policy allows were full; the others may have had plenty.";
  text += "The limit of its control group (container, job or service) was reached";
  if (!message.group.empty()) text += fmt::format(" ({})", safe(message.group));
  if (figures.limit) text += fmt::format(": {}", size_text(*figures.limit));
  return text + "; the rest of the machine may have had plenty.";
}

std::string signal_text(const Message& message) {
  return message.name.empty()
             ? "Signal 9 comes from the kernel's out-of-memory killer, or from somebody who sent it: the log does not say which."
             : "The machine, or a control group, had no memory left; the lines behind it tell which, and whom it hit.";
}

std::string summary_text(const Message& message, const Verdict& verdict) {
  std::string text;
  if (message.figures.allocated && message.figures.reserved)
    text = fmt::format("At that moment tensors took {} of {} reserved. ", size_text(*message.figures.allocated),
                       size_text(*message.figures.reserved));
  if (message.failed_requests) text += fmt::format("Requests failed {} times", *message.failed_requests);
  if (message.retries)
    text += fmt::format(", and {} succeeded only after the cache was emptied: a sign that the next failure is near", *message.retries);
  return text + (verdict.cause == Cause::fragmentation ? ". Much of what is reserved lies unused: fragmentation." : ".");
}

std::string outside_text(const Message& message) {
  if (message.old) return "Versions of PyTorch before 1.0 do not tell who holds the memory; newer ones do.";
  if (message.name.empty()) return "The device was full when it was asked; who held its memory is not told.";
  return "A context, a stream, a kernel's code or a library's workspace had no room: they do not use PyTorch's cache, and the device was "
         "full. torch.cuda.empty_cache() before that moment helps here, for it gives cached memory back to them.";
}

std::string on_chip_text(const Message& message) {
  std::string what = "Threads, registers and memory of the chip are a fixed amount for each block of a kernel.";
  if (message.source == Source::jax) what = "This is the chip's own fast memory, some MiB that a kernel works in.";
  else if (message.figures.requested) what = "This is the chip's own fast memory, some hundred KiB for each block of a kernel.";
  return what + " The device's memory has nothing to do with it.";
}

std::string ray_text(const Figures& figures) {
  std::string text = "Ray kills tasks when the memory of a node is used up to a threshold, before the kernel has to.";
  if (figures.total && figures.free) text += fmt::format(" Of {} {} were left.", size_text(*figures.total), size_text(*figures.free));
  return text;
}

std::string slurm_text(const Message& message) {
  std::string text = "The job used more of the host's memory than it asked Slurm for";
  if (message.figures.limit) text += fmt::format(" ({})", size_text(*message.figures.limit));
  return text + ".";
}

std::string requested_text(const Figures& figures, std::string_view rest) {
  return figures.requested ? fmt::format("{} were asked for. {}", size_text(*figures.requested), rest) : std::string(rest);
}

std::string hbm_text(const Message& message) {
  const Figures& figures = message.figures;
  std::string text = "The compiler counted it before anything ran: nobody else is in the way.";
  if (figures.requested && figures.total) {
    const Figure missing = message.missing ? *message.missing : figure_of(span_of(*figures.requested) - span_of(*figures.total));
    text += fmt::format(" {} are needed and {} there: {} must be saved.", size_text(*figures.requested), size_text(*figures.total),
                        size_text(missing));
  }
  return text;
}

std::string ollama_text(const Message& message) {
  const Figures& figures = message.figures;
  std::string text = "The device had no room for it.";
  if (figures.requested && !figures.free) text = requested_text(figures, text);
  if (!message.needed || !message.available) return text;
  const Span missing = span_of(*message.needed) - span_of(*message.available);
  text += fmt::format(" Ollama reckoned that the whole model needs {}, and found {} free", size_text(*message.needed),
                      size_text(*message.available));
  if (missing.low <= 0) return text + ": it should have fitted, so something took the rest in between, or the reckoning was short.";
  return text + fmt::format(": {} too little for all of its layers, and those that it placed took more than it reckoned.", about(missing));
}

std::string cublas_text(const Case& found) {
  if (found.context.device_assert)
    return "An assertion failed on the device before: most often an index out of range, such as a token id that the embedding table does "
           "not have. "
           "The device's memory is not the fault.";
  return "Either the device is full outside of PyTorch's allocator, or a kernel failed before: an index out of range in an embedding looks "
         "the "
         "same.";
}

std::string other_text(const Case& found, const Verdict& verdict) {
  const Message& message = found.message;
  const Figures& figures = message.figures;
  switch (message.kind) {
    case Kind::absurd: return "No device has as much: a shape was computed wrongly, such as from a dimension that overflowed.";
    case Kind::masked:
      return "PyTorch was about to report that memory ran out, and asked NVML for the figures; NVML failed (MIG, Jetson, some containers). "
             "The "
             "figures are lost, the cause is want of memory.";
    case Kind::after_effect:
      return "This is what follows a failed mapping of an expandable segment; the process cannot recover. The message before it tells the "
             "cause.";
    case Kind::class_name: return "Only the exception's name is here; the line behind it has the figures.";
    case Kind::host_program:
    case Kind::cpu_allocator:
      return verdict.cause == Cause::too_large
                 ? "The size that was asked for is more than any machine has: a shape was computed wrongly."
                 : requested_text(figures, "The host, or a limit on this process, had no more. It is not the device's memory.");
    case Kind::mps: return mps_text(found);
    case Kind::memory_summary: return summary_text(message, verdict);
    case Kind::shared_memory: return shared_text(message);
    case Kind::outside: return outside_text(message);
    case Kind::cublas: return cublas_text(found);
    case Kind::cudnn: return cublas_text(found);
    case Kind::nccl:
      return requested_text(figures,
                            "NCCL allocates beside PyTorch's cache, so memory that PyTorch keeps unused does not help it. "
                            "torch.cuda.empty_cache() before the first collective does.");
    case Kind::bitsandbytes: return "The library ends the process itself, so there is no traceback; who holds the memory is not told.";
    case Kind::on_chip: return on_chip_text(message);
    case Kind::pool_limit: return pool_text(figures, verdict);
    case Kind::flushes:
      return "Every flush means that a request failed at first. Nothing is broken yet, but speed is lost and little is left.";
    case Kind::jax:
      return requested_text(
          figures, "JAX takes three quarters of the device when it starts and lives within that; who else held memory then is not told.");
    case Kind::hbm: return hbm_text(message);
    case Kind::tf_warning:
    case Kind::tf_tensor:
      if (figures.limit && figures.allocated)
        return requested_text(figures,
                              fmt::format("Of its share of {} {} were in use.", size_text(*figures.limit), size_text(*figures.allocated)));
      return requested_text(figures, "TensorFlow takes nearly all of the device when it starts; who else held memory then is not told.");
    case Kind::tf_device:
      return requested_text(figures,
                            "TensorFlow tries less next. It wanted nearly all that was free, so somebody else took it in between.");
    case Kind::arena_limit:
      return fmt::format("The arena may grow to a limit that the program set (gpu_mem_limit); {} of it were left and {} asked for.",
                         figures.free ? size_text(*figures.free) : "too little",
                         figures.requested ? size_text(*figures.requested) : "more was");
    case Kind::arena: return arena_text(message);
    case Kind::llama_buffer:
      return figures.device == "cpu"
                 ? requested_text(figures, "The host, or a limit on this process, had no more. It is not the device's memory.")
                 : requested_text(figures, "It has to be one piece. Who holds the device's memory is not told.");
    case Kind::metal: return "The device shares the host's memory, and macOS lets it have some three quarters; who holds it is not told.";
    case Kind::ollama_device: return ollama_text(message);
    case Kind::ollama:
      return figures.requested && figures.free
                 ? fmt::format("{} are needed and {} available: {} missing.", size_text(*figures.requested), size_text(*figures.free),
                               about(span_of(*figures.requested) - span_of(*figures.free)))
                 : "The host's memory is short, not the device's.";
    case Kind::vllm_share: return share_text(figures, verdict);
    case Kind::vllm_blocks:
      return "The share (gpu_memory_utilization) is vLLM's own setting; what is left of it for the KV cache is nothing.";
    case Kind::vllm_trial:
      return "Weights and KV cache take the whole share (gpu_memory_utilization), and the trial run at the start needs memory beside it.";
    case Kind::vllm_length: return length_text(message);
    case Kind::hami:
      return fmt::format("With this request the container would hold {}; its limit is {}. The device itself may have room.",
                         figures.requested ? size_text(*figures.requested) : "more than it may",
                         figures.limit ? size_text(*figures.limit) : "not told");
    case Kind::jetson:
      return "On such a device the processor and the GPU share one memory: loading on the host and then .to(\"cuda\") needs the weights "
             "twice.";
    case Kind::killed:
    case Kind::killed_on_nodes:
    case Kind::group_events:
    case Kind::killed_in_group: return killed_text(message);
    case Kind::systemd: return "The unit's memory limit, or the machine's memory, was reached; the kernel's log says which.";
    case Kind::oomd:
      return "systemd's own killer ends a group before the kernel has to, when its tasks wait long for memory or swap is nearly used up.";
    case Kind::slurm: return slurm_text(message);
    case Kind::sglang:
      return "The share (--mem-fraction-static) is SGLang's own setting, for weights and KV cache together; what the weights leave of it "
             "is "
             "too little for the cache.";
    case Kind::earlyoom:
      return fmt::format(
          "It held {} in memory. earlyoom ends the program that holds most when little is left of the host's memory and swap.",
          size_text(*figures.processes.at(0).size));
    case Kind::ray: return ray_text(figures);
    case Kind::heap_limit:
      return "The limit is the program's own, set when it starts or by a share of the host's memory; the host may have more.";
    case Kind::exit_status: return signal_text(message);
    default: return {};
  }
}

}  // namespace

std::string headline(const Case& found) {
  const Figures& figures = found.message.figures;
  std::string text = what(found.message);
  std::string sizes;
  if (figures.requested && found.message.kind != Kind::hami) {
    sizes = size_text(*figures.requested) + " asked";
    const bool named =
        has_device_figures(found.message.kind) || found.message.kind == Kind::llama_buffer || found.message.kind == Kind::ollama_device;
    if (named && !figures.device.empty()) sizes += " of " + figures.device;
    if (figures.total) sizes += fmt::format(" ({})", size_text(*figures.total));
  }
  if (figures.free) sizes += fmt::format("{}{} free", sizes.empty() ? "" : ", ", size_text(*figures.free));
  return sizes.empty() ? text : fmt::format("{}: {}", text, sizes);
}

std::vector<std::string> other_findings(const Case& found, const Verdict& verdict) {
  std::vector<std::string> out;
  std::string text = other_text(found, verdict);
  if (!text.empty()) out.push_back(std::move(text));
  return out;
}

}  // namespace plimsoll::doctor
