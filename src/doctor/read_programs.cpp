#include <algorithm>
#include <array>

#include "doctor/figure.h"
#include "doctor/read_message.h"

namespace plimsoll::doctor {
namespace {

constexpr std::size_t kNowhere = MessageText::kNowhere;

Message program(Kind kind, std::string_view name, std::size_t end) {
  Message message = message_of(Source::other, kind, end);
  message.name = std::string(name);
  message.figures.device = "cpu";
  return message;
}

/// What a device's allocator says in the words of the host's: "std::bad_alloc: out_of_memory: CUDA error at ...".
bool is_of_device(const MessageText& text) {
  static constexpr std::array<std::string_view, 4> kDevices = {"cuda", "hip", "rmm", "out_of_memory"};
  const std::size_t until = std::min(text.line_end(), text.here() + 160);
  return std::ranges::any_of(kDevices, [&](std::string_view word) { return text.has(word, text.here(), until); });
}

// "Unable to allocate 74.5 GiB for an array with shape (100000, 100000) and data type float64".
std::optional<Message> read_array(const MessageText& text) {
  const std::size_t start = text.find_before("unabletoallocate", text.here(), 64);
  if (start == kNowhere) return std::nullopt;
  Message message = program(Kind::host_program, "NumPy", text.here());
  message.figures.requested = text.size_at(text.find_end("unabletoallocate", start));
  if (!message.figures.requested) return std::nullopt;
  return message;
}

/// Whether `before` may lead up to an exception's name: nothing, its module, or what reports it; not a statement that handles it.
bool leads_to_exception(std::string_view before) {
  const std::size_t last = before.find_last_not_of(' ');
  if (last == std::string_view::npos) return true;
  return before[last] == ':' || (last + 1 == before.size() && (before[last] == '.' || before.ends_with("_Array")));
}

// "MemoryError", "MemoryError: std::bad_alloc", "numpy.core._exceptions._ArrayMemoryError: Unable to allocate ...".
std::optional<Message> read_memory_error(const Place& place) {
  static constexpr std::size_t kName = std::string_view("MemoryError").size();
  const std::string_view before = place.line.substr(0, place.at - std::min(place.at, kName));
  const std::string_view behind = place.line.substr(place.at);
  const bool quoted = is_logged_alone(before, behind);
  if (!quoted && !leads_to_exception(before)) return std::nullopt;
  if (!quoted && behind.find_first_not_of(' ') != std::string_view::npos && !behind.starts_with(':')) return std::nullopt;
  const MessageText& text = place.text;
  if (is_of_device(text)) return std::nullopt;
  const std::size_t from = text.here();
  Labels labels(text, from, std::min(text.size(), from + 96));
  const auto size = labels.after(":unabletoallocate");
  const bool array = size && labels.has("foranarraywithshape");
  Message message = program(Kind::host_program, array ? "NumPy" : "Python", from);
  message.figures.requested = size;
  labels.has(":std::bad_alloc");
  message.end = labels.end();
  return message;
}

// "terminate called after throwing an instance of 'std::bad_alloc'", "  what():  std::bad_alloc", "RuntimeError: std::bad_alloc".
std::optional<Message> read_bad_alloc(const Place& place) {
  static constexpr std::size_t kName = std::string_view("std::bad_alloc").size();
  const MessageText& text = place.text;
  std::string_view before = place.line.substr(0, place.at - std::min(place.at, kName));
  while (before.ends_with(' ')) before.remove_suffix(1);
  const bool thrown = text.find_before("instanceof'", text.here(), 32) != kNowhere;
  if ((!thrown && !before.ends_with(':')) || is_of_device(text)) return std::nullopt;
  return program(Kind::host_program, "C++", text.here());
}

// "memory allocation of 8589934592 bytes failed".
std::optional<Message> read_rust(const MessageText& text) {
  const std::size_t from = text.here();
  const std::size_t failed = text.find_end("bytesfailed", from, std::min(text.size(), from + 40));
  if (failed == kNowhere) return std::nullopt;
  Message message = program(Kind::host_program, "Rust", failed);
  message.figures.requested = text.size_at(from);
  return message;
}

// "runtime: out of memory: cannot allocate 4194304-byte block (3758096384 in use)", "fatal error: runtime: out of memory".
std::optional<Message> read_go(const MessageText& text) {
  const std::size_t from = text.here();
  if (!text.ends("runtime:outofmemory", from)) return std::nullopt;
  const std::size_t size = text.find_end(":cannotallocate", from, from + 24);
  if (size == kNowhere && !text.ends("fatalerror:runtime:outofmemory", from)) return std::nullopt;
  Message message = program(Kind::host_program, "Go", from);
  message.figures.requested = text.size_at(size, true);
  return message;
}

// "OSError: [Errno 12] Cannot allocate memory", "error='Cannot allocate memory' (errno=12)", "fork: Cannot allocate memory".
std::optional<Message> read_no_memory(const MessageText& text) {
  const std::size_t from = text.here();
  const std::size_t start = text.find_before("cannotallocatememory", from, 32);
  if (start == kNowhere) return std::nullopt;
  const std::size_t errno_behind = text.find_end("errno=12", from, std::min(text.line_end(), from + 16));
  const bool told = text.ends("errno12]", start) || text.ends("error=12,", start) || text.ends("fork:", start);
  if (!told && errno_behind == kNowhere) return std::nullopt;
  return program(Kind::host_program, "", told ? from : errno_behind);
}

// "Task was killed due to the node running low on memory.\nMemory on the node (...) where the task (...) was running was 59.61GB / 62.00GB
// (0.96), which exceeds the memory usage threshold of 0.95."
Message read_ray(const MessageText& text) {
  const std::size_t from = text.here();
  Labels labels(text, from, std::min(text.size(), from + 600));
  Message message = program(Kind::ray, "", from);
  const std::size_t used = labels.find_end("runningwas");
  if (used != kNowhere) {
    message.figures.total = text.size_after("/", used, used + 24);
    if (message.figures.total) message.figures.free = figure_of(span_of(*message.figures.total) - span_of(text.size_at(used)));
  }
  labels.has("memoryusagethreshold");
  message.end = labels.end();
  return message;
}

// "sending SIGTERM to process 2241 uid 1000 "python3": badness 1049, VmRSS 11532 MiB".
std::optional<Message> read_earlyoom(const Place& place) {
  const MessageText& text = place.text;
  Labels labels(text, text.here(), std::min(text.size(), text.here() + 200));
  const auto pid = text.integer_at(text.here());
  const auto size = labels.after("vmrss");
  if (!pid || !size) return std::nullopt;
  Message message = program(Kind::earlyoom, "", labels.end());
  message.figures.processes.push_back({*pid, size, true});
  const std::string_view rest = place.line.substr(place.at);
  const std::size_t open = rest.find('"');
  const std::size_t close = open == std::string_view::npos ? open : rest.find('"', open + 1);
  if (close != std::string_view::npos) message.name = std::string(rest.substr(open + 1, close - open - 1));
  return message;
}

}  // namespace

std::optional<Message> read_heap(const MessageText& text) {
  const std::size_t from = text.here();
  if (auto go = read_go(text)) return go;
  if (text.ends("javascriptheapoutofmemory", from)) return program(Kind::heap_limit, kNodeHeap, from);
  if (!text.ends("java.lang.outofmemory", from)) return std::nullopt;
  struct Part {
    std::string_view label;
    std::string_view name;
  };
  static constexpr std::array<Part, 5> kParts = {{{"error:javaheapspace", kJavaHeap},
                                                  {"error:gcoverheadlimitexceeded", kJavaHeap},
                                                  {"error:metaspace", kJavaClasses},
                                                  {"error:cannotreserve", kJavaBuffers},
                                                  {"error:directbuffermemory", kJavaBuffers}}};
  const auto* const part = std::ranges::find_if(kParts, [&](const Part& each) { return text.starts(each.label, from); });
  if (part == kParts.end()) return std::nullopt;
  const std::size_t end = text.find_end(part->label, from);
  Message message = program(Kind::heap_limit, part->name, end);
  // "Cannot reserve 4194304 bytes of direct buffer memory (allocated: 62914560, limit: 67108864)".
  if (part->label != "error:cannotreserve") return message;
  message.figures.requested = text.size_at(end);
  Labels labels(text, end, std::min(text.size(), end + 120));
  message.figures.allocated = labels.after("(allocated", true);
  message.figures.limit = labels.after("limit", true);
  message.end = labels.end();
  return message;
}

std::optional<Message> read_program(Sign sign, const Place& place) {
  switch (sign) {
    case Sign::python_memory: return read_memory_error(place);
    case Sign::array_memory: return read_array(place.text);
    case Sign::bad_alloc: return read_bad_alloc(place);
    case Sign::rust_memory: return read_rust(place.text);
    case Sign::no_memory: return read_no_memory(place.text);
    case Sign::ray_memory: return read_ray(place.text);
    case Sign::earlyoom: return read_earlyoom(place);
    default: return std::nullopt;
  }
}

}  // namespace plimsoll::doctor
