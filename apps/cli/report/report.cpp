#include "report/report.h"

#include <algorithm>

#include <fmt/format.h>

#include "report/picture.h"
#include "report/plan_writer.h"
#include "text/counted.h"
#include "text/json_writer.h"

namespace plimsoll::cli {

std::string report_json(const Plan& plan, const RunStatistics& statistics) {
  JsonWriter json;
  json.begin_object().key("schema").value(1).key("plan");
  write_plan(json, plan);
  json.key("actual").begin_object().key(plan.devices.at(0).name).begin_object();
  json.key("ledger_peak").value(statistics.ledger_peak).key("rss_anon_peak").value(statistics.recorder.process_peak());
  json.end_object();
  for (const DeviceFigures& device : statistics.devices)
    json.key(device.name).begin_object().key("ledger_peak").value(device.ledger_peak).key("seconds").value(device.seconds).end_object();
  json.end_object();
  json.key("timing").begin_object().key("load_seconds").value(statistics.load_seconds);
  json.key("first_result_seconds").value(statistics.first_result_seconds);
  json.key("tokens_per_second").value(statistics.tokens_per_second()).end_object();
  json.key("memory");
  statistics.recorder.write_samples(json);
  json.key("events");
  statistics.events.write(json);
  json.end_object();
  return json.text() + "\n";
}

Bytes least_of_host(const Plan& plan) {
  for (const DeviceBytes& least : plan.smallest_budget) {
    if (least.device == plan.devices.at(0).name) return least.bytes;
  }
  return Bytes{};
}

Bytes planned_of_process(const Plan& plan) {
  Bytes sum;
  for (const DevicePlan& device : plan.devices)
    if (&device == plan.devices.data() || device.name.starts_with("sim:")) sum += device.planned_total();
  return sum;
}

std::string summary_line(const Plan& plan, const RunStatistics& statistics) {
  const auto texts = statistics.rows - statistics.bad_rows;
  const Plan& last = statistics.last_plan ? *statistics.last_plan : plan;
  const Bytes planned = std::max(planned_of_process(plan), planned_of_process(last));
  std::string line = fmt::format("{}; {}; peak {} of {} planned; {:.0f} tokens/s ({}, {:.2f} s)", precision_name(last), weight_homes(last),
                                 format_bytes(statistics.recorder.process_peak()), format_bytes(planned), statistics.tokens_per_second(),
                                 counted(texts, "text"), statistics.recorder.seconds());
  if (statistics.truncated > 0) line += fmt::format("; {} cut to the longest that is allowed", statistics.truncated);
  return line;
}

}  // namespace plimsoll::cli
