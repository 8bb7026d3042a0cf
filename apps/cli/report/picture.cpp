#include "report/picture.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include <plimsoll/seconds.h>

#include "terminal/bar.h"
#include "text/counted.h"
#include "text/utf8.h"
#include "text/wrapped.h"

namespace plimsoll::cli {
namespace {

std::string left(std::string_view text, std::size_t columns) {
  std::string out(text);
  out.append(columns - std::min(columns, display_width(text)), ' ');
  return out;
}

std::string verdict_words(Verdict verdict) {
  switch (verdict) {
    case Verdict::fits: return "fits";
    case Verdict::fits_degraded: return "fits, degraded";
    case Verdict::does_not_fit: return "does not fit";
  }
  return "";
}

std::string header(const Plan& plan) {
  std::string text = fmt::format("{} ({}, {}): {}\n", printable(plan.model), printable(plan.arch), plan.task, precision_name(plan));
  text += fmt::format("A pass holds {} and {}; the longest text has {}. {}.\n", counted(plan.texts_per_pass, "text"),
                      counted(plan.tokens_per_pass, "token"), plan.workload.longest, counted(plan.threads, "thread"));
  text += fmt::format("Predicted: {} to load, {} a pass (rates: {}).\n", format_seconds(plan.load_seconds),
                      format_seconds(plan.pass_seconds), plan.rates_source);
  return text;
}

std::string draw_device(const DevicePlan& device, const Plan& plan, const Terminal& terminal) {
  if (device.planned_total().count == 0) return fmt::format("\n{}: nothing of {}\n", device.name, format_bytes(device.budget));
  std::string text = fmt::format("\n{}: {} of {} ({})\n", device.name, format_bytes(device.planned_total()), format_bytes(device.budget),
                                 verdict_words(plan.verdict));
  text += draw_bar(device, terminal);
  for (std::size_t part = 0; part < kParts; ++part) {
    const Bytes bytes = part_bytes(device, part);
    if (bytes.count == 0) continue;
    const double share = 100.0 * static_cast<double>(bytes.count) / static_cast<double>(device.planned_total().count);
    text += fmt::format("  {} {:<12}{:>10}  {:5.1f}%  {:>15}\n", part_sign(part, terminal), part_name(part), format_bytes(bytes), share,
                        bytes.count);
  }
  text += fmt::format("    {:<12}{:>10}  {:>6}  {:>15}\n", "total", format_bytes(device.planned_total()), "", device.planned_total().count);
  return text;
}

std::string draw_layers(const Plan& plan, const Terminal& terminal) {
  const auto groups = group_layers(plan.layers, terminal.unicode);
  if (groups.empty()) return {};
  std::size_t widest = 0;
  for (const LayerGroup& group : groups) widest = std::max(widest, display_width(group.name));
  std::string text = "\nLayers\n";
  for (const LayerGroup& group : groups) {
    const LayerPlan& layer = *group.first;
    const std::string size = fmt::format("{} {} {}", group.count, terminal.unicode ? "×" : "x", format_bytes(layer.bytes));
    const std::string place = layer.home == layer.compute ? layer.home : fmt::format("{}, runs on {}", layer.home, layer.compute);
    text += fmt::format("  {}  {}  {}  {}", left(group.name, widest), left(size, 16), place, element_name(layer.dtype));
    if (layer.dtype != layer.compute_dtype) text += fmt::format(", computed in {}", element_name(layer.compute_dtype));
    text += "\n";
  }
  return text;
}

std::string draw_alternatives(const Plan& plan) {
  if (plan.alternatives.empty()) return {};
  const auto row = [](const auto&... columns) { return fmt::format("  {:<9}{:<20}{:<15}{:>8}{:>9}  {}\n", columns...); };
  std::string text = "\n" + row("--dtype", "Precision", "Verdict", "Memory", "A pass", "Smallest budget");
  for (const Alternative& other : plan.alternatives) {
    std::string precision(element_name(other.dtype));
    if (other.compute_dtype != other.dtype) precision += fmt::format(" in {}", element_name(other.compute_dtype));
    text += row(element_name(other.asked), precision, verdict_words(other.verdict), format_bytes(other.bytes),
                format_seconds(other.pass_seconds), budget_text(other.smallest_budget));
  }
  return text;
}

// A flag that brings it, where the machine has as much.
std::string advised(const Plan& plan, const std::vector<DeviceBytes>& budgets) {
  const bool is_there = std::ranges::any_of(budgets, [&](const DeviceBytes& budget) { return plan.could_hold(budget); });
  return is_there ? fmt::format("  --max-memory {}\n", budget_text(budgets))
                  : fmt::format(": with {}, more than there is\n", budget_text(budgets));
}

std::string draw_budgets(const Plan& plan) {
  std::string text = "\nSmallest budget";
  if (!plan.smallest_budget.empty()) text += advised(plan, plan.smallest_budget);
  else if (plan.verdict == Verdict::does_not_fit) text += ": more than one device has too little\n";
  else text += ": each device can be done without\n";
  if (plan.smallest_budget.size() > 1) text += "                 of one device, with what the others have now\n";
  if (plan.full_speed_budget.empty()) return text;
  const bool is_least = budget_text(plan.smallest_budget) == budget_text(plan.full_speed_budget);
  text += "At most 10% slower than with unlimited memory";
  return text + (is_least ? ": with the smallest budget already\n" : advised(plan, plan.full_speed_budget));
}

std::string draw_remarks(const Plan& plan) {
  std::string text;
  if (!plan.sacrifices.empty()) text += "\nTo fit\n";
  for (const Sacrifice& sacrifice : plan.sacrifices) {
    const std::string figures = sacrifice_figures(sacrifice);
    text += fmt::format("  {}: {}{}{}\n", rung_name(sacrifice.rung), figures, figures.empty() ? "" : ": ", printable(sacrifice.why));
  }
  if (!plan.warnings.empty()) text += "\nWarnings\n";
  for (const std::string& warning : plan.warnings) text += fmt::format("  {}\n", printable(warning));
  return text + draw_budgets(plan);
}

struct Numbered {
  std::string_view stem;
  std::string_view digits;
  std::string_view tail;
};

/// Splits a name at its last number.
Numbered numbered(std::string_view name) {
  static constexpr std::string_view kDigits = "0123456789";
  const std::size_t last = name.find_last_of(kDigits);
  if (last == std::string_view::npos) return {name, {}, {}};
  const std::size_t before = name.find_last_not_of(kDigits, last);
  const std::size_t first = before == std::string_view::npos ? 0 : before + 1;
  return {name.substr(0, first), name.substr(first, last + 1 - first), name.substr(last + 1)};
}

bool alike(const LayerPlan& a, const LayerPlan& b) {
  const Numbered x = numbered(a.name);
  const Numbered y = numbered(b.name);
  return !x.digits.empty() && !y.digits.empty() && x.stem == y.stem && x.tail == y.tail && a.bytes == b.bytes && a.home == b.home &&
         a.compute == b.compute && a.dtype == b.dtype && a.compute_dtype == b.compute_dtype;
}

}  // namespace

std::string budget_text(const std::vector<DeviceBytes>& budgets) {
  if (budgets.empty()) return "none";
  std::string text;
  for (const DeviceBytes& budget : budgets) text += (text.empty() ? "" : " or ") + budget.device + "=" + format_exact(budget.bytes);
  return text;
}

std::vector<LayerGroup> group_layers(const std::vector<LayerPlan>& layers, bool unicode) {
  std::vector<LayerGroup> groups;
  for (std::size_t i = 0; i < layers.size();) {
    std::size_t end = i + 1;
    while (end < layers.size() && alike(layers[end - 1], layers[end])) ++end;
    LayerGroup group{printable(layers[i].name), end - i, &layers[i]};
    if (group.count > 1) {
      const Numbered first = numbered(layers[i].name);
      group.name = printable(
          fmt::format("{}{}{}{}{}", first.stem, first.digits, unicode ? "–" : "-", numbered(layers[end - 1].name).digits, first.tail));
    }
    groups.push_back(std::move(group));
    i = end;
  }
  return groups;
}

std::string weight_homes(const Plan& plan) {
  std::map<std::string, Bytes> homes;
  for (const LayerPlan& layer : plan.layers) homes[layer.home] += layer.bytes;
  std::string text;
  for (const auto& [home, bytes] : homes) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", format_bytes(bytes),
                        home == "disk" ? "streamed from disk" : "in " + home + " memory");
  }
  return text.empty() ? "no weights" : text;
}

