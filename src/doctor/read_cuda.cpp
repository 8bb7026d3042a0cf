#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "doctor/read_message.h"

namespace plimsoll::doctor {
namespace {

constexpr std::size_t kNowhere = MessageText::kNowhere;

// "NCCL WARN Cuda failure 2 'out of memory'", "NCCL WARN Failed to CUDA calloc 6291456 bytes".
Message read_nccl(const MessageText& text) {
  const std::size_t from = text.here();
  Message message = message_of(Source::nccl, Kind::nccl, from);
  // What PyTorch repeats of it.
  message.weak = text.find_before("lasterror:", from, 80) != kNowhere;
  Labels labels(text, from, std::min(text.size(), from + 64));
  for (const std::string_view call : {"malloc", "calloc", "hostalloc", "mallocasync", "callocasync"}) {
    if (const auto size = labels.after(call, true)) message.figures.requested = size;
  }
  message.end = labels.end();
  return message;
}

// "CUDA_ERROR_OUT_OF_MEMORY: out of memory" is one.
std::size_t behind_repetition(const MessageText& text) {
  const std::size_t again = text.find_end("outofmemory", text.here(), text.here() + 14);
  return again == kNowhere ? text.here() : again;
}

// "Out of memory allocating 1,073,741,824 bytes (allocated so far: N bytes, limit set to: N bytes)"; before version 6 "out of memory to
// allocate N bytes (total N bytes)", where the total includes the request.
std::optional<Message> read_cupy(const MessageText& text) {
  const std::size_t from = text.here();
  Labels labels(text, from, std::min(text.size(), from + 240));
  const bool now = text.starts("allocating", from);
  Message message = message_of(Source::cupy, Kind::pool_limit, from);
  message.figures.requested = labels.after(now ? "allocating" : "toallocate", true);
  message.figures.allocated = labels.after("allocatedsofar:", true);
  if (!now && !labels.has("(total")) return std::nullopt;
  message.figures.limit = now ? labels.after("limitsetto:", true) : labels.after("limitsetto", true);
  message.end = labels.end();
  return message;
}

// "failed to allocate 17.79G (19104890880 bytes) from device: CUDA_ERROR_OUT_OF_MEMORY".
std::optional<Message> read_stream_executor(const MessageText& text) {
  const std::size_t from = text.here();
  const std::size_t start = text.find_before("failedtoallocate", from, 160);
  if (start == kNowhere || !text.has("fromdevice", start, from)) return std::nullopt;
  Message message = message_of(Source::tensorflow, Kind::tf_device, behind_repetition(text));
  message.fatal = false;
  const std::size_t exact = text.find_end("(", start, from);
  message.figures.requested = text.size_at(exact == kNowhere ? text.find_end("failedtoallocate", start) : exact);
  return message;
}

bool names_cuda(const MessageText& text) {
  static constexpr std::array<std::string_view, 7> kNames = {"cuda", "cumem", "cuctx", "hip", "rocm", "gpuapi", "errorcode2:"};
  const std::size_t from = text.here();
  return std::ranges::any_of(kNames, [&](std::string_view name) { return text.find_before(name, from, 96) != kNowhere; });
}

bool names_pytorch(const MessageText& text) {
  static constexpr std::array<std::string_view, 4> kNames = {"torch", "runtimeerror:", "acceleratorerror", "cudakernelerrorsmight"};
  const std::size_t from = text.here() - std::min<std::size_t>(text.here(), 512);
  return std::ranges::any_of(kNames, [&](std::string_view name) { return text.has(name, from, text.here() + 300); });
}

/// An error of the driver or runtime that somebody repeats.
Message read_repeated(const MessageText& text) {
  Message message = message_of(Source::cuda, Kind::outside, behind_repetition(text));
  message.figures.requested = text.size_after("requestedsizewas", text.here(), text.here() + 40);
  if (names_pytorch(text)) message.name = "PyTorch";
  for (const std::string_view amd : {"hiperror:outofmemory", "rocmerror:outofmemory"}) {
    if (text.ends(amd, text.here())) message.figures.device = "hip";
  }
  // "cuda runtime error (2) : out of memory at .../aten/src/THC/...": its allocator, in versions that gave no figures.
  if (text.has("/thc/", text.here() - std::min<std::size_t>(text.here(), 200), text.here() + 160)) {
    message.source = Source::pytorch;
    message.old = true;
  }
  return message;
}

/// Whether the phrase stands in an address, which tells where to read of such errors.
bool in_address(const Place& place) {
  const std::string_view before = place.line.substr(0, place.at);
  const std::size_t blank = before.find_last_of(' ');
  return before.substr(blank == std::string_view::npos ? 0 : blank).find("://") != std::string_view::npos;
}

// Bare errors of the driver and runtime, and of who only repeats them.
std::optional<Message> read_bare(const Place& place) {
  if (in_address(place)) return std::nullopt;
  const MessageText& text = place.text;
  const std::size_t from = text.here();
  // Whose job is it? Other phrases of the same line are read by themselves.
  const bool of_llama = names_llama(text);
  if (of_llama && text.ends("cudamallocfailed:outofmemory", from)) return std::nullopt;
  for (const std::string_view nccl : {"ncclwarn", "nccl", "lasterror:"}) {
    if (text.find_before(nccl, from, 80) != kNowhere) return read_nccl(text);
  }
  if (auto device = read_stream_executor(text)) return device;
  if (!names_cuda(text)) return std::nullopt;
  Message message = read_repeated(text);
  if (!text.ends("error:outofmemory", from)) return message;
  if (of_llama) return message_of(Source::llama_cpp, Kind::llama_buffer, message.end);
  // llama.cpp says more in the next line.
  const std::size_t device = text.find_end("currentdevice:", from, from + 120);
  if (device == kNowhere || !text.has("infunction", device, device + 40)) return message;
  message.source = Source::llama_cpp;
  message.kind = Kind::llama_buffer;
  message.name.clear();
  if (const auto number = text.integer_at(device)) message.figures.device = fmt::format("cuda:{}", *number);
  message.end = device;
  return message;
}

// "Device 0 OOM 27147995136 / 25757220864": what would be held, and the limit.
std::optional<Message> read_hami(const MessageText& text) {
  const std::size_t from = text.here();
  const auto number = text.last_integer("device", from, 16);
  const std::size_t slash = text.find_end("/", from, from + 32);
  if (!number || slash == kNowhere) return std::nullopt;
  Message message = message_of(Source::hami, Kind::hami, slash);
  message.figures.device = fmt::format("cuda:{}", *number);
  message.figures.requested = text.bytes_between(from, slash - 1);
  message.figures.limit = text.size_at(slash, true);
  return message;
}

// "NvMapMemAllocInternalTagged: 1075072515 error 12": the number is a tag, not a size; 12 is ENOMEM.
std::optional<Message> read_jetson(const MessageText& text) {
  const std::size_t from = text.here();
  const std::size_t error = text.find_end("error", from, from + 64);
  if (error == kNowhere) return std::nullopt;
  return message_of(Source::jetson, Kind::jetson, error);
}

// "out of resource: shared memory, Required: 102400, Hardware limit: 101376". Threads and registers are no bytes.
std::optional<Message> read_triton(const MessageText& text) {
  const std::size_t from = text.here();
  Labels labels(text, from, std::min(text.size(), from + 200));
  const auto required = labels.after("required", true);
  const auto limit = labels.after("limit", true);
  const auto limitation = labels.after("limitation", true);
  const bool shared = labels.has("sharedmemory");
  if (!required && !shared) return std::nullopt;
  Message message = message_of(Source::triton, Kind::on_chip, from);
  message.end = labels.end();
  if (!shared) return message;
  message.figures.requested = required;
  message.figures.limit = limit ? limit : limitation;
  return message;
}

/// Whether what stands before the name of an exception makes it a line of a program's source.
bool is_source(std::string_view before) {
  static constexpr std::array<std::string_view, 4> kUses = {"except ", "isinstance(", "raise ", "raises("};
  return std::ranges::any_of(kUses, [&](std::string_view use) { return before.find(use) != std::string_view::npos; });
}

}  // namespace

std::optional<Message> read_out_of_memory(const Place& place) {
  const MessageText& text = place.text;
  const std::size_t from = text.here();
  if (auto heap = read_heap(text)) return heap;
  // "torch.OutOfMemoryError: ": what follows says more, unless the log ends here.
  if (text.starts("error", from)) {
    if (!text.ends("torch.outofmemory", from) && !text.ends("torch.cuda.outofmemory", from)) return std::nullopt;
    if (place.line.find("emory", place.at) != std::string_view::npos || is_source(place.line.substr(0, place.at))) return std::nullopt;
    Message message = message_of(Source::pytorch, Kind::class_name, from);
    message.weak = true;
    return message;
  }
  if (text.starts(":kill", from)) return std::nullopt;
  if (text.starts("occurredwhenwarmingup", from)) return read_server(Sign::out_of_memory, place);
  if (auto message = read_pytorch(Sign::out_of_memory, place)) return message;
  if (text.ends("errorout_of_memory", from) && !names_cuda(text)) return std::nullopt;
  if (text.ends("erroroutofmemory", from) && text.starts("atline", from)) return message_of(Source::bitsandbytes, Kind::bitsandbytes, from);
  const bool of_xla = text.find_before("exhausted:", from, 40) != kNowhere;
  if (of_xla || text.starts("inmemoryspace", from)) return read_framework(Sign::out_of_memory, place);
  if (text.starts("allocating", from) || text.starts("toallocate", from)) return read_cupy(text);
  if (text.starts("whiletryingtoallocate", from) || text.starts("tryingtoallocate", from))
    return read_framework(Sign::out_of_memory, place);
  const bool of_slurm = text.find_before("srun:error", from, 160) != kNowhere || text.ends("state:out_of_memory", from) ||
                        text.ends("jobstate=out_of_memory", from) ||
                        (text.ends("cgroupout-of-memory", from) && text.starts("handler", from));
  if (of_slurm) return read_host(Sign::out_of_memory, place);
  return read_bare(place);
}

std::optional<Message> read_cuda(Sign sign, const Place& place) {
  switch (sign) {
    case Sign::cublas_alloc: return message_of(Source::cuda, Kind::cublas, place.text.here());
    case Sign::cudnn_alloc: return message_of(Source::cuda, Kind::cudnn, place.text.here());
    case Sign::nccl_allocation: return read_nccl(place.text);
    case Sign::out_of_resource: return read_triton(place.text);
    case Sign::jetson_map: return read_jetson(place.text);
    case Sign::oom: return read_hami(place.text);
    default: return std::nullopt;
  }
}

}  // namespace plimsoll::doctor
