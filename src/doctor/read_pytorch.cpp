#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "doctor/figure.h"
#include "doctor/read_message.h"

namespace plimsoll::doctor {
namespace {

// No message of PyTorch's is longer, its hints included.
constexpr std::size_t kLongest = 3000;
constexpr std::size_t kMostProcesses = 64;

std::optional<Figure> first_of(std::optional<Figure> a, std::optional<Figure> b) { return a ? a : b; }

Message pytorch(Kind kind, std::size_t end) {
  Message message;
  message.kind = kind;
  message.source = Source::pytorch;
  message.end = end;
  return message;
}

/// Where the message that begins at `from` ends at the latest: before its hint, the next message, the next traceback, `until`.
std::size_t end_of_message(const MessageText& text, std::size_t from, std::size_t until = MessageText::kNowhere) {
  static constexpr std::array<std::string_view, 5> kEnds = {"ifreservedmemoryis", "ifreservedbutunallocated", "traceback(most",
                                                            "outofmemory", "seedocumentationfor"};
  std::size_t end = std::min({text.size(), from + kLongest, until});
  for (const std::string_view label : kEnds) end = std::min(end, text.find(label, from, end));
  return end;
}

struct Backend {
  std::string_view name;
  std::string_view words;  ///< that begin its messages
  std::string_view device;
};
constexpr std::array<Backend, 4> kBackends = {{{"CUDA", "cudaoutofmemory", "cuda"},
                                               {"HIP", "hipoutofmemory", "hip"},
                                               {"XPU", "xpuoutofmemory", "xpu"},
                                               {"NPU", "npuoutofmemory", "npu"}}};

/// The back end whose message ends at `at`, or null.
const Backend* backend_at(const MessageText& text, std::size_t at) {
  const auto* const found = std::ranges::find_if(kBackends, [&](const Backend& each) { return text.ends(each.words, at); });
  return found == kBackends.end() ? nullptr : found;
}

void read_processes(const MessageText& text, std::size_t from, std::size_t until, Figures& figures) {
  std::size_t at = from;
  while (figures.processes.size() < kMostProcesses) {
    at = text.find_end("process", at, until);
    if (at == MessageText::kNowhere) return;
    const auto pid = text.integer_at(at);
    const std::size_t has = text.find_end("has", at, std::min(until, at + 24));
    if (!pid || has == MessageText::kNowhere) continue;
    figures.processes.push_back({*pid, text.size_at(has), false});
  }
}

/// "9.78 MiB cached" is what lies unused, in some versions all that is reserved: where the device has no room for the one, it is the other.
void settle_cached(Figures& figures) {
  if (!figures.total || !figures.free || !figures.allocated || !figures.cached || figures.reserved) return;
  const Span free = span_of(*figures.free);
  const Span allocated = span_of(*figures.allocated);
  const Span cached = span_of(*figures.cached);
  const Span total = span_of(*figures.total);
  if (!surely_above(allocated + cached + free, total) || surely_above(cached + free, total) || !perhaps_at_least(cached, allocated)) return;
  figures.reserved = std::exchange(figures.cached, std::nullopt);
}

void complete(Figures& figures) {
  if (figures.allocated && figures.reserved && !figures.cached)
    figures.cached = figure_of(span_of(*figures.reserved) - span_of(*figures.allocated));
  if (figures.allocated && figures.cached && !figures.reserved)
    figures.reserved = figure_of(span_of(*figures.allocated) + span_of(*figures.cached));
}

// P1 to P5 of every version: figures by their labels, in whatever order.
Message read_allocator(const MessageText& text, std::size_t from, std::size_t latest = MessageText::kNowhere) {
  const std::size_t until = end_of_message(text, from, latest);
  Labels labels(text, from, until);
  Message message = pytorch(Kind::allocator, from);
  const Backend* const backend = backend_at(text, from);
  const std::string_view kind = backend == nullptr ? "gpu" : backend->device;
  if (backend != nullptr) message.name = backend->name;
  Figures& figures = message.figures;
  figures.requested = labels.after("triedtoallocate");
  const std::size_t gpu = labels.find_end(kind == "npu" ? "npu" : "gpu");
  const auto number = gpu == MessageText::kNowhere ? std::nullopt : text.integer_at(gpu);
  if (number) figures.device = fmt::format("{}:{}", kind, *number);
  figures.total = first_of(labels.after("totalcapacityof"), labels.after("totalcapactyof"));
  figures.total = first_of(figures.total, labels.before("totalcapacity"));
  message.old = labels.has("alreadyallocated");
  figures.free = first_of(labels.before("isfree"), labels.before("free;"));
  figures.allocated = first_of(labels.before("isallocatedbypytorch"), labels.before("alreadyallocated"));
  figures.cached = first_of(labels.before("isreservedbypytorch"), labels.before("cached"));
  figures.reserved = labels.before("reservedintotal");
  figures.pools = labels.before("allocatedinprivatepools");
  figures.limit = labels.before("allowed");
  figures.used = labels.after("thisprocesshas");
  read_processes(text, from, until, figures);
  settle_cached(figures);
  complete(figures);
  message.end = labels.end();
  return message;
}

// "MPS backend out of memory (MPS allocated: ..., other allocations: ..., max allowed: ...). Tried to allocate ... on private pool."
Message read_mps(const MessageText& text) {
  const std::size_t from = text.here();
  Labels labels(text, from, end_of_message(text, from));
  Message message = pytorch(Kind::mps, from);
  message.figures.device = "mps";
  message.figures.allocated = labels.after("mpsallocated");
  message.others = labels.after("otherallocations");
  message.figures.limit = labels.after("maxallowed");
  message.figures.requested = labels.after("triedtoallocate");
  message.end = labels.end();
  return message;
}

// cudaMallocAsync: "Allocation on device 0 would exceed allowed memory. (out of memory)" and a table below.
Message read_async(const MessageText& text) {
  const std::size_t from = text.here();
  const std::size_t until = std::min({text.size(), from + 600, text.find("traceback(most", from)});
  Labels labels(text, from, until);
  Message message = pytorch(Kind::async_pool, from);
  message.name = "CUDA";
  const auto number = text.last_integer("ondevice", from, 64);
  if (number) message.figures.device = fmt::format("cuda:{}", *number);
  labels.has("(outofmemory)");
  message.figures.allocated = labels.after("currentlyallocated");
  message.figures.requested = labels.after("requested");
  message.figures.total = labels.after("devicelimit");
  message.figures.free = labels.after("free(accordingtocuda)");
  message.figures.limit = labels.after("memoryfraction)");
  message.end = labels.end();
  return message;
}

Message read_warning(const MessageText& text) {
  const std::size_t from = text.here();
  Labels labels(text, from, std::min(text.size(), from + 300));
  Message message = pytorch(Kind::retry_warning, from);
  message.fatal = false;
  message.name = "CUDA";
  const std::size_t device = labels.find_end("ondevice");
  const auto number = device == MessageText::kNowhere ? std::nullopt : text.integer_at(device);
  if (number) message.figures.device = fmt::format("cuda:{}", *number);
  message.figures.requested = labels.after("tryingtoallocate", true);
  message.figures.free = labels.after("free:", true);
  message.figures.total = labels.after("total:", true);
  message.end = labels.end();
  return message;
}

std::optional<Message> read_assert(const MessageText& text) {
  const std::size_t from = text.here();
  if (!text.has("cudacachingallocator", from, from + 200)) return std::nullopt;
  const bool nvml = text.find_before("nvml", from, 80) != MessageText::kNowhere;
  const bool handles = text.find_before("handles_", from, 80) != MessageText::kNowhere;
  if (!nvml && !handles) return std::nullopt;
  return pytorch(nvml ? Kind::masked : Kind::after_effect, from);
}

std::optional<Message> read_cpu(const MessageText& text) {
  // The front of the line may be cut off.
  const std::size_t cut = text.find_before("notenoughmemory:youtriedtoallocate", text.here(), 40);
  const std::size_t from = cut == MessageText::kNowhere ? text.here() : cut;
  Labels labels(text, from, std::min(text.size(), from + 300));
  const bool in_gib = text.ends("torch:notenoughmemory", from);
  if (!in_gib && !labels.has("memory")) return std::nullopt;
  Message message = pytorch(Kind::cpu_allocator, from);
  message.figures.device = "cpu";
  message.figures.requested = labels.after("triedtoallocate", true);
  const std::size_t asked = labels.find_end("triedtoallocate");
  message.no_size = asked != MessageText::kNowhere && text.no_size_at(asked);
  // Before 1.0 in whole GiB, cut off.
  if (message.figures.requested && in_gib) message.figures.requested->high += mib(1024);
  labels.has("(cannotallocatememory)");
  message.end = labels.end();
  return message;
}

// "unable to mmap 9877989586 bytes from file <model.safetensors>: Cannot allocate memory (12)".
std::optional<Message> read_map(const MessageText& text) {
  const std::size_t from = text.here();
  Labels labels(text, from, std::min(text.size(), from + 400));
  if (!labels.has("cannotallocatememory")) return std::nullopt;
  Message message = pytorch(Kind::cpu_allocator, labels.end());
  message.figures.device = "cpu";
  message.figures.requested = text.size_at(from, true);
  return message;
}

Message read_shared(std::size_t end) {
  Message message = pytorch(Kind::shared_memory, end);
  message.figures.device = "cpu";
  return message;
}

// "unable to open shared memory object </torch_71_3> in read-write mode: No space left on device (28)"; or for want of descriptors.
std::optional<Message> read_shared_object(const MessageText& text) {
  Labels labels(text, text.here(), std::min(text.size(), text.here() + 200));
  if (!labels.has("nospaceleftondevice") && !labels.has("cannotallocatememory")) return std::nullopt;
  return read_shared(labels.end());
}

/// The end of `text`, in which a path is looked for.
std::string_view end_of(std::string_view text) {
  constexpr std::size_t kNear = 200;
  return text.substr(text.size() - std::min(text.size(), kNear));
}

/// Whether the last path in `text` is /dev/shm or in it. What holds a slash is a path.
bool ends_with_shared_path(std::string_view text) {
  static constexpr std::string_view kShared = "/dev/shm";
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) return false;
  const std::size_t begin = text.find_last_of(" '\"`<([=,:;", slash) + 1;
  const std::string_view path = text.substr(begin, text.find_first_of(" '\"`>)],:;", begin) - begin);
  return path.starts_with(kShared) && (path.size() == kShared.size() || path[kShared.size()] == '/');
}

/// Whether the phrase "No space left on device" is broken over two lines, or stands at the beginning of one behind "/dev/shm/a:".
bool goes_on_from_above(const Place& place) {
  const MessageText& text = place.text;
  const std::size_t begin = text.find_before("nospaceleftondevice", text.here(), 24);
  if (begin == MessageText::kNowhere) return false;
  if (text.text().substr(begin, text.here() - begin).find('\n') != std::string_view::npos) return true;
  const std::size_t last = place.above.find_last_not_of(' ');
  return begin > 0 && text.text()[begin - 1] == '\n' && last != std::string_view::npos && place.above[last] == ':';
}

// "unable to write to file </torch_71_3>: No space left on device (28)", "[Errno 28] No space left on device: '/dev/shm/psm_1'", "failed to
// extend /dev/shm/nccl-I7qB2s to 33030532 bytes, error: No space left on device (28)", "write /dev/shm/a: no space left on device".
std::optional<Message> read_no_space(const Place& place) {
  const MessageText& text = place.text;
  const std::size_t from = text.here();
  Message message = read_shared(from);
  const bool named_behind = text.starts(":'", from);
  if (named_behind && !text.starts(":'/dev/shm/", from)) return std::nullopt;
  const auto is_message = [&](std::string_view begin, std::string_view end) {
    return text.ends(end, from) && text.find_before(begin, from, 160) != MessageText::kNowhere;
  };
  if (is_message("</torch_", ">:nospaceleftondevice")) return message;
  message.source = Source::nccl;
  if (is_message("failedtoextend/dev/shm/nccl-", "bytes,error:nospaceleftondevice")) return message;
  message.source = Source::other;
  std::string before(end_of(place.line.substr(0, place.at)));
  if (goes_on_from_above(place)) before.insert(0, end_of(place.above));
  if (!named_behind && !ends_with_shared_path(before)) return std::nullopt;
  return message;
}

// "DataLoader worker (pid 41) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory."
std::optional<Message> read_bus_error(const MessageText& text) {
  if (text.find_before("dataloaderworker", text.here(), 80) == MessageText::kNowhere) return std::nullopt;
  Labels labels(text, text.here(), std::min(text.size(), text.here() + 100));
  labels.has("workersareoutofsharedmemory");
  return read_shared(labels.end());
}

// The front of the line is cut off: "... GPU 0 has a total capacity of 23.64 GiB of which 412.81 MiB is free. ...".
std::optional<Message> read_headless(const MessageText& text) {
  const std::size_t from = text.here();
  const std::size_t gpu = text.find_before("gpu", from, 64);
  if (!text.last_integer("gpu", from, 64)) return std::nullopt;
  if (!text.has("hasa", gpu, gpu + 12) && !text.has(";", gpu, gpu + 12)) return std::nullopt;
  if (text.find_before("outofmemory", from, 200) != MessageText::kNowhere) return std::nullopt;
  const std::size_t tried = text.find_before("triedtoallocate", gpu, 64);
  // A message has one capacity.
  const std::size_t next = std::min(text.size(), text.find("totalcapac", from));
  Message message = read_allocator(text, tried == MessageText::kNowhere ? gpu : tried, next);
  if (!message.figures.requested && gpu > 0) message.figures.requested = text.size_ending(gpu - 1);
  const Figures& figures = message.figures;
  if (!figures.total || (!figures.free && !figures.allocated)) return std::nullopt;
  return message;
}

// "Invalid buffer size: 26.38 GB": more than Metal gives in one piece.
std::optional<Message> read_buffer_limit(const MessageText& text) {
  if (!text.ends("runtimeerror:invalidbuffersize", text.here())) return std::nullopt;
  Message message = pytorch(Kind::mps, text.here());
  message.figures.device = "mps";
  message.figures.requested = text.size_at(text.here());
  if (!message.figures.requested) return std::nullopt;
  return message;
}

std::optional<Message> read_summary(const MessageText& text) {
  const std::size_t from = text.here();
  const auto count = text.integer_at(from);
  if (!count) return std::nullopt;
  Labels labels(text, from, text.size());
  Message message = pytorch(Kind::memory_summary, from);
  message.fatal = false;
  message.failed_requests = count;
  const std::size_t retries = labels.find_end("retries");
  if (retries != MessageText::kNowhere) message.retries = text.integer_at(retries);
  message.figures.allocated = labels.after("allocatedmemory|");
  message.figures.reserved = labels.after("reservedmemory|");
  complete(message.figures);
  message.end = labels.end();
  return message;
}

}  // namespace

