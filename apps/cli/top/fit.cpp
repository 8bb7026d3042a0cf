#include "top/fit.h"

#include <fmt/format.h>

#include "report/picture.h"

namespace plimsoll::cli {
namespace {

// Of a device whose speed nobody has measured. They choose among plans, and no verdict hangs on them.
constexpr double kFlops = 10e12;
constexpr double kLinkRate = 12e9;
constexpr double kLatency = 10e-6;

std::optional<Bytes> of_device(const std::vector<DeviceBytes>& budgets, const std::string& device) {
  for (const DeviceBytes& budget : budgets) {
    if (budget.device == device) return budget.bytes;
  }
  return std::nullopt;
}

std::optional<Fit> fit_on(const Model& model, const Snapshot& machine, const Workload& workload, const std::string& device) {
  Policy policy;
  policy.device = device;
  const auto plan = make_plan(model, machine, workload, policy);
  if (!plan.ok()) return std::nullopt;
  for (const DevicePlan& side : plan->devices) {
    if (side.name != device) continue;
    return Fit{device,
               plan->verdict,
               precision_name(*plan),
               side.planned_total(),
               side.budget,
               of_device(plan->smallest_budget, device),
               of_device(plan->full_speed_budget, device)};
  }
  return std::nullopt;
}

}  // namespace

Result<FitTable> FitTable::open(Context& context) {
  FitTable table;
  if (context.options.model.model.empty()) return table;
  PLIMSOLL_TRY(table.engine_, Engine::open(context, context.options.model));
  PLIMSOLL_TRY(table.workload_, table.engine_->measure(nullptr));
  return table;
}

std::vector<Fit> FitTable::at(const TopSample& sample) const {
  std::vector<Fit> fits;
  if (!engine_) return fits;
  Snapshot machine = engine_->machine();
  machine.memory = sample.memory;
  if (const auto fit = fit_on(engine_->model(), machine, workload_, "cpu")) fits.push_back(*fit);
  for (const DeviceStatus& device : sample.report.devices) {
    if (!device.free || !device.total || device.split || !device.cuda) continue;
    Accelerator accelerator;
    accelerator.name = fmt::format("cuda:{}", *device.cuda);
    accelerator.total = *device.total;
    accelerator.free = saturating_sub(*device.free, device.margin);
    accelerator.free_set_by = "what is free of it";
    accelerator.float32_flops = accelerator.bfloat16_flops = kFlops;
    accelerator.native_bfloat16 = true;
    accelerator.link_rate = kLinkRate;
    accelerator.disk_rate = machine.rates.disk_read;
    accelerator.latency = kLatency;
    machine.accelerators = {accelerator};
    if (const auto fit = fit_on(engine_->model(), machine, workload_, accelerator.name)) fits.push_back(*fit);
  }
  return fits;
}

}  // namespace plimsoll::cli
