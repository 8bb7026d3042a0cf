#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "base/checked.h"
#include "doctor/figure.h"
#include "doctor/read_message.h"

namespace plimsoll::doctor {
namespace {

constexpr std::size_t kNowhere = MessageText::kNowhere;

// "Ran out of memory in memory space hbm. Used 19.66G of 15.48G hbm. Exceeded hbm capacity by 4.18G."
Message read_chip(const MessageText& text, std::size_t from) {
  Labels labels(text, from, std::min(text.size(), from + 160));
  Message message = message_of(Source::jax, Kind::hbm, from);
  message.figures.requested = labels.after("used");
  const std::size_t used = labels.find_end("used");
  message.figures.total = used == kNowhere ? std::nullopt : text.size_after("of", used, used + 24);
  message.missing = labels.after("capacityby");
  message.end = labels.end();
  if (labels.has("hbm") || !message.figures.total) return message;
  // The chip's own: vmem, smem, sflag.
  message.kind = Kind::on_chip;
  message.figures.limit = message.figures.total;
  message.figures.total.reset();
  return message;
}

// The same, its beginning cut off.
std::optional<Message> read_exceeded(const MessageText& text) {
  const std::size_t used = text.find_before("used", text.here(), 80);
  if (used == kNowhere) return std::nullopt;
  return read_chip(text, used);
}

// "while trying to allocate 30.85GiB", "allocating N bytes", "... 49807360 bytes", "Failed to allocate request for 1.91GiB (2048000000B) on
// device ordinal 0".
Message read_jax(const MessageText& text) {
  const std::size_t from = text.here();
  Labels labels(text, from, std::min(text.size(), from + 160));
  Message message = message_of(Source::jax, Kind::jax, from);
  message.figures.requested = text.size_at(from);
  for (const std::string_view label : {"whiletryingtoallocate", "allocating"}) {
    if (text.starts(label, from)) message.figures.requested = labels.after(label);
  }
  const std::size_t exact = text.find_end("(", from, from + 24);
  if (exact != kNowhere) {
    if (const auto bytes = text.size_at(exact)) message.figures.requested = bytes;
  }
  const std::size_t device = labels.find_end("deviceordinal");
  const auto number = device == kNowhere ? std::nullopt : text.integer_at(device);
  if (number) message.figures.device = fmt::format("gpu:{}", *number);
  message.end = std::max(message.end, labels.end());
  return message;
}

// TensorFlow prints these three below its messages.
void read_stats(const MessageText& text, std::size_t from, Figures& figures) {
  const std::size_t stats = text.find_end("limit:", from, from + 3000);
  if (stats == kNowhere) return;
  figures.limit = text.size_at(stats, true);
  figures.allocated = text.size_after("inuse:", stats, stats + 120, true);
}

// "Allocator (GPU_0_bfc) ran out of memory trying to allocate 3.46GiB (rounded to N)".
Message read_tf_warning(const MessageText& text) {
  const std::size_t from = text.here();
  Message message = message_of(Source::tensorflow, Kind::tf_warning, from);
  Labels labels(text, from, std::min(text.size(), from + 400));
  message.figures.requested = labels.after("tryingtoallocate");
  message.fatal = !labels.has("thisisnotafailure");
  // JAX brings XLA's allocator as "external/xla/", TensorFlow as "external/local_xla/" or "tensorflow/".
  if (text.find_before("external/xla/", from, 160) != kNowhere) {
    message.source = Source::jax;
    message.kind = Kind::jax;
  }
  const auto number = text.last_integer("(gpu_", from, 64);
  if (number) message.figures.device = fmt::format("gpu:{}", *number);
  read_stats(text, from, message.figures);
  message.end = labels.end();
  return message;
}

std::optional<std::uint64_t> type_bytes(const MessageText& text, std::size_t at) {
  struct Type {
    std::string_view name;
    std::uint64_t bytes;
  };
  static constexpr std::array<Type, 11> kTypes = {{{"float", 4},
                                                   {"double", 8},
                                                   {"half", 2},
                                                   {"bfloat16", 2},
                                                   {"int32", 4},
                                                   {"int64", 8},
                                                   {"int8", 1},
                                                   {"uint8", 1},
                                                   {"bool", 1},
                                                   {"complex64", 8},
                                                   {"complex128", 16}}};
  for (const Type& type : kTypes) {
    if (text.starts(type.name, at)) return type.bytes;
  }
  return std::nullopt;
}

// "shape[32,1024,64,64] and type float": its bytes.
std::optional<Figure> shape_bytes(const MessageText& text, std::size_t from) {
  std::size_t at = text.find_end("shape[", from, from + 32);
  const std::size_t type = text.find_end("andtype", from, from + 200);
  if (at == kNowhere || type == kNowhere) return std::nullopt;
  auto bytes = type_bytes(text, type);
  const std::size_t close = text.find("]", at, type);
  while (bytes && at < close) {
    const auto extent = text.integer_at(at);
    if (!extent) return std::nullopt;
    bytes = checked_mul(*bytes, static_cast<std::uint64_t>(*extent));
    const std::size_t comma = text.find_end(",", at, close);
    if (comma == kNowhere) break;
    at = comma;
  }
  if (!bytes || *bytes >= kNoSize) return std::nullopt;
  return exactly(*bytes);
}

// "OOM when allocating tensor with shape[32,1024,64,64] and type float on /job:...GPU:0 by allocator GPU_0_bfc".
Message read_tf_tensor(const MessageText& text) {
  const std::size_t from = text.here();
  Message message = message_of(Source::tensorflow, Kind::tf_tensor, from);
  Labels labels(text, from, std::min(text.size(), from + 400));
  message.figures.requested = shape_bytes(text, from);
  const std::size_t shape = labels.find_end("shape");
  const std::size_t close = shape == kNowhere ? kNowhere : text.find_end("]", shape, shape + 100);
  if (close != kNowhere) message.name = std::string(text.text().substr(shape, close - shape));
  const std::size_t gpu = labels.find_end("gpu:");
  const auto number = gpu == kNowhere ? std::nullopt : text.integer_at(gpu);
  if (number) message.figures.device = fmt::format("gpu:{}", *number);
  else if (labels.has("cpu:0")) message.figures.device = "cpu";
  labels.has("byallocator");
  read_stats(text, from, message.figures);
  message.end = labels.end();
  return message;
}

// "... running Conv node. Name:'x' Status Message: ... Available memory of 34699008 is smaller than requested bytes of 945041920",
// "Failed to allocate memory for requested buffer of size N".
Message read_ort(Sign sign, const MessageText& text) {
  const std::size_t from = text.here();
  Message message = message_of(Source::onnxruntime, sign == Sign::ort_available ? Kind::arena_limit : Kind::arena, from);
  message.figures.requested = text.size_at(from, true);
  message.no_size = text.no_size_at(from);
  if (sign == Sign::ort_available) {
    const std::size_t available = text.find_before("availablememoryof", from, 96);
    const std::size_t smaller = text.find_before("issmallerthan", from, 40);
    if (available != kNowhere && smaller != kNowhere)
      message.figures.free = text.bytes_between(text.find_end("memoryof", available, smaller), smaller);
  }
  return message;
}

// "1 pytorch allocator cache flushes since last step".
Message read_flushes(const MessageText& text) {
  Message message = message_of(Source::deepspeed, Kind::flushes, text.here());
  message.fatal = false;
  return message;
}

}  // namespace

std::optional<Message> read_framework(Sign sign, const Place& place) {
  const MessageText& text = place.text;
  switch (sign) {
    case Sign::jax_request:
    case Sign::jax_trying: return read_jax(text);
    case Sign::hbm_exceeded: return read_exceeded(text);
    case Sign::tf_memory: return message_of(Source::tensorflow, Kind::tf_tensor, text.here());
    case Sign::tf_tensor: return read_tf_tensor(text);
    case Sign::ort_available:
    case Sign::ort_buffer: return read_ort(sign, text);
    case Sign::cache_flushes: return read_flushes(text);
    default: break;
  }
  // Sign::out_of_memory, as read_out_of_memory passes it on.
  if (text.starts("inmemoryspace", text.here())) return read_chip(text, text.here());
  for (const std::string_view label : {"whiletryingtoallocate", "allocating"}) {
    if (text.starts(label, text.here())) return read_jax(text);
  }
  if (text.ends("ranoutofmemory", text.here())) return read_tf_warning(text);
  return std::nullopt;
}

}  // namespace plimsoll::doctor
