#include <plimsoll/run_entry.h>

#include <algorithm>
#include <optional>
#include <span>

#include "probe/fields.h"

namespace plimsoll {
namespace {

using probe::parse_number;
using probe::split;

constexpr std::string_view kPrefix = "run-";
constexpr std::string_view kMagic = "plimsoll-run-1 ";
constexpr std::string_view kEnd = "end ";
constexpr std::size_t kLongest = std::size_t{32} << 10U;
constexpr std::size_t kLongestModel = 4096;
constexpr std::size_t kMostRuns = 1024;
constexpr std::size_t kMostDevices = 64;
constexpr std::uint64_t kLargest = std::uint64_t{1} << 60U;
// A reader holds a file that nobody else holds for a moment, to remove it.
constexpr std::chrono::milliseconds kPatience{50};

/// Any text as one line: line ends are written as %0a, and % as %25.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') line += "%0a";
    else if (c == '%') line += "%25";
    else line += c;
  }
  return line;
}

std::string from_line(std::string_view line) {
  std::string text;
  while (!line.empty()) {
    const bool end = line.starts_with("%0a");
    text += end ? '\n' : line[0];
    line.remove_prefix(end || line.starts_with("%25") ? 3 : 1);
  }
  return text;
}

std::string format(const RunStatus& status, std::uint64_t sequence) {
  const std::string number = std::to_string(sequence);
  std::string text = std::string(kMagic) + number + "\npid " + std::to_string(status.pid) + "\nstart " +
                     std::to_string(status.start.count()) + "\nmodel " + one_line(std::string_view(status.model).substr(0, kLongestModel)) +
                     "\nphase " + printable(status.phase, 20) + "\n";
  for (const RunDevice& device : std::span(status.devices).first(std::min(status.devices.size(), kMostDevices))) {
    text += "device " + printable(device.name, 20) + " " + std::to_string(device.planned.count) + " " +
            std::to_string(device.current.count) + "\n";
  }
  return text + std::string(kEnd) + number + "\n";
}

std::optional<RunDevice> parse_device(std::string_view text) {
  const auto words = split(text, ' ');
  if (words.size() != 3) return std::nullopt;
  const auto planned = parse_number(words[1]);
  const auto current = parse_number(words[2]);
  if (!planned || !current || *planned > kLargest || *current > kLargest) return std::nullopt;
  return RunDevice{printable(words[0], 20), Bytes{*planned}, Bytes{*current}};
}

bool parse_line(std::string_view line, RunStatus& status) {
  const std::string_view key = line.substr(0, line.find(' '));
  const std::string_view value = line.substr(std::min(line.size(), key.size() + 1));
  const auto number = parse_number(value);
  if (key == "pid" && number && *number < kLargest) status.pid = static_cast<std::int64_t>(*number);
  else if (key == "start" && number && *number < kLargest) status.start = std::chrono::nanoseconds(*number);
  else if (key == "model") status.model = from_line(value);
  else if (key == "phase") status.phase = printable(value, 20);
  else if (const auto device = parse_device(value); key == "device" && device) {
    if (status.devices.size() < kMostDevices) status.devices.push_back(*device);
  } else return false;
  return true;
}

/// Nothing for a text that was caught in the middle of a change: its first and last line then differ.
std::optional<RunStatus> parse(std::string_view text) {
  const auto lines = split(text, '\n');
  // The last one is empty, behind the line's end.
  if (lines.size() < 3 || !lines.back().empty() || !lines[0].starts_with(kMagic)) return std::nullopt;
  const std::string_view last = lines[lines.size() - 2];
  if (!last.starts_with(kEnd) || last.substr(kEnd.size()) != lines[0].substr(kMagic.size())) return std::nullopt;
  RunStatus status;
  for (std::size_t i = 1; i + 2 < lines.size(); ++i) {
    if (!parse_line(lines[i], status)) return std::nullopt;
  }
  return status.pid > 0 ? std::optional(status) : std::nullopt;
}

std::optional<RunStatus> read_entry(Os& os, const std::string& path) {
  static constexpr int kTries = 3;
  for (int tries = 0; tries < kTries; ++tries) {
    const auto text = os.read_text(path, kLongest);
    if (!text.ok()) return std::nullopt;
    if (auto status = parse(*text)) return status;
  }
  return std::nullopt;
}

void sweep(Os& os, const std::string& path) {
  // Whoever makes the file at this moment notices that it is gone, and makes it again.
  const auto lock = os.lock_file(path, std::chrono::milliseconds(0));
  if (lock.ok()) os.remove_file(path);
}

}  // namespace

std::unique_ptr<RunEntry> RunEntry::open(Os& os) {
  static_cast<void>(list_runs(os));  // removes what others left behind
  const auto folder = os.private_folder();
  const auto self = os.read_text("/proc/self/status", probe::kLargestTable);
  const auto pid = self.ok() ? probe::find_number(*self, "Pid") : std::nullopt;
  if (!folder.ok() || !pid) return nullptr;
  std::unique_ptr<RunEntry> entry(new RunEntry(os, static_cast<std::int64_t>(*pid)));
  const std::string path = *folder + "/" + std::string(kPrefix) + std::to_string(entry->pid_) + "-" + std::to_string(entry->start_.count());
  auto lock = os.lock_file(path, kPatience);
  if (!lock.ok()) return nullptr;
  entry->path_ = path;
  entry->lock_ = std::move(lock).value();
  return entry;
}

RunEntry::~RunEntry() {
  if (lock_) os_.remove_file(path_);
}

void RunEntry::update(const RunStatus& status) {
  RunStatus own = status;
  own.pid = pid_;
  own.start = start_;
  static_cast<void>(lock_->write(format(own, ++sequence_)));
}

std::vector<RunStatus> list_runs(Os& os) {
  std::vector<RunStatus> runs;
  const auto folder = os.private_folder();
  if (!folder.ok()) return runs;
  for (const std::string& name : os.list_directory(*folder)) {
    if (!name.starts_with(kPrefix)) continue;
    const std::string path = *folder + "/" + name;
    if (!os.is_locked(path)) {
      sweep(os, path);
    } else if (auto status = read_entry(os, path); status && runs.size() < kMostRuns) {
      runs.push_back(std::move(*status));
    }
  }
  std::ranges::sort(runs, {}, &RunStatus::pid);
  return runs;
}

}  // namespace plimsoll