std::string sacrifice_figures(const Sacrifice& sacrifice) {
  // Less is what the prediction cannot tell from nothing.
  static constexpr double kLeastCost = 1e-6;
  std::string figures;
  if (sacrifice.saved.count > 0) figures += "saves " + format_bytes(sacrifice.saved);
  if (sacrifice.cost_seconds > kLeastCost)
    figures += fmt::format("{}costs {} a pass", figures.empty() ? "" : ", ", format_seconds(sacrifice.cost_seconds));
  return figures;
}

std::string precision_name(const Plan& plan) {
  const auto other =
      std::find_if(plan.layers.begin(), plan.layers.end(), [&](const LayerPlan& layer) { return layer.dtype != plan.dtype; });
  std::string name(element_name(plan.dtype));
  if (other != plan.layers.end()) {
    const auto count =
        std::count_if(plan.layers.begin(), plan.layers.end(), [&](const LayerPlan& layer) { return layer.dtype == other->dtype; });
    name += fmt::format(" and {} ({} of {} blocks)", element_name(other->dtype), count, plan.layers.size());
  }
  if (plan.dtype == plan.compute_dtype) return name;
  return fmt::format("{}, computed in {}", name, element_name(plan.compute_dtype));
}

std::string draw_plan(const Plan& plan, const Terminal& terminal) {
  const auto fitted = [&](const std::string& part) { return terminal.interactive ? wrapped_lines(part, terminal.columns) : part; };
  std::string text = fitted(header(plan));
  for (const DevicePlan& device : plan.devices) text += draw_device(device, plan, terminal);
  return text + fitted(draw_layers(plan, terminal) + draw_alternatives(plan) + draw_remarks(plan));
}

}  // namespace plimsoll::cli
