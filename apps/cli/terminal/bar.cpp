#include "terminal/bar.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace plimsoll::cli {
namespace {

constexpr std::array<char, kParts> kLetters = {'W', 'A', 'K', 'S', 'V', 'T', 'I', 'R'};
constexpr std::array<int, kParts> kColours = {34, 32, 33, 35, 36, 94, 95, 90};

bool fancy(const Terminal& terminal) { return terminal.colour && terminal.unicode; }

std::string cells(std::size_t part, std::size_t count, const Terminal& terminal) {
  if (!fancy(terminal)) return std::string(count, kLetters[part]);
  if (count == 0) return {};
  std::string blocks;
  for (std::size_t i = 0; i < count; ++i) blocks += "█";
  return fmt::format("\x1b[{}m{}\x1b[0m", kColours[part], blocks);
}

// A plan below this part of the budget is drawn a second time by itself, so that its parts can be seen.
constexpr std::uint64_t kSmallShare = 10;

}  // namespace

std::string_view part_name(std::size_t part) {
  return part < kMemoryTags ? memory_tag_name(static_cast<MemoryTag>(part)) : std::string_view("runtime");
}

Bytes part_bytes(const DevicePlan& device, std::size_t part) { return part < kMemoryTags ? device.arenas[part] : device.runtime; }

std::string part_sign(std::size_t part, const Terminal& terminal) { return cells(part, 1, terminal); }

std::array<std::size_t, kParts> bar_cells(const DevicePlan& device, std::size_t width) {
  std::array<std::size_t, kParts> counts{};
  const Bytes scale = std::max(device.budget, device.planned_total());
  if (scale.count == 0) return counts;
  const double cell = static_cast<double>(scale.count) / static_cast<double>(width);
  double sum = 0;
  std::size_t drawn = 0;
  std::size_t largest = 0;
  for (std::size_t part = 0; part < kParts; ++part) {
    if (part_bytes(device, part) > part_bytes(device, largest)) largest = part;
    sum += static_cast<double>(part_bytes(device, part).count);
    const std::size_t reached = std::min(width, static_cast<std::size_t>(std::lround(sum / cell)));
    counts[part] = reached - drawn;
    drawn = reached;
  }
  if (drawn == 0 && sum > 0) counts[largest] = 1;
  return counts;
}

namespace {

// "  [WWWAK....]": the parts, then what is left of the budget.
std::string bar_line(const DevicePlan& device, std::size_t width, const Terminal& terminal) {
  const auto counts = bar_cells(device, width);
  std::string bar;
  std::size_t drawn = 0;
  for (std::size_t part = 0; part < kParts; ++part) {
    bar += cells(part, counts[part], terminal);
    drawn += counts[part];
  }
  for (std::size_t i = drawn; i < width; ++i) bar += fancy(terminal) ? "·" : ".";
  return fmt::format("  {}{}{}\n", fancy(terminal) ? "▕" : "[", bar, fancy(terminal) ? "▏" : "]");
}

}  // namespace

std::string draw_bar(const DevicePlan& device, const Terminal& terminal) {
  const std::size_t width = terminal.columns - 4;
  const Bytes total = device.planned_total();
  std::string lines = bar_line(device, width, terminal);
  if (total > device.budget) {
    const double share = static_cast<double>(device.budget.count) / static_cast<double>(total.count);
    const auto at = static_cast<std::size_t>(share * static_cast<double>(width));
    const std::string label = "^ budget " + format_bytes(device.budget);
    lines += std::string(3 + std::min(at, width - std::min(width, label.size())), ' ') + label + "\n";
  } else if (total * kSmallShare < device.budget) {
    DevicePlan alone = device;
    alone.budget = total;
    lines += "  the same, drawn larger:\n" + bar_line(alone, width, terminal);
  }
  return lines;
}

}  // namespace plimsoll::cli
