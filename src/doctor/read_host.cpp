#include <algorithm>
#include <array>
#include <charconv>

#include "base/letters.h"
#include "doctor/denial.h"
#include "doctor/figure.h"
#include "doctor/read_message.h"

namespace plimsoll::doctor {
namespace {

constexpr std::size_t kNowhere = MessageText::kNowhere;

Message killed(Source source, Kind kind, std::size_t end) {
  Message message;
  message.source = source;
  message.kind = kind;
  message.end = end;
  message.figures.device = "cpu";
  return message;
}

/// What stands in `line` behind `label` up to one of `stops`.
std::string_view field(std::string_view line, std::string_view label, std::string_view stops) {
  const std::size_t at = line.find(label);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = line.substr(at + label.size());
  return rest.substr(0, rest.find_first_of(stops));
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() ? std::optional(value) : std::nullopt;
}

// "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/a,task_memcg=/a,task=python,pid=23793,uid=0".
Message read_constraint(const Place& place) {
  const std::string_view constraint = field(place.line, "CONSTRAINT_", ",");
  Kind kind = Kind::killed;
  if (constraint == "MEMCG") kind = Kind::killed_in_group;
  if (constraint == "CPUSET" || constraint == "MEMORY_POLICY") kind = Kind::killed_on_nodes;
  Message message = killed(Source::kernel, kind, place.text.line_end());
  message.group = std::string(field(place.line, "oom_memcg=", ", "));
  message.name = std::string(field(place.line, ",task=", ", "));
  if (const auto pid = number(field(place.line, ",pid=", ", "))) message.figures.processes.push_back({*pid, std::nullopt, true});
  return message;
}

// "Killed process 23793 (python) total-vm:2623712kB, anon-rss:506500kB, file-rss:1268kB, shmem-rss:0kB"; before Linux 5: "Kill process 1234
// (python3) score 900 or sacrifice child", with a line "Killed process 1234 (python3) total-vm:..." behind it.
std::optional<Message> read_kill(const Place& place) {
  const MessageText& text = place.text;
  const std::size_t from = text.here();
  const auto pid = text.integer_at(from);
  if (!pid) return std::nullopt;
  const bool group = text.find_before("memorycgroupoutofmemory", from, 64) != kNowhere;
  Message message = killed(Source::kernel, group ? Kind::killed_in_group : Kind::killed, from);
  const std::string_view rest = place.line.substr(std::min(place.at, place.line.size()));
  const std::size_t open = rest.find('(');
  const std::size_t close = rest.find(") ");
  if (open < 24 && close != std::string_view::npos && open < close) message.name = std::string(rest.substr(open + 1, close - open - 1));
  Labels labels(text, from, std::min(text.size(), from + 300));
  std::optional<Figure> size;
  for (const std::string_view label : {"anon-rss", "file-rss", "shmem-rss"}) {
    const auto part = labels.after(label);
    if (part) size = figure_of(span_of(size) + span_of(*part));
  }
  if (!size && !labels.has("score") && !group && text.find_before("outofmemory", from, 32) == kNowhere) return std::nullopt;
  message.figures.processes.push_back({*pid, size, true});
  labels.has("oom_score_adj");
  message.end = labels.end();
  return message;
}

/// The count of an event, if `text` is no more than that behind its name: " 3".
std::optional<std::int64_t> event_count(std::string_view text) {
  text = without(text, " ");
  if (!text.starts_with(' ') || text.find_first_not_of("0123456789", 1) != std::string_view::npos) return std::nullopt;
  return number(text.substr(1));
}

/// Whether the lines around "oom 3" are of memory.events too: "max 41" and "oom_kill 0".
bool is_among_events(const Place& place) {
  static constexpr std::string_view kLimit = "max";
  return (place.above.starts_with(kLimit) && event_count(place.above.substr(kLimit.size()))) ||
         place.text.starts("oom_kill", place.text.line_end());
}

/// Whether a line around "oom_kill 5" is of /proc/vmstat, which counts what was killed on the machine since it started: "pgfault 71".
bool is_among_machines_counts(const Place& place) {
  static constexpr std::array<std::string_view, 8> kFamilies = {"compact_", "drop_", "htlb_", "nr_", "numa_", "pg", "swap_", "thp_"};
  const std::string_view above = place.above;
  const bool counts = event_count(above.substr(std::min(above.find(' '), above.size()))).has_value();
  return std::ranges::any_of(kFamilies, [&](std::string_view family) {
    return (counts && above.starts_with(family)) || place.text.starts(family, place.text.line_end());
  });
}

// memory.events of a control group: "oom 3", how often its limit left a request without memory; "oom_kill 2", how many were killed for it.
// "oom 3" alone may be a count of anything's.
std::optional<Message> read_event(const Place& place, bool kill) {
  const auto count = event_count(place.line.substr(place.at));
  if (count.value_or(0) <= 0) return std::nullopt;
  if (kill && is_among_machines_counts(place)) return std::nullopt;
  Message message = killed(Source::kernel, Kind::group_events, place.text.line_end());
  message.fatal = kill;
  (kill ? message.kills : message.failed_requests) = count;
  const std::size_t file = place.line.substr(0, place.at).rfind("memory.events");
  const bool named = file != std::string_view::npos;
  if (named) message.group = std::string(without(place.line.substr(0, file), "/"));
  message.weak = !kill && !named && !is_among_events(place);
  return message;
}

// "Failed with result 'oom-kill'", "A process of this unit has been killed by the OOM killer", "Detected 1 oom_kill event in StepId=1.0",
// "reason: OOMKilled".
std::optional<Message> read_oom_kill(const Place& place) {
  const MessageText& text = place.text;
  const std::size_t from = text.here();
  if (text.find("constraint=", from, from + 14) != kNowhere) return read_constraint(place);
  const std::string_view before = place.line.substr(0, place.at);
  if (is_event(before, "oom_kill")) return read_event(place, true);
  // Where the phrase begins: "oom_kill", "OOM kill".
  const std::size_t phrase = before.find_last_of("oO");
  const std::string_view clause = before.substr(0, phrase - std::min<std::size_t>(phrase, 1));
  if (is_denied(place, clause)) return std::nullopt;
  if (text.find_before("result'", from, 16) != kNowhere) {
    Message message = killed(Source::systemd, Kind::systemd, from);
    const std::string_view unit = place.line.substr(0, place.line.find(": Failed with"));
    message.name = std::string(unit.substr(unit.find_last_of(' ') + 1));
    return message;
  }
  const std::size_t detected = text.find_before("detected", from, 48);
  if (detected != kNowhere && (text.has("event", from, from + 8) || text.has("handler", from, from + 200))) {
    Message message = killed(Source::slurm, Kind::slurm, from);
    std::string_view step = field(place.line, "StepId=", " ,");
    if (step.empty()) step = field(place.line, "in step ", " ,");
    if (step.ends_with('.')) step.remove_suffix(1);
    message.name = std::string(step);
    Labels labels(text, from, std::min(text.size(), from + 200));
    labels.has("event");
    message.end = labels.end();
    return message;
  }
  // "python3 invoked oom-killer": whom it ended stands further down, if the log goes on.
  if (text.starts("er", from) && text.find_before("invoked", from, 16) != kNowhere) {
    Message message = killed(Source::kernel, Kind::exit_status, from);
    message.name = "oom-killer";
    message.weak = true;
    return message;
  }
  const std::string_view word = place.line.substr(place.at - std::min<std::size_t>(place.at, 7));
  if (word.starts_with("OOMKilled")) {
    if (is_only_a_name(place)) return std::nullopt;
    return killed(Source::kernel, Kind::killed_in_group, from);
  }
  if (text.find_before("bythe", from, 16) != kNowhere) return killed(Source::systemd, Kind::systemd, from);
  return std::nullopt;
}

// "Killed /user.slice/a.scope due to memory pressure for /user.slice being 71.20% > 50.00% for > 20s with reclaim activity", "... due to
// memory used (N) / total (N) and swap used (N) / total (N) being more than 90.00%".
std::optional<Message> read_oomd(const Place& place) {
  const std::string_view name = field(place.line, "Killed ", " ");
  if (!name.starts_with('/')) return std::nullopt;
  Message message = killed(Source::systemd, Kind::oomd, place.text.here());
  message.name = std::string(name.substr(name.find_last_of('/') + 1));
  message.group = std::string(name);
  return message;
}

// "Exceeded job memory limit", "Job 778812 exceeded memory limit (4213664 > 4194304), being killed": in KiB.
std::optional<Message> read_job_limit(const Place& place) {
  const MessageText& text = place.text;
  const std::size_t from = text.here();
  const bool numbers = text.starts("(", from) && text.has("beingkilled", from, from + 64);
  if (!numbers && text.find_before("slurm", from, 200) == kNowhere) return std::nullopt;
  Message message = killed(Source::slurm, Kind::slurm, from);
  const std::size_t above = numbers ? text.find_end(">", from, from + 32) : kNowhere;
  if (above == kNowhere) return message;
  const std::string_view digits = text.text().substr(above, text.text().find_first_not_of("0123456789", above) - above);
  message.figures.limit = read_figure(digits, "k");
  const std::string_view job = field(place.line, "Job ", " ");
  if (number(job)) message.name = std::string(job);
  message.end = above;
  return message;
}

/// "[1]+", "[1]  + 8156": a job of a shell's.
bool is_job(std::string_view text) {
  const std::size_t close = text.find(']');
  if (!text.starts_with('[') || close == std::string_view::npos || close < 2) return false;
  return text.substr(1, close - 1).find_first_not_of("0123456789") == std::string_view::npos &&
         without(text.substr(close + 1), "0123456789 +-").empty();
}

/// "sh: 1:", "./run.sh: 12:": a line of a script's.
bool is_script_line(std::string_view text) {
  if (!text.ends_with(':')) return false;
  text.remove_suffix(1);
  const std::string_view script = without(text, "0123456789");
  return script.size() < text.size() && script.ends_with("sh: ") && script.find(' ') == script.size() - 1;
}

/// "srun: error: gpu17: task 3:".
bool is_task(std::string_view text) {
  return text.starts_with("srun: error: ") && text.ends_with(':') && text.find(": task") != std::string_view::npos;
}

// "Killed", "Killed: 9", "[1]+  Killed   python3 main.py", "line 28:  8156 Killed   python3 main.py", "zsh: killed   python3 main.py",
// "sh: 1: Killed": a shell's; "srun: error: gpu17: task 3: Killed": Slurm's.
std::optional<Message> read_killed(const Place& place) {
  const std::string_view before = without(place.line.substr(0, place.at - std::min<std::size_t>(place.at, 6)), " ");
  const std::string_view behind = place.line.substr(place.at);
  const std::string_view shell = without(before, "0123456789 ");
  const bool small = place.line.substr(0, place.at).ends_with("killed");
  const bool whole = before.empty() || is_script_line(before) || is_task(before);
  const bool alone = whole && !small && (behind == ": 9" || without(behind, " .").empty());
  const bool of_a_line = !small && shell.size() < before.size() && before.find(": line ") != std::string_view::npos;
  if (!alone && !of_a_line && !is_job(before) && shell != "zsh:" && !is_logged_alone(before, behind)) return std::nullopt;
  Message message = killed(Source::kernel, Kind::exit_status, place.text.here());
  message.weak = true;
  return message;
}

/// Whether what stands before says that the signal came, not that it will or may: "terminated by signal SIGKILL", "was sent SIGKILL!".
bool tells_of_an_end(const MessageText& text, std::size_t signal) {
  static constexpr std::array<std::string_view, 9> kEnds = {"was",        "died",     "by",      "exit",    "killed",
                                                            "terminated", "received", "signal9", "signal:9"};
  if (text.ends("sending", signal)) return false;
  if (text.ends("signals.", signal)) return true;
  return std::ranges::any_of(kEnds, [&](std::string_view word) { return text.find_before(word, signal, 48) != kNowhere; });
}

/// Whether a line ends "exit code 1" and the next begins with the "37" of something else.
bool is_torn(std::string_view before) {
  const std::string_view digits = before.substr(before.find_last_not_of("0123456789") + 1);
  return !digits.empty() && digits != "137" && digits != "9";
}

// "exit code 137", "Exited (137) 5 minutes ago", "exitcode: -9", "died with <Signals.SIGKILL: 9>", "Signal 9 (SIGKILL)", "signal: 9
// (SIGKILL)", "signal: killed", "code=killed, status=9/KILL".
std::optional<Message> read_status(const Place& place) {
  const MessageText& text = place.text;
  const std::size_t from = text.here();
  const bool plain_nine = text.ends("9", from) && !text.ends("-9", from) && !text.ends("signal9", from) && !text.ends("signal:9", from);
  const bool longer = place.at < place.line.size() && is_digit(place.line[place.at]);
  const bool announced = text.ends("sigkill", from) && !tells_of_an_end(text, text.find_before("sigkill", from, 16));
  const bool verb = text.ends("killed", from) && !text.ends("signal:killed", from);
  const bool times = text.ends("exited137", from);
  if (plain_nine || verb || times || longer || is_torn(place.line.substr(0, place.at)) || announced) return std::nullopt;
  Message message = killed(Source::kernel, Kind::exit_status, from);
  message.weak = true;
  return message;
}

}  // namespace

std::optional<Message> read_host(Sign sign, const Place& place) {
  switch (sign) {
    case Sign::oom_kill: return read_oom_kill(place);
    case Sign::oom: return read_event(place, false);
    case Sign::kernel_kill: return read_kill(place);
    case Sign::oomd_kill: return read_oomd(place);
    case Sign::job_limit: return read_job_limit(place);
    case Sign::killed: return read_killed(place);
    case Sign::exit_status: return read_status(place);
    // "srun: error: node3: task 0: Out Of Memory"
    case Sign::out_of_memory: return killed(Source::slurm, Kind::slurm, place.text.here());
    default: return std::nullopt;
  }
}

}  // namespace plimsoll::doctor
