#include "diagnosis/doctor_writer.h"

#include "report/plan_writer.h"

namespace plimsoll::cli {
namespace {

using doctor::Diagnosis;
using doctor::Figure;
using doctor::Figures;

void write_figure(JsonWriter& json, std::string_view name, const std::optional<Figure>& figure) {
  json.key(name);
  if (figure) json.value(figure->said);
  else json.null();
}

void write_name(JsonWriter& json, std::string_view name, std::string_view text) {
  json.key(name);
  if (text.empty()) json.null();
  else json.value(text);
}

void write_process(JsonWriter& json, std::optional<std::int64_t> pid, const std::optional<Figure>& size, bool self) {
  json.begin_object().key("pid");
  if (pid) json.value(*pid);
  else json.null();
  write_figure(json, "bytes", size);
  json.key("self").value(self).end_object();
}

void write_processes(JsonWriter& json, const Figures& figures) {
  json.key("processes").begin_array();
  bool listed = false;
  for (const doctor::Process& process : figures.processes) {
    write_process(json, process.pid, process.size, process.self);
    listed = listed || process.self;
  }
  // "This process" is told without its number.
  if (figures.used && !listed) write_process(json, std::nullopt, figures.used, true);
  json.end_array();
}

void write_figures(JsonWriter& json, const Figures& figures) {
  write_figure(json, "requested_bytes", figures.requested);
  write_figure(json, "total_bytes", figures.total);
  write_figure(json, "free_bytes", figures.free);
  write_figure(json, "allocated_bytes", figures.allocated);
  write_figure(json, "reserved_bytes", figures.reserved);
  write_figure(json, "limit_bytes", figures.limit);
  write_name(json, "device", figures.device);
  write_processes(json, figures);
}

void write_diagnosis(JsonWriter& json, const Diagnosis& diagnosis) {
  json.begin_object();
  write_name(json, "source", source_name(diagnosis.source));
  write_figures(json, diagnosis.figures);
  write_name(json, "phase", phase_name(diagnosis.phase));
  json.key("cause").value(cause_name(diagnosis.cause)).key("confidence").value(confidence_name(diagnosis.confidence));
  json.key("headline").value(diagnosis.headline).key("explanation").value(explanation(diagnosis));
  json.key("remedies").begin_array();
  for (const doctor::Remedy& remedy : diagnosis.remedies) {
    json.begin_object().key("action").value(remedy.action).key("why").value(remedy.why);
    write_figure(json, "saves_bytes", remedy.saves);
    json.key("change").value(remedy.change).end_object();
  }
  json.end_array().key("fatal").value(diagnosis.fatal).key("page").value(diagnosis.page);
  write_name(json, "rank", diagnosis.rank);
  json.key("line").value(static_cast<std::int64_t>(diagnosis.line)).key("times").value(static_cast<std::int64_t>(diagnosis.times));
  json.end_object();
}

}  // namespace

void write_diagnoses(JsonWriter& json, const std::vector<Diagnosis>& diagnoses, const Plan* plan) {
  json.begin_object().key("schema").value(1).key("diagnoses").begin_array();
  for (const Diagnosis& diagnosis : diagnoses) write_diagnosis(json, diagnosis);
  json.end_array();
  if (plan != nullptr) {
    json.key("plan");
    write_plan(json, *plan);
  }
  json.end_object();
}

}  // namespace plimsoll::cli
