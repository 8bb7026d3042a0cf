#pragma once

#include <string>

#include <plimsoll/plan.h>

#include "terminal/terminal.h"

namespace plimsoll::cli {

/// The plan for people: a bar a device, what the memory is for, the layers, the precisions, what was given up, and the
/// budgets as flags to paste. Colours and blocks where the terminal has them, letters otherwise; lines that
/// are wider than an interactive one go on below.
std::string draw_plan(const Plan& plan, const Terminal& terminal);

/// A run of equal layers, "encoder.layer.0-23": neighbours that differ only in their number.
struct LayerGroup {
  std::string name;
  std::size_t count = 1;
  const LayerPlan* first = nullptr;
};
std::vector<LayerGroup> group_layers(const std::vector<LayerPlan>& layers, bool unicode);

/// "cpu=11768KiB or sim:0=2MiB", each as --max-memory takes it; "none" of none.
std::string budget_text(const std::vector<DeviceBytes>& budgets);

/// Where the weights are: "1.25 GiB in cpu memory", "48.0 MiB in cpu memory, 1.2 GiB streamed from disk".
std::string weight_homes(const Plan& plan);

/// "saves 1.12 GiB, costs 0.10 s a pass": what a sacrifice saves and costs, where it does either.
std::string sacrifice_figures(const Sacrifice& sacrifice);

/// "bfloat16", or "bfloat16, computed in float32".
std::string precision_name(const Plan& plan);

}  // namespace plimsoll::cli
