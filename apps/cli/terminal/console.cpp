#include "terminal/console.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include <fmt/format.h>

#include "text/json_writer.h"

namespace plimsoll::cli {
namespace {

constexpr std::string_view kEraseLine = "\r\x1b[K";

// As error_line and error_json would write them.
constexpr std::string_view kHeapLine =
    "plimsoll: error: the system refused memory (cpu): close other programs or raise the limit on this process\n";
constexpr std::string_view kHeapJson =
    R"({"error": {"code": "out_of_memory", "message": "the system refused memory (cpu): close other programs or raise the limit on this process", )"
    R"("device": null, "requested_bytes": null, "free_bytes": null, "limit_bytes": null, "smallest_budget": null, "holders": null}})"
    "\n";

/// Whether standard error takes a piece at once, after a wait of `milliseconds` at most. What fails to tell takes all.
bool takes_more(int milliseconds) {
  pollfd end{STDERR_FILENO, POLLOUT, 0};
  const int ready = ::poll(&end, 1, milliseconds);
  return ready > 0 || (ready < 0 && errno != EINTR);
}

/// False when nobody reads standard error and a signal has asked to stop.
bool wait_for_reader(const CancelToken* stop, Duty& meanwhile) {
  static constexpr int kPatienceMs = 50;
  for (;;) {
    // Whether it was asked before the wait: a request during it gets one more wait, for its own message.
    const bool stopping = stop != nullptr && stop->cancelled();
    const bool ready = takes_more(kPatienceMs);
    meanwhile.attend();
    if (ready) return true;
    if (stopping) return false;
  }
}

std::string holder_line(const Holder& holder) {
  const std::string user = holder.user.empty() ? "" : " of " + printable(holder.user, 40);
  return fmt::format("; most is held by process {} ({}{}): {}", holder.pid, printable(holder.command, 60), user,
                     format_bytes(holder.bytes));
}

void write_holders(JsonWriter& json, const std::vector<Holder>& holders) {
  json.begin_array();
  for (const Holder& holder : holders) {
    json.begin_object().key("pid").value(holder.pid).key("user").value(holder.user);
    json.key("command").value(holder.command).key("bytes").value(holder.bytes).end_object();
  }
  json.end_array();
}

void write_budgets(JsonWriter& json, const std::vector<DeviceBytes>& budgets) {
  if (budgets.empty()) {
    json.null();
    return;
  }
  json.begin_object();
  for (const DeviceBytes& budget : budgets) json.key(budget.device).value(budget.bytes);
  json.end_object();
}

}  // namespace

std::string error_line(const Error& error) {
  std::string line = "plimsoll: error: " + message(error);
  if (error.memory && !error.memory->holders.empty()) line += holder_line(error.memory->holders.front());
  return line;
}

std::string error_json(const Error& error) {
  JsonWriter json;
  json.begin_object().key("error").begin_object();
  json.key("code").value(error_code_name(error.code)).key("message").value(message(error));
  if (error.memory) {
    const MemoryShortfall& memory = *error.memory;
    json.key("device").value(memory.device).key("requested_bytes").value(memory.requested);
    json.key("free_bytes").value(memory.free).key("limit_bytes").value(memory.limit);
    json.key("smallest_budget");
    write_budgets(json, memory.smallest_budget);
    json.key("holders");
    write_holders(json, memory.holders);
  } else {
    json.key("device");
    if (error.code == ErrorCode::device_lost) json.value(error.where);
    else json.null();
    for (const char* name : {"requested_bytes", "free_bytes", "limit_bytes", "smallest_budget", "holders"}) json.key(name).null();
  }
  json.end_object().end_object();
  return json.text();
}

void Console::put(std::string_view text) {
  if (!growth_.admits(text.size())) return;
  putting_ = true;
  while (!text.empty() && !given_up_) {
    given_up_ = !wait_for_reader(stop_, meanwhile_);
    if (given_up_) break;
    // A pipe that is ready takes this much without waiting.
    const ssize_t done = ::write(STDERR_FILENO, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) break;
    text.remove_prefix(static_cast<std::size_t>(done));
    growth_.written(STDERR_FILENO);
  }
  putting_ = false;
}

void Console::error(const Error& error) {
  clear_progress();
  put((style_.json ? error_json(error) : error_line(error)) + "\n");
}

void Console::heap_exhausted() {
  if (drawn_) put(kEraseLine);
  put(style_.json ? kHeapJson : kHeapLine);
}

void Console::note(std::string_view text) {
  if (!style_.quiet) complain(text);
}

void Console::complain(std::string_view text) {
  clear_progress();
  put(fmt::format("plimsoll: {}\n", text));
}

void Console::detail(std::string_view text) {
  if (style_.verbose) note(text);
}

bool Console::is_ready() const { return !putting_ && takes_more(0); }

void Console::progress(std::string_view line) {
  if (!style_.progress || (line.empty() ? !drawn_ : !is_ready())) return;
  drawn_ = !line.empty();
  if (drawn_) put(fmt::format("{}{}", kEraseLine, line));
  else put(kEraseLine);
}

}  // namespace plimsoll::cli
