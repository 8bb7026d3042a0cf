#include "report/plan_writer.h"

namespace plimsoll::cli {
namespace {

void write_workload(JsonWriter& json, const Plan& plan) {
  json.key("workload").begin_object().key("longest").value(plan.workload.longest);
  json.key("tokens_per_pass").value(plan.tokens_per_pass).key("texts_per_pass").value(plan.texts_per_pass).end_object();
}

void write_device(JsonWriter& json, const DevicePlan& device) {
  json.begin_object().key("name").value(device.name).key("total").value(device.total);
  json.key("free").value(device.free).key("budget").value(device.budget);
  json.key("planned").begin_object();
  for (std::size_t tag = 0; tag < kMemoryTags; ++tag) json.key(memory_tag_name(static_cast<MemoryTag>(tag))).value(device.arenas[tag]);
  json.key("runtime").value(device.runtime).key("total").value(device.planned_total()).end_object().end_object();
}

void write_layer(JsonWriter& json, const LayerPlan& layer) {
  json.begin_object().key("name").value(layer.name).key("bytes").value(layer.bytes);
  json.key("home").value(layer.home).key("compute").value(layer.compute);
  json.key("dtype").value(element_name(layer.dtype)).key("compute_dtype").value(element_name(layer.compute_dtype)).end_object();
}

void write_sacrifice(JsonWriter& json, const Sacrifice& sacrifice) {
  json.begin_object().key("rung").value(rung_name(sacrifice.rung)).key("cost_seconds").value(sacrifice.cost_seconds);
  json.key("saved_bytes").value(sacrifice.saved).key("why").value(sacrifice.why).end_object();
}

void write_alternative(JsonWriter& json, const Alternative& alternative) {
  json.begin_object()
      .key("dtype")
      .value(element_name(alternative.dtype))
      .key("compute_dtype")
      .value(element_name(alternative.compute_dtype));
  json.key("quantize").value("none").key("device").value(alternative.device).key("verdict").value(verdict_name(alternative.verdict));
  json.key("bytes").value(alternative.bytes).key("pass_seconds").value(alternative.pass_seconds).key("smallest_budget");
  write_budgets(json, alternative.smallest_budget);
  json.end_object();
}

template <typename Items, typename Write>
void write_list(JsonWriter& json, std::string_view name, const Items& items, Write write) {
  json.key(name).begin_array();
  for (const auto& item : items) write(json, item);
  json.end_array();
}

}  // namespace

void write_budgets(JsonWriter& json, const std::vector<DeviceBytes>& budgets) {
  json.begin_object();
  for (const DeviceBytes& budget : budgets) json.key(budget.device).value(budget.bytes);
  json.end_object();
}

void write_plan(JsonWriter& json, const Plan& plan) {
  json.begin_object().key("schema").value(1).key("model").value(plan.model).key("arch").value(plan.arch).key("task").value(plan.task);
  json.key("dtype").value(element_name(plan.dtype)).key("compute_dtype").value(element_name(plan.compute_dtype));
  json.key("verdict").value(verdict_name(plan.verdict));
  write_list(json, "warnings", plan.warnings, [](JsonWriter& out, const std::string& warning) { out.value(warning); });
  write_workload(json, plan);
  write_list(json, "devices", plan.devices, write_device);
  write_list(json, "layers", plan.layers, write_layer);
  write_list(json, "sacrifices", plan.sacrifices, write_sacrifice);
  json.key("predicted")
      .begin_object()
      .key("load_seconds")
      .value(plan.load_seconds)
      .key("pass_seconds")
      .value(plan.pass_seconds)
      .end_object();
  json.key("smallest_budget");
  write_budgets(json, plan.smallest_budget);
  json.key("full_speed_budget");
  write_budgets(json, plan.full_speed_budget);
  write_list(json, "alternatives", plan.alternatives, write_alternative);
  json.end_object();
}

}  // namespace plimsoll::cli
