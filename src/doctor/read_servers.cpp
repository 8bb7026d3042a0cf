#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "doctor/figure.h"
#include "doctor/read_message.h"

namespace plimsoll::doctor {
namespace {

constexpr std::size_t kNowhere = MessageText::kNowhere;

void read_device(const MessageText& text, std::string_view label, std::size_t from, std::size_t until, Figures& figures) {
  const std::size_t at = text.find_end(label, from, until);
  const auto number = at == kNowhere ? std::nullopt : text.integer_at(at);
  if (number) figures.device = fmt::format("cuda:{}", *number);
}

// What the buffer was for, by the lines around: those behind complain of it, those before may be of what went well.
Phase llama_phase(const MessageText& text) {
  struct Word {
    std::string_view word;
    Phase phase;
  };
  static constexpr std::array<Word, 8> kWords = {{{"gallocr_reserve", Phase::activations},
                                                  {"computebuffer", Phase::activations},
                                                  {"allocatecompute", Phase::activations},
                                                  {"kv_cache", Phase::kv_cache},
                                                  {"kvcache", Phase::kv_cache},
                                                  {"loadingmodel", Phase::loading},
                                                  {"load_tensors", Phase::loading},
                                                  {"unabletoallocate", Phase::loading}}};
  const std::size_t here = text.here();
  const std::size_t line = text.text().rfind('\n', here) + 1;
  const std::array<std::pair<std::size_t, std::size_t>, 2> ranges = {{{line, here + 500}, {here - std::min<std::size_t>(here, 300), here}}};
  for (const auto& [from, until] : ranges) {
    for (const Word& each : kWords) {
      if (text.has(each.word, from, until)) return each.phase;
    }
  }
  return Phase::unknown;
}

// "allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory".
std::optional<Message> read_allocating(const MessageText& text) {
  const std::size_t from = text.here();
  if (!names_llama(text)) return std::nullopt;
  Message message = message_of(Source::llama_cpp, Kind::llama_buffer, from);
  const std::size_t start = text.find_before("allocating", from, 120);
  if (start != kNowhere) {
    message.figures.requested = text.size_at(text.find_end("allocating", start));
    read_device(text, "ondevice", start, from, message.figures);
  }
  Labels labels(text, from, std::min(text.size(), from + 24));
  labels.has("outofmemory");
  message.end = labels.end();
  return message;
}

/// Whether the host's own buffers are meant: "ggml_backend_cpu_buffer_type_alloc_buffer: failed ...", "failed to allocate CPU buffer".
bool is_of_host(const MessageText& text, std::size_t from, std::size_t until) {
  return text.has("backend_cpu_buffer", from - std::min<std::size_t>(from, 48), until) || text.has("allocatecpu", from, until);
}

// "failed to allocate CUDA0 buffer of size 4294967296", "failed to allocate buffer, size = 1024.00 MiB".
std::optional<Message> read_buffer(const MessageText& text) {
  const std::size_t from = text.here();
  const std::size_t start = text.find_before("failedtoallocate", from, 80);
  if (start == kNowhere || text.has("requested", start, from)) return std::nullopt;
  Message message = message_of(Source::llama_cpp, Kind::llama_buffer, from);
  message.figures.requested = text.size_at(from, true);
  read_device(text, "allocatecuda", start, from, message.figures);
  if (is_of_host(text, start, from)) message.figures.device = "cpu";
  return message;
}

// "failed to allocate buffer for kv cache", "failed to allocate compute pp buffers".
Message read_failed(const MessageText& text) { return message_of(Source::llama_cpp, Kind::llama_buffer, text.here()); }

// "unable to allocate CUDA0 buffer".
std::optional<Message> read_unable(const MessageText& text) {
  const std::size_t from = text.here();
  const std::size_t buffer = text.find_end("buffer", from, from + 24);
  if (buffer == kNowhere) return std::nullopt;
  Message message = message_of(Source::llama_cpp, Kind::llama_buffer, buffer);
  read_device(text, "cuda", from, buffer, message.figures);
  if (text.has("cpu", from, buffer)) message.figures.device = "cpu";
  // "failed to allocate buffer, size = 16384.00 MiB" in the line before.
  if (text.has("metal", from, buffer)) message.figures.requested = text.last_size("buffer,size=", from, 160);
  return message;
}

// "ggml_aligned_malloc: insufficient memory (attempted to allocate 4096.00 MB)"; "failed to allocate 1900.00 MiB of pinned memory: out of
// memory", after which ordinary memory is taken.
std::optional<Message> read_host_buffer(const MessageText& text) {
  const std::size_t from = text.here();
  const bool pinned = text.ends("ofpinnedmemory", from);
  if (pinned && text.find_before("failedtoallocate", from, 64) == kNowhere) return std::nullopt;
  Message message = message_of(Source::llama_cpp, Kind::llama_buffer, from);
  message.fatal = !pinned;
  message.figures.device = "cpu";
  message.figures.requested = pinned ? text.size_ending(from - 14) : text.size_at(from);
  if (pinned) message.end = std::min(text.line_end(), from + 64);
  return message;
}

// "ggml_vulkan: Device memory allocation of size 1073741824 failed. vk::Device::allocateMemory: ErrorOutOfDeviceMemory".
std::optional<Message> read_vulkan(const MessageText& text) {
  const std::size_t from = text.here();
  if (text.find_before("vk::", from, 80) == kNowhere && text.find_before("vulkan", from, 200) == kNowhere) return std::nullopt;
  Message message = message_of(Source::llama_cpp, Kind::llama_buffer, from);
  message.figures.requested = text.last_size("ofsize", from, 200, true);
  return message;
}

// The first half of it, which may be all there is.
std::optional<Message> read_vulkan_size(const MessageText& text) {
  const std::size_t failed = text.find_end("failed", text.here(), text.here() + 32);
  if (failed == kNowhere) return std::nullopt;
  Message message = message_of(Source::llama_cpp, Kind::llama_buffer, failed);
  message.figures.requested = text.size_at(text.here(), true);
  return message;
}

// "error: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)"; others than llama.cpp put other words before it.
Message read_metal(const MessageText& text) {
  const std::size_t from = text.here();
  const bool of_llama = names_llama(text) || text.find_before("error:insufficientmemory", from, 96) != kNowhere;
  Message message = message_of(of_llama ? Source::llama_cpp : Source::other, Kind::metal, from);
  message.figures.device = "mps";
  return message;
}

// "model requires more system memory (5.3 GiB) than is available (3.3 GiB)".
Message read_ollama(const MessageText& text) {
  const std::size_t from = text.here();
  Message message = message_of(Source::ollama, Kind::ollama, from);
  Labels labels(text, from, std::min(text.size(), from + 120));
  message.figures.device = "cpu";
  message.figures.requested = labels.after("(");
  message.figures.free = labels.after("available(");
  if (!message.figures.requested) message.figures.requested = text.size_at(from);
  message.end = labels.end();
  return message;
}

// "model request too large for system" requested="21.5 GiB" available="12.8 GiB" total="15.5 GiB".
Message read_ollama_system(const MessageText& text) {
  const std::size_t from = text.here();
  Message message = message_of(Source::ollama, Kind::ollama, from);
  Labels labels(text, from, std::min(text.size(), from + 200));
  message.figures.device = "cpu";
  message.figures.requested = labels.after("requested=\"");
  message.figures.free = labels.after("available=\"");
  message.figures.total = labels.after("total=\"");
  message.end = labels.end();
  return message;
}

// "Free memory on device cuda:0 (15.32/22.04 GiB) on startup is less than desired GPU memory utilization (0.88, 19.39 GiB)".
Message read_startup(const MessageText& text) {
  const std::size_t from = text.here();
  Message message = message_of(Source::vllm, Kind::vllm_share, from);
  Figures& figures = message.figures;
  const std::size_t start = text.find_before("freememory", from, 200);
  if (start != kNowhere) {
    read_device(text, "cuda:", start, from, figures);
    // The unit stands behind the second figure and counts for both.
    const std::size_t open = text.find_end("(", start, from);
    const std::size_t slash = text.find("/", start, from);
    const std::size_t close = text.find(")", start, from);
    if (slash != kNowhere && close != kNowhere && open < slash && slash < close) {
      figures.total = text.size_at(slash + 1);
      MessageText pair;
      pair.add_line(std::string(text.text().substr(open, slash - open)) + "gib");
      figures.free = pair.size_at(0);
    }
  }
  const std::size_t comma = text.find_end(",", from, from + 40);
  if (comma != kNowhere) figures.requested = text.size_at(comma);
  return message;
}

// "max seq len (118000), (6.30 GiB KV cache is needed, which is larger than the available KV cache memory (6.11 GiB). Based on the
// available memory, the estimated maximum model length is 114432".
Message read_length(const MessageText& text) {
  const std::size_t from = text.here();
  Message message = message_of(Source::vllm, Kind::vllm_length, from);
  Labels labels(text, from, std::min(text.size(), from + 400));
  const std::size_t needed = text.find_before("kvcacheisneeded", from, 40);
  if (needed != kNowhere) message.figures.requested = text.size_ending(needed);
  message.tokens_wanted = text.last_integer("maxseqlen(", from, 200);
  message.figures.free = labels.after("cachememory(");
  const std::size_t possible = labels.find_end("modellengthis");
  if (possible != kNowhere) message.tokens_possible = text.integer_at(possible);
  message.end = labels.end();
  return message;
}

// "max seq len (4096) is larger than the maximum number of tokens that can be stored in KV cache (3664)".
Message read_old_length(const MessageText& text) {
  const std::size_t from = text.here();
  Message message = message_of(Source::vllm, Kind::vllm_length, from);
  message.tokens_wanted = text.last_integer("maxseqlen(", from, 200);
  const std::size_t possible = text.find_end("(", from, from + 8);
  if (possible != kNowhere) message.tokens_possible = text.integer_at(possible);
  return message;
}

// "CUDA out of memory occurred when warming up sampler with 1024 dummy requests".
Message read_trial(const MessageText& text) {
  Message message = message_of(Source::vllm, Kind::vllm_trial, text.here());
  const std::size_t with = text.find_end("with", text.here(), text.here() + 48);
  if (with != kNowhere) message.trial_texts = text.integer_at(with);
  return message;
}

// "Not enough memory. Please try to increase --mem-fraction-static."
std::optional<Message> read_sglang(const MessageText& text) {
  if (text.find_before("notenoughmemory", text.here(), 80) == kNowhere) return std::nullopt;
  return message_of(Source::other, Kind::sglang, text.here());
}

std::optional<Message> in_phase(std::optional<Message> message, Phase phase) {
  if (message) message->phase = phase;
  return message;
}

std::optional<Message> in_llamas_phase(std::optional<Message> message, const MessageText& text) {
  return message ? in_phase(std::move(message), llama_phase(text)) : std::nullopt;
}

}  // namespace

// msg="offload to cuda" ... memory.available="[5.6 GiB]" ... memory.required.full="8.1 GiB" memory.required.partial="5.4 GiB".
OllamaPlan read_ollama_plan(const MessageText& text) {
  OllamaPlan plan;
  plan.needed = text.size_at(text.here() + 2);  // behind ="
  std::size_t at = text.find_before("memory.available=\"[", text.here(), 300);
  if (at == kNowhere) return plan;
  at = text.find_end("[", at);
  const std::size_t close = std::min(text.find("]", at), text.here());
  // A size a device.
  for (Span sum; at < close; at = text.find_end("ib", at, close)) {
    const auto size = text.size_at(at);
    if (!size) break;
    sum = sum + span_of(*size);
    plan.available = figure_of(sum);
  }
  return plan;
}

bool names_llama(const MessageText& text) {
  const std::size_t from = text.here();
  if (text.find_before("allocating", from, 120) != kNowhere) return true;
  return text.find_before("ggml", from, 200) != kNowhere || text.find_before("llama", from, 200) != kNowhere;
}

std::optional<Message> read_server(Sign sign, const Place& place) {
  const MessageText& text = place.text;
  switch (sign) {
    case Sign::llama_allocating: return in_llamas_phase(read_allocating(text), text);
    case Sign::llama_buffer: return in_llamas_phase(read_buffer(text), text);
    case Sign::llama_unable: return in_llamas_phase(read_unable(text), text);
    case Sign::llama_host: return in_llamas_phase(read_host_buffer(text), text);
    case Sign::llama_failed: return in_llamas_phase(read_failed(text), text);
    case Sign::vulkan_size: return in_llamas_phase(read_vulkan_size(text), text);
    case Sign::metal_memory: return read_metal(text);
    case Sign::out_of_memory: return in_phase(read_trial(text), Phase::start_up);
    case Sign::vulkan_memory: return in_llamas_phase(read_vulkan(text), text);
    case Sign::ollama_requires: return in_phase(read_ollama(text), Phase::loading);
    case Sign::ollama_system: return in_phase(read_ollama_system(text), Phase::loading);
    // "memory layout cannot be allocated", "insufficient memory - required allocations: {...}".
    case Sign::ollama_layout: return in_phase(message_of(Source::ollama, Kind::ollama_device, text.here()), Phase::loading);
    case Sign::vllm_startup: return in_phase(read_startup(text), Phase::start_up);
    case Sign::vllm_no_blocks: return in_phase(message_of(Source::vllm, Kind::vllm_blocks, text.here()), Phase::kv_cache);
    case Sign::sglang_share: return in_phase(read_sglang(text), Phase::kv_cache);
    case Sign::vllm_length: return in_phase(read_length(text), Phase::kv_cache);
    case Sign::vllm_old_length: return in_phase(read_old_length(text), Phase::kv_cache);
    default: return std::nullopt;
  }
}

}  // namespace plimsoll::doctor
