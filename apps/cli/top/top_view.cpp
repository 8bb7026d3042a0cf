#include "top/top_view.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/format.h>

#include "report/picture.h"
#include "terminal/screen_line.h"
#include "text/utf8.h"
#include "text/wrapped.h"
#include "top/device_lines.h"

namespace plimsoll::cli {
namespace {

using Style = ScreenLine::Style;
using Lines = std::vector<std::string>;

constexpr std::array<std::string_view, kSorts> kSortNames = {"memory", "pid", "user", "device", "command", "use"};
constexpr std::string_view kKeys = "F1 help  F6 sort  / filter  k SIGTERM  q quit";
constexpr std::size_t kLeastProcesses = 5;  // lines that devices leave for them
constexpr std::size_t kMostOnce = 20;
constexpr std::size_t kUncut = 1U << 20U;  // columns, where nothing is cut

struct Key {
  std::string_view names;
  std::string_view act;
};

constexpr std::array<Key, 7> kKeyHelp = {{{"Up, Down, PageUp, PageDown, Home, End", "choose a process"},
                                          {"F6, s, >", "sort by the next column"},
                                          {"M P N U C", "sort by memory, use of the device, number, user, command"},
                                          {"F3, /, F4, \\", "show only processes with this text; empty: all"},
                                          {"k, F9", "send SIGTERM to the chosen process, if it is yours"},
                                          {"F1, h, ?", "this help"},
                                          {"q, F10, Ctrl-C", "quit"}}};

constexpr std::string_view kWords =
    "Bars: what is busy, total - free, whoever has it. Budget: what a run of yours may have, and who sets it. Waits: share of the last ten "
    "seconds. cuda:N is CUDA's name for it in this shell; (hidden) by CUDA_VISIBLE_DEVICES. Lines with ! say what is unknown, and why.";

bool has_text(const ProcessRow& row, const std::string& text) {
  const ProcessStatus& p = *row.process;
  return fmt::format("{} {} {} {} {}", row.device, p.pid, p.user, p.container, p.command).find(text) != std::string::npos;
}

bool goes_before(const ProcessRow& a, const ProcessRow& b, SortBy by) {
  switch (by) {
    case SortBy::memory: return a.process->used.value_or(Bytes{}) > b.process->used.value_or(Bytes{});
    case SortBy::pid: return a.process->pid < b.process->pid;
    case SortBy::user: return a.process->user < b.process->user;
    case SortBy::device: return a.device < b.device;
    case SortBy::command: return a.process->command < b.process->command;
    case SortBy::utilisation: return a.process->utilisation.value_or(-1) > b.process->utilisation.value_or(-1);
  }
  return false;
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm local{};
  if (::localtime_r(&whole, &local) == nullptr) return "?";
  return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

std::string header(const TopSample& sample, const TopLook& look, const Terminal& terminal) {
  ScreenLine line(terminal);
  line.add("plimsoll top", Style::strong).add("  " + clock_text(sample.time));
  if (look.rows > 0) line.add(fmt::format("  every {} s  by {}", look.pause, sort_name(look.sort)));
  if (!look.filter.empty()) line.add("  only '" + look.filter + "'", Style::strong);
  if (!sample.report.driver.empty()) line.add("  driver " + sample.report.driver);
  if (look.hanging > 0) line.add(fmt::format("  ! this look has taken {:.0f} s: the driver hangs", look.hanging), Style::bad);
  return line.text();
}

Lines device_part(const TopSample& sample, const Histories& histories, const DeviceDetail& detail, const Terminal& terminal) {
  Lines lines = host_lines(sample, histories, detail, terminal);
  for (const DeviceStatus& device : sample.report.devices) {
    for (std::string& line : device_lines(device, histories, detail, terminal)) lines.push_back(std::move(line));
  }
  for (const std::string& remark : sample.report.remarks) add_remark(lines, remark, 0, terminal);
  return lines;
}

/// As much of each device as leaves room for the rest.
Lines fitted_devices(const TopSample& sample, const Histories& histories, const Terminal& terminal, std::size_t room) {
  static constexpr std::array<DeviceDetail, 5> kDetails = {
      {{true, 4, true}, {true, 2, true}, {true, 1, true}, {true, 0, true}, {false, 0, false}}};
  Lines lines;
  for (const DeviceDetail& detail : kDetails) {
    lines = device_part(sample, histories, detail, terminal);
    if (lines.size() <= room) return lines;
  }
  // The last line that is shown says what is not.
  if (room == 0) return {};
  ScreenLine more(terminal);
  more.add(fmt::format("! {} more lines: make the window higher, or see --once", lines.size() - room + 1), Style::warning);
  lines.resize(room - 1);
  lines.push_back(more.text());
  return lines;
}

Lines run_lines(const std::vector<RunStatus>& runs, const Terminal& terminal) {
  Lines lines;
  if (runs.empty()) return lines;
  ScreenLine head(terminal);
  lines.push_back(
      head.add(fmt::format("{:>8}  {:<8}{:>10}{:>10}  {:<9}{}", "RUN", "DEVICE", "PLANNED", "CURRENT", "PHASE", "MODEL"), Style::strong)
          .text());
  for (const RunStatus& run : runs) {
    std::string number = std::to_string(run.pid);
    std::string rest = fmt::format("{:<9}{}", run.phase, printable(run.model));
    const auto add = [&](const std::string& device, const std::string& planned, const std::string& current) {
      ScreenLine line(terminal);
      lines.push_back(line.add(fmt::format("{:>8}  {:<8}{:>10}{:>10}  {}", number, device, planned, current, rest)).text());
      number = rest = "";
    };
    // Nothing is planned yet.
    if (run.devices.empty()) add("", "", "");
    for (const RunDevice& device : run.devices) add(device.name, format_bytes(device.planned), format_bytes(device.current));
  }
  return lines;
}

Lines fit_lines(const std::vector<Fit>& fits, const Terminal& terminal) {
  Lines lines;
  for (const Fit& fit : fits) {
    ScreenLine line(terminal);
    const bool fits_at_all = fit.verdict != Verdict::does_not_fit;
    line.add(lines.empty() ? "fits now" : "", Style::strong).to(10).add(fit.device).to(18);
    line.add(fits_at_all ? fit.verdict == Verdict::fits ? "yes" : "yes, slower" : "no", fits_at_all ? Style::good : Style::bad);
    line.add(fmt::format(": {} {} of {} ({})", fits_at_all ? "takes" : "needs",
                         format_bytes(fits_at_all ? fit.planned : fit.smallest.value_or(fit.planned)), format_bytes(fit.free),
                         fit.precision));
    if (fits_at_all && fit.smallest) line.add("; least " + format_bytes(*fit.smallest));
    if (fits_at_all && fit.full_speed) line.add("; full speed from " + format_bytes(*fit.full_speed));
    lines.push_back(line.text());
  }
  return lines;
}

Lines help_lines(const Terminal& terminal) {
  static constexpr std::size_t kActs = 42;
  std::string text = "Keys\n";
  for (const Key& key : kKeyHelp) text += fmt::format("  {:<{}}{}\n", key.names, kActs - 2, wrapped(key.act, kActs, terminal.columns));
  text += "\n" + wrapped(kWords, 0, terminal.columns) + "\n";
  Lines lines;
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
    ScreenLine line(terminal);
    lines.push_back(line.add(rest.substr(0, rest.find('\n'))).text());
  }
  return lines;
}

std::string process_head(const Terminal& terminal) {
  ScreenLine line(terminal);
  return line
      .add(fmt::format("{:>8}  {:<8}{:<10}{:>10} {:>4}  {:<13}{}", "PID", "DEVICE", "USER", "MEMORY", "GPU", "CONTAINER", "COMMAND"),
           Style::strong)
      .text();
}

/// "gpu:1/mig:0" -> "1/mig:0": what tells instances apart stays in sight.
std::string_view short_device(std::string_view device) {
  static constexpr std::string_view kWhole = "gpu:";
  if (device.starts_with(kWhole) && device.find('/') != std::string_view::npos) device.remove_prefix(kWhole.size());
  return clipped(device, 7);
}

std::string process_line(const ProcessRow& row, bool selected, const Terminal& terminal) {
  const ProcessStatus& p = *row.process;
  ScreenLine line(terminal);
  line.add(fmt::format("{}{:>7}  {:<8}{:<10}{:>10} {:>4}  {:<13}{}", selected ? ">" : " ", p.pid, short_device(row.device),
                       clipped(p.user.empty() ? "?" : p.user, 9), p.used ? format_bytes(*p.used) : "?",
                       p.utilisation ? fmt::format("{}%", *p.utilisation) : "", clipped(p.container.empty() ? "-" : p.container, 12),
                       p.command.empty() ? "?" : p.command));
  if (selected) line.select();
  return line.text();
}

void append(Lines& lines, Lines more) {
  for (std::string& line : more) lines.push_back(std::move(line));
}

void add_processes(Lines& lines, const TopSample& sample, const TopLook& look, const Terminal& terminal) {
  const auto rows = process_rows(sample, look);
  lines.push_back(process_head(terminal));
  const std::size_t room = look.rows == 0 ? kMostOnce : look.rows - std::min(look.rows, lines.size() + 1);
  // The selected line stays in sight.
  const std::size_t selected = std::min(look.selected, rows.empty() ? 0 : rows.size() - 1);
  const std::size_t first = room == 0 || selected < room ? 0 : selected - room + 1;
  for (std::size_t i = first; i < std::min(rows.size(), first + room); ++i)
    lines.push_back(process_line(rows[i], look.rows > 0 && i == selected, terminal));
  if (look.rows == 0 && rows.size() > kMostOnce)
    lines.push_back(fmt::format("{:>8}  and {} more (see --json)", "", rows.size() - kMostOnce));
}

std::string bottom(const TopLook& look, const Terminal& terminal) {
  ScreenLine line(terminal);
  return line.add(look.prompt.empty() ? kKeys : std::string_view(look.prompt), look.prompt.empty() ? Style::faint : Style::strong).text();
}

}  // namespace

std::string_view sort_name(SortBy by) { return kSortNames.at(static_cast<std::size_t>(by)); }

std::vector<ProcessRow> process_rows(const TopSample& sample, const TopLook& look) {
  std::vector<ProcessRow> rows;
  for (const DeviceStatus& device : sample.report.devices) {
    for (const ProcessStatus& process : device.processes) rows.push_back({device.name, &process});
  }
  for (const ProcessStatus& process : sample.processes) rows.push_back({"cpu", &process});
  if (!look.filter.empty()) std::erase_if(rows, [&](const ProcessRow& row) { return !has_text(row, look.filter); });
  std::ranges::stable_sort(rows, [&](const ProcessRow& a, const ProcessRow& b) { return goes_before(a, b, look.sort); });
  return rows;
}

std::vector<std::string> draw_top(const TopSample& sample, const Histories& histories, const TopLook& look, const Terminal& terminal) {
  // Only a screen has an end: what is printed once may go beyond the width that its bars are drawn for.
  Terminal open = terminal;
  if (look.rows == 0) open.columns = kUncut;
  Lines lines = {header(sample, look, open)};
  if (look.help) {
    append(lines, help_lines(terminal));
  } else {
    Lines rest = fit_lines(sample.fits, open);
    append(rest, run_lines(sample.runs, open));
    const std::size_t taken = 2 + std::min(rest.size(), look.rows / 3) + kLeastProcesses;
    append(lines, look.rows == 0 ? device_part(sample, histories, {}, terminal)
                                 : fitted_devices(sample, histories, terminal, look.rows - std::min(look.rows, taken)));
    append(lines, std::move(rest));
    add_processes(lines, sample, look, open);
  }
  if (look.rows == 0) return lines;
  lines.resize(look.rows - 1);
  lines.push_back(bottom(look, terminal));
  return lines;
}

std::string draw_runs(const std::vector<RunStatus>& runs) {
  Terminal wide;
  wide.columns = kUncut;
  std::string text;
  for (const std::string& line : run_lines(runs, wide)) text += line + "\n";
  return text;
}

}  // namespace plimsoll::cli
