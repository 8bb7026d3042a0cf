#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/doctor.h>

#include "doctor/message_text.h"
#include "doctor/phrases.h"

namespace plimsoll::doctor {

/// The kinds of messages, by what they mean.
enum class Kind : std::uint8_t {
  allocator,       ///< PyTorch's own, with its figures
  absurd,          ///< PyTorch was asked for more than it reckons with
  async_pool,      ///< PyTorch with cudaMallocAsync
  retry_warning,   ///< PyTorch: a first try failed
  masked,          ///< PyTorch: NVML failed while the text was being made
  after_effect,    ///< PyTorch: a segment could not be mapped before
  class_name,      ///< only the exception's name
  cpu_allocator,   ///< PyTorch on the host
  shared_memory,   ///< PyTorch's data workers, NCCL or others: /dev/shm
  mps,             ///< PyTorch on Apple's devices
  memory_summary,  ///< PyTorch's table
  outside,         ///< CUDA, outside of any allocator that counts
  cublas,
  cudnn,
  nccl,
  bitsandbytes,
  on_chip,     ///< Triton: shared memory of a kernel
  pool_limit,  ///< CuPy
  flushes,     ///< DeepSpeed
  jax,
  hbm,         ///< XLA: what was compiled for a TPU needs more than its memory
  tf_warning,  ///< TensorFlow: a try that may fail
  tf_tensor,
  tf_device,    ///< TensorFlow takes the device
  arena_limit,  ///< ONNX Runtime
  arena,
  llama_buffer,
  metal,          ///< Apple's devices, while they compute
  ollama,         ///< the host's memory
  ollama_device,  ///< llama.cpp under Ollama
  vllm_share,     ///< less is free than its share
  vllm_blocks,    ///< nothing is left for the cache
  vllm_length,    ///< one text's cache has no room
  vllm_trial,     ///< a trial run of the sampler has no room
  sglang,         ///< nothing of its share is left for the cache
  hami,
  jetson,
  killed_in_group,
  group_events,     ///< memory.events of a control group
  killed_on_nodes,  ///< the memory nodes of a cpuset or of a policy were full
  killed,
  systemd,
  oomd,  ///< systemd's own killer, before the kernel's
  slurm,
  earlyoom,      ///< a killer of the host's, before the kernel's
  ray,           ///< kills its tasks before the node is full
  host_program,  ///< Python, NumPy, C++ or the system: no memory of the host
  heap_limit,    ///< Java's and Node.js's own limits
  exit_status,   ///< only a signal
};

/// One message of a log, as read. Strings are the log's own: not safe to print.
struct Message {
  Kind kind = Kind::outside;
  Source source = Source::cuda;
  Figures figures;
  bool fatal = true;
  bool weak = false;                          ///< says nothing that a better message would not say
  bool old = false;                           ///< PyTorch before 2.1
  bool no_size = false;                       ///< what was asked for is a number that is not below kNoSize
  Phase phase = Phase::unknown;               ///< where the message itself tells
  std::string name;                           ///< CUDA, HIP, XPU or NPU; PyTorch of a bare error; a killed program; a shape
  std::string group;                          ///< control group; of Kind::group_events only where the file's path is told
  std::optional<Figure> others;               ///< other allocations
  std::optional<Figure> missing;              ///< where the message itself tells
  std::optional<Figure> needed;               ///< in all, where `requested` is a part of it
  std::optional<Figure> available;            ///< for `needed`
  std::optional<std::int64_t> tokens_wanted;  ///< of one text
  std::optional<std::int64_t> tokens_possible;
  std::optional<std::int64_t> trial_texts;      ///< that vLLM tries at once
  std::optional<std::int64_t> failed_requests;  ///< for memory
  std::optional<std::int64_t> retries;          ///< that succeeded
  std::optional<std::int64_t> kills;
  std::size_t end = 0;  ///< behind the message, in its text
};

/// A message that says no more than who wrote it and what kind it is; it ends before `end`.
inline Message message_of(Source source, Kind kind, std::size_t end) {
  Message message;
  message.source = source;
  message.kind = kind;
  message.end = end;
  return message;
}

/// Where a phrase was found.
struct Place {
  const MessageText& text;  ///< around it: MessageText::here() is behind the phrase
  std::string_view line;    ///< the line as it is
  std::size_t at = 0;       ///< behind the phrase, in the line
  std::string_view above;   ///< the line before, of the same writer; or empty
};

/// A quick look for phrases that stand in many lines: false when `read_message` would give nothing.
bool may_begin(Sign sign, std::string_view line, std::size_t at);
/// Whether a phrase also stands in the middle of messages that others begin.
bool may_continue(Sign sign);

/// The message that a phrase begins, or nothing when it only looked like one. All take time in proportion to the text.
std::optional<Message> read_message(Sign sign, const Place& place);

// One a family.
std::optional<Message> read_out_of_memory(const Place& place);
std::optional<Message> read_pytorch(Sign sign, const Place& place);
std::optional<Message> read_cuda(Sign sign, const Place& place);
std::optional<Message> read_framework(Sign sign, const Place& place);
std::optional<Message> read_server(Sign sign, const Place& place);
std::optional<Message> read_host(Sign sign, const Place& place);
std::optional<Message> read_program(Sign sign, const Place& place);
/// Of Java, Node.js or Go, whose messages are "out of memory" too.
std::optional<Message> read_heap(const MessageText& text);

/// Whether `line`, up to a phrase's end, is no more than the name of an event in a control group's memory.events, or in what `grep .` makes
/// of that file.
bool is_event(std::string_view line, std::string_view name);

/// {"log":"MemoryError\n","stream":"stderr"}: whether what stands between these is all that a container wrote in a line.
bool is_logged_alone(std::string_view before, std::string_view behind);

/// Whose limit it is, as Message::name.
inline constexpr std::string_view kJavaHeap = "Java's heap";
inline constexpr std::string_view kJavaClasses = "Java's metaspace";
inline constexpr std::string_view kJavaBuffers = "Java's direct buffers";
inline constexpr std::string_view kNodeHeap = "the heap of Node.js";

/// What Ollama reckons with before it starts llama.cpp.
struct OllamaPlan {
  std::optional<Figure> needed;     ///< by the whole model
  std::optional<Figure> available;  ///< on all devices
};
OllamaPlan read_ollama_plan(const MessageText& text);

/// Whether llama.cpp, or who carries it, wrote what stands before.
bool names_llama(const MessageText& text);

/// A range of a text in which labels are looked for; it remembers how far they reached.
class Labels {
 public:
  Labels(const MessageText& text, std::size_t from, std::size_t until) : text_(text), from_(from), until_(until), end_(from) {}

  std::optional<Figure> after(std::string_view label, bool bare = false) {
    note(label);
    return text_.size_after(label, from_, until_, bare);
  }
  std::optional<Figure> before(std::string_view label) {
    note(label);
    return text_.size_before(label, from_, until_);
  }
  bool has(std::string_view label) {
    note(label);
    return text_.has(label, from_, until_);
  }
  std::size_t find_end(std::string_view label) {
    note(label);
    return text_.find_end(label, from_, until_);
  }
  std::size_t end() const { return end_; }

 private:
  void note(std::string_view label) {
    const std::size_t end = text_.find_end(label, from_, until_);
    if (end != MessageText::kNowhere && end > end_) end_ = end;
  }

  const MessageText& text_;
  std::size_t from_;
  std::size_t until_;
  std::size_t end_;
};

}  // namespace plimsoll::doctor
