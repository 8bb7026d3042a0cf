#include "top/top_writer.h"

namespace plimsoll::cli {
namespace {

template <typename T>
void write(JsonWriter& json, std::string_view key, const std::optional<T>& value) {
  json.key(key);
  if (value) json.value(*value);
  else json.null();
}

void write(JsonWriter& json, std::string_view key, const std::optional<std::uint64_t>& value) {
  write(json, key, value ? std::optional(Bytes{*value}) : std::nullopt);
}

void write_text(JsonWriter& json, std::string_view key, const std::string& text) {
  json.key(key);
  if (text.empty()) json.null();
  else json.value(text);
}

void write_processes(JsonWriter& json, const std::vector<ProcessStatus>& processes) {
  json.key("processes").begin_array();
  for (const ProcessStatus& process : processes) {
    json.begin_object().key("pid").value(process.pid);
    write_text(json, "user", process.user);
    write_text(json, "command", process.command);
    write_text(json, "container", process.container);
    write(json, "bytes", process.used);
    write(json, "utilisation", process.utilisation);
    json.end_object();
  }
  json.end_array();
}

void write_texts(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  json.key(key).begin_array();
  for (const std::string& text : texts) json.value(text);
  json.end_array();
}

void write_health(JsonWriter& json, const DeviceStatus& device) {
  write(json, "utilisation", device.utilisation);
  write(json, "temperature", device.temperature);
  write(json, "power", device.power);
  write(json, "power_limit", device.power_limit);
  json.key("pcie").begin_object();
  write(json, "generation", device.pcie_generation);
  write(json, "width", device.pcie_width);
  write(json, "sent", device.pcie_sent);
  write(json, "received", device.pcie_received);
  json.end_object();
  if (device.throttled) write_texts(json, "throttled", *device.throttled);
  else json.key("throttled").null();
  json.key("ecc").begin_object();
  write(json, "corrected", device.ecc_corrected);
  write(json, "uncorrected", device.ecc_uncorrected);
  write(json, "remapped_rows", device.remapped_rows);
  json.key("remap_pending").value(device.remap_pending).end_object();
  json.key("xids").begin_array();
  for (const std::uint64_t xid : device.xids) json.value(Bytes{xid});
  json.end_array();
}

void write_host(JsonWriter& json, const TopSample& sample) {
  const HostMemory& memory = sample.memory;
  const HostLoad& load = sample.load;
  json.key("host").begin_object().key("total").value(memory.total).key("available").value(memory.available);
  json.key("budget").value(memory.budget).key("set_by").value(memory.set_by).key("limits").begin_array();
  for (const MemoryLimit& limit : memory.limits) {
    json.begin_object().key("set_by").value(limit.set_by).key("limit").value(limit.limit);
    json.key("held_by_others").value(limit.held_by_others).key("budget").value(limit.budget).end_object();
  }
  json.end_array().key("swap_total").value(load.swap_total).key("swap_free").value(load.swap_free).key("waiting").begin_object();
  write(json, "memory_some", load.memory_some);
  write(json, "memory_full", load.memory_full);
  write(json, "group_memory_some", load.group_memory_some);
  write(json, "cpu_some", load.cpu_some);
  write(json, "io_full", load.io_full);
  json.end_object();
  write_processes(json, sample.processes);
  json.end_object();
}

void write_fits(JsonWriter& json, const std::vector<Fit>& fits) {
  if (fits.empty()) return;
  json.key("fits").begin_array();
  for (const Fit& fit : fits) {
    json.begin_object().key("device").value(fit.device).key("verdict").value(verdict_name(fit.verdict)).key("dtype").value(fit.precision);
    json.key("planned").value(fit.planned).key("free").value(fit.free);
    write(json, "smallest_budget", fit.smallest);
    write(json, "full_speed_budget", fit.full_speed);
    json.end_object();
  }
  json.end_array();
}

void write_limit(JsonWriter& json, const std::optional<DeviceLimit>& limit) {
  json.key("limit");
  if (!limit) {
    json.null();
    return;
  }
  json.begin_object().key("most").value(limit->most).key("guaranteed").value(limit->guaranteed);
  json.key("used").value(limit->used).key("set_by").value(limit->set_by).end_object();
}

}  // namespace

void write_device(JsonWriter& json, const DeviceStatus& device) {
  json.begin_object().key("name").value(device.name);
  write(json, "cuda", device.cuda);
  write_text(json, "model", device.model);
  write_text(json, "uuid", device.uuid);
  write_text(json, "pci", device.pci);
  json.key("lost").value(device.lost).key("split").value(device.split);
  write(json, "total", device.total);
  write(json, "free", device.free);
  write(json, "busy", device.busy());
  write(json, "reserved", device.reserved);
  write_limit(json, device.limit);
  json.key("margin").value(device.margin);
  write(json, "bar1_total", device.bar1_total);
  write(json, "bar1_used", device.bar1_used);
  write_health(json, device);
  write_processes(json, device.processes);
  write_texts(json, "remarks", device.remarks);
  json.end_object();
}

void write_run(JsonWriter& json, const RunStatus& run) {
  json.begin_object().key("pid").value(run.pid).key("model").value(run.model).key("phase").value(run.phase).key("devices").begin_array();
  for (const RunDevice& device : run.devices) {
    json.begin_object().key("name").value(device.name).key("planned").value(device.planned);
    json.key("current").value(device.current).end_object();
  }
  json.end_array().end_object();
}

void write_sample(JsonWriter& json, const TopSample& sample) {
  json.begin_object().key("schema").value(1).key("time").value(sample.time);
  write_host(json, sample);
  write_text(json, "driver", sample.report.driver);
  json.key("devices").begin_array();
  for (const DeviceStatus& device : sample.report.devices) write_device(json, device);
  json.end_array().key("runs").begin_array();
  for (const RunStatus& run : sample.runs) write_run(json, run);
  json.end_array();
  write_fits(json, sample.fits);
  write_texts(json, "remarks", sample.report.remarks);
  json.end_object();
}

}  // namespace plimsoll::cli