std::optional<Message> read_pytorch(Sign sign, const Place& place) {
  switch (sign) {
    case Sign::would_exceed: return read_async(place.text);
    case Sign::allocation_warning: return read_warning(place.text);
    case Sign::internal_assert: return read_assert(place.text);
    case Sign::cpu_allocator:
    case Sign::cpu_asked: return read_cpu(place.text);
    case Sign::host_map: return read_map(place.text);
    case Sign::host_shared: return read_shared(place.text.here());
    case Sign::shared_object: return read_shared_object(place.text);
    case Sign::no_space: return read_no_space(place);
    case Sign::bus_error: return read_bus_error(place.text);
    case Sign::capacity: return read_headless(place.text);
    case Sign::buffer_limit: return read_buffer_limit(place.text);
    case Sign::memory_summary: return read_summary(place.text);
    default: break;
  }
  // Sign::out_of_memory, as read_out_of_memory passes it on.
  const MessageText& text = place.text;
  const std::size_t from = text.here();
  if (text.ends("mpsbackendoutofmemory", from)) return read_mps(text);
  if (text.starts(".triedtoallocatemorethan1eb", from)) return pytorch(Kind::absurd, text.find_end("1eb", from));
  if (text.has("triedtoallocate", from, from + 64)) return read_allocator(text, from);
  if (backend_at(text, from) == nullptr) return std::nullopt;
  // The line was cut, or it is somebody's remark.
  Message message = read_allocator(text, from);
  message.weak = !message.figures.total;
  return message;
}

}  // namespace plimsoll::doctor
