#include "top/device_lines.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "terminal/screen_line.h"
#include "text/utf8.h"

namespace plimsoll::cli {
namespace {

using Style = ScreenLine::Style;

constexpr std::size_t kName = 8;
constexpr std::size_t kWide = 150;
constexpr std::size_t kWideBar = 40;
constexpr std::size_t kFigures = 40;  // behind a bar
constexpr double kFull = 0.95;
constexpr double kBusy = 0.8;

double share_of(Bytes part, Bytes all) { return all.count == 0 ? 0 : static_cast<double>(part.count) / static_cast<double>(all.count); }

Style style_of(double share) { return share >= kFull ? Style::bad : share >= kBusy ? Style::warning : Style::good; }

void add_bar(ScreenLine& line, double share, std::size_t width, const Terminal& terminal) {
  auto full = static_cast<std::size_t>(std::lround(share * static_cast<double>(width)));
  if (share > 0) full = std::max<std::size_t>(full, 1);
  full = std::min(full, width);
  std::string done;
  std::string rest;
  for (std::size_t i = 0; i < width; ++i)
    (i < full ? done : rest) += i < full ? (terminal.unicode ? "█" : "#") : (terminal.unicode ? "·" : ".");
  line.add(terminal.unicode ? "▕" : "[").add(done, style_of(share)).add(rest, Style::faint).add(terminal.unicode ? "▏" : "]");
}

std::size_t bar_width(const Terminal& terminal) {
  if (terminal.columns >= kWide) return kWideBar;
  return std::max<std::size_t>(terminal.columns - std::min(terminal.columns, kName + kFigures + 2), 8);
}

std::string rate(double per_second) { return format_bytes(Bytes{static_cast<std::uint64_t>(per_second)}) + "/s"; }

std::string percent(const std::optional<double>& value) { return value ? fmt::format("{:.1f}%", *value) : "?"; }

// "NVIDIA A100-SXM4-40GB" -> what tells it from others.
std::string_view short_model(std::string_view model) {
  static constexpr std::string_view kMaker = "NVIDIA ";
  if (model.starts_with(kMaker)) model.remove_prefix(kMaker.size());
  return model;
}

void add_graph(std::vector<std::string>& lines, const History& history, std::size_t height, const Terminal& terminal) {
  if (height == 0 || terminal.columns <= kName + 1) return;
  const std::size_t width = terminal.columns - kName - 1;
  for (const std::string& row : draw_graph(history, width, height, terminal)) {
    ScreenLine line(terminal);
    lines.push_back(line.to(kName).add(row, Style::good).text());
  }
}

/// `text` in at most so many columns, by what is in its middle: ends tell more.
std::string squeezed(std::string_view text, std::size_t columns) {
  static constexpr std::string_view kGap = "...";
  if (display_width(text) <= columns || columns < 3 * kGap.size()) return std::string(text);
  const std::string_view head = clipped(text, columns / 3);
  std::string_view tail = text.substr(head.size());
  while (display_width(tail) + display_width(head) + kGap.size() > columns)
    tail.remove_prefix(std::max<std::size_t>(utf8_sequence(tail), 1));
  return std::string(head) + std::string(kGap) + std::string(tail);
}

/// The second part of a device: behind the first where there is room, else on lines of its own.
void place(std::vector<std::string>& lines, ScreenLine& first, const std::vector<std::string>& parts, bool wanted,
           const Terminal& terminal) {
  static constexpr std::size_t kGap = 2;
  const std::size_t start = terminal.columns >= kWide ? kName + kWideBar + kFigures + 4 : kName;
  ScreenLine line = first;
  if (terminal.columns >= kWide) {
    line.to(start);
  } else {
    lines.push_back(first.text());
    line = ScreenLine(terminal);
    line.to(start);
  }
  if (terminal.columns < kWide && !wanted) return;
  for (const std::string& part : parts) {
    if (line.column() > start && line.left() < kGap + display_width(part)) {
      lines.push_back(line.text());
      line = ScreenLine(terminal);
      line.to(start);
    }
    line.add(line.column() > start ? "  " : "").add(squeezed(part, line.left()), Style::faint);
  }
  lines.push_back(line.text());
}

std::vector<std::string> host_parts(const TopSample& sample) {
  const HostLoad& load = sample.load;
  std::vector<std::string> parts = {"set by " + printable(sample.memory.set_by)};
  if (load.swap_total.count > 0)
    parts.push_back(fmt::format("swap {} of {}", format_bytes(load.swap_total - load.swap_free), format_bytes(load.swap_total)));
  if (load.memory_some) parts.push_back(fmt::format("waits for memory {} (all {})", percent(load.memory_some), percent(load.memory_full)));
  if (load.group_memory_some) parts.push_back(fmt::format("own group {}", percent(load.group_memory_some)));
  if (load.cpu_some) parts.push_back(fmt::format("for cpu {}", percent(load.cpu_some)));
  if (load.io_full) parts.push_back(fmt::format("io {}", percent(load.io_full)));
  return parts;
}

std::vector<std::string> device_parts(const DeviceStatus& device) {
  std::vector<std::string> parts;
  const std::string cuda = device.cuda ? fmt::format("cuda:{} ", *device.cuda) : device.split ? "" : "(hidden) ";
  parts.push_back(cuda + std::string(short_model(device.model)));
  if (device.reserved && device.reserved->count > 0) parts.push_back("reserved " + format_bytes(*device.reserved));
  if (device.limit)
    parts.push_back(fmt::format("limit {} of which {} used, set by {}", format_bytes(device.limit->most), format_bytes(device.limit->used),
                                printable(device.limit->set_by)));
  if (device.pcie_generation && device.pcie_width) parts.push_back(fmt::format("PCIe {}x{}", *device.pcie_generation, *device.pcie_width));
  if (device.pcie_received && device.pcie_sent)
    parts.push_back(fmt::format("in {} out {}", rate(*device.pcie_received), rate(*device.pcie_sent)));
  if (device.throttled && !device.throttled->empty()) {
    std::string why = "throttled:";
    for (const std::string& reason : *device.throttled) why += (why.ends_with(':') ? " " : ", ") + reason;
    parts.push_back(std::move(why));
  }
  if (device.ecc_corrected.value_or(0) + device.ecc_uncorrected.value_or(0) > 0)
    parts.push_back(fmt::format("ECC {} corrected, {} not", device.ecc_corrected.value_or(0), device.ecc_uncorrected.value_or(0)));
  if (device.remapped_rows.value_or(0) > 0 || device.remap_pending)
    parts.push_back(
        fmt::format("{} rows remapped{}", device.remapped_rows.value_or(0), device.remap_pending ? ", more after a reset" : ""));
  if (!device.xids.empty()) {
    std::string errors = "Xid";
    for (const std::uint64_t xid : device.xids) errors += fmt::format(" {}", xid);
    parts.push_back(std::move(errors));
  }
  return parts;
}

}  // namespace

void add_remark(std::vector<std::string>& lines, std::string_view remark, std::size_t indent, const Terminal& terminal) {
  std::string_view sign = "! ";
  while (!remark.empty()) {
    ScreenLine line(terminal);
    line.add(std::string(indent, ' ')).add(sign, Style::warning);
    std::string_view piece = clipped(remark, std::max<std::size_t>(line.left(), 1));
    if (piece.size() < remark.size() && piece.rfind(' ') != std::string_view::npos) piece = piece.substr(0, piece.rfind(' ') + 1);
    if (piece.empty()) return;
    lines.push_back(line.add(piece, Style::warning).text());
    remark.remove_prefix(piece.size());
    sign = "  ";
  }
}

double busy_share(const HostMemory& memory) { return share_of(saturating_sub(memory.total, memory.available), memory.total); }

double busy_share(const DeviceStatus& device) { return device.busy() ? share_of(*device.busy(), *device.total) : 0; }

std::vector<std::string> host_lines(const TopSample& sample, const Histories& histories, const DeviceDetail& detail,
                                    const Terminal& terminal) {
  const HostMemory& memory = sample.memory;
  std::vector<std::string> lines;
  ScreenLine line(terminal);
  line.add("cpu", Style::strong).to(kName);
  add_bar(line, busy_share(memory), bar_width(terminal), terminal);
  line.add(fmt::format(" {} of {}", format_bytes(saturating_sub(memory.total, memory.available)), format_bytes(memory.total)));
  line.add("  budget " + (memory.budget < kUnknownMemory ? format_bytes(memory.budget) : "unknown"), Style::strong);
  place(lines, line, host_parts(sample), detail.details, terminal);
  add_graph(lines, histories.of("cpu"), detail.graph, terminal);
  return lines;
}

std::vector<std::string> device_lines(const DeviceStatus& device, const Histories& histories, const DeviceDetail& detail,
                                      const Terminal& terminal) {
  std::vector<std::string> lines;
  ScreenLine line(terminal);
  const bool instance = device.name.find('/') != std::string::npos;
  line.add(instance ? " " + device.name.substr(device.name.find('/') + 1) : device.name, Style::strong).to(kName);
  if (device.busy()) {
    add_bar(line, busy_share(device), bar_width(terminal), terminal);
    line.add(fmt::format(" {} of {}", format_bytes(*device.busy()), format_bytes(*device.total)));
  } else {
    line.add(device.lost ? "lost" : "memory unknown", device.lost ? Style::bad : Style::warning);
  }
  if (device.utilisation) line.add(fmt::format(" {:>3}%", *device.utilisation), style_of(*device.utilisation / 100.0));
  if (device.temperature) line.add(fmt::format(" {}{}", *device.temperature, terminal.unicode ? "°C" : "C"));
  if (device.power)
    line.add(device.power_limit ? fmt::format(" {:.0f}/{:.0f}W", *device.power, *device.power_limit)
                                : fmt::format(" {:.0f}W", *device.power));
  if (!detail.remarks && !device.remarks.empty()) line.add(" !", Style::warning);
  place(lines, line, device_parts(device), detail.details, terminal);
  if (detail.remarks) {
    for (const std::string& remark : device.remarks) add_remark(lines, remark, kName, terminal);
  }
  if (device.busy()) add_graph(lines, histories.of(device.name), detail.graph, terminal);
  return lines;
}

}  // namespace plimsoll::cli
