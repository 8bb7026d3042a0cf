#include <fmt/format.h>

#include <plimsoll/device_status.h>
#include <plimsoll/measure.h>

#include "commands.h"
#include "session/measured_rates.h"
#include "text/counted.h"
#include "text/json_writer.h"
#include "top/top_writer.h"

namespace plimsoll::cli {
namespace {

std::string rate(double per_second, std::string_view unit) {
  return per_second <= 0 ? "not native" : fmt::format("{:.1f} G{}/s", per_second / 1e9, unit);
}

std::string threads_line(const CpuDescription& cpu, int asked) {
  if (asked > 0) return fmt::format("{} (--threads)", asked);
  std::string line =
      fmt::format("{} (least of {} in the affinity mask, {}", cpu.default_threads, cpu.logical, counted(cpu.physical, "physical core"));
  if (cpu.quota) line += fmt::format(", a quota of {} by {}", *cpu.quota, cpu.quota_set_by);
  return line + ")";
}

std::string picture(const Snapshot& machine, int threads) {
  const HostMemory& memory = machine.memory;
  const Rates& rates = machine.rates;
  std::string text = fmt::format("cpu: {}\n", printable(machine.cpu.model));
  const auto row = [&](std::string_view name, const std::string& value) { text += fmt::format("  {:<18}{}\n", name, value); };
  row("instruction set", machine.cpu.isa + (machine.cpu.native_bfloat16 ? ", bfloat16 native" : ""));
  row("threads", threads_line(machine.cpu, threads));
  row("memory", fmt::format("{} in all, {} available, {} ours", format_bytes(memory.total), format_bytes(memory.available),
                            format_bytes(memory.ours)));
  row("budget", fmt::format("{} (set by {})", format_bytes(memory.budget), printable(memory.set_by)));
  for (const MemoryLimit& limit : memory.limits) {
    const Bytes kept = saturating_sub(saturating_sub(limit.limit, limit.held_by_others), limit.budget);
    row("limit",
        fmt::format("{} by {}; {} held by others{}", format_bytes(limit.limit), printable(limit.set_by), format_bytes(limit.held_by_others),
                    kept.count > 0 ? "; " + format_bytes(kept) + " left for the group's kernel memory" : ""));
  }
  if (!memory.limits_fault.empty()) row("limits unknown", "of control groups: " + memory.limits_fault);
  row("float32", rate(rates.float32_flops, "FLOP"));
  row("bfloat16", rate(rates.bfloat16_flops, "FLOP"));
  row("memory reads", rate(rates.memory_read, "B"));
  row("disk reads", fmt::format("{} ({})", rate(rates.disk_read, "B"), rates.disk_source));
  row("rates", fmt::format("{}, {}", rates.source, counted(rates.threads, "thread")));
  return text;
}

void write_memory(JsonWriter& json, const HostMemory& memory) {
  json.key("total").value(memory.total).key("free").value(memory.available).key("ours").value(memory.ours);
  json.key("budget").value(memory.budget).key("set_by").value(memory.set_by).key("limits").begin_array();
  for (const MemoryLimit& limit : memory.limits) {
    json.begin_object().key("set_by").value(limit.set_by).key("limit").value(limit.limit);
    json.key("held_by_others").value(limit.held_by_others).key("budget").value(limit.budget).end_object();
  }
  json.end_array().key("limits_fault");
  if (memory.limits_fault.empty()) json.null();
  else json.value(memory.limits_fault);
}

std::string object(const Snapshot& machine) {
  JsonWriter json;
  const CpuDescription& cpu = machine.cpu;
  const Rates& rates = machine.rates;
  json.begin_object().key("name").value("cpu").key("model").value(cpu.model).key("isa").value(cpu.isa);
  json.key("native_bfloat16").value(cpu.native_bfloat16).key("threads").value(rates.threads);
  json.key("logical").value(cpu.logical).key("physical").value(cpu.physical).key("quota");
  if (cpu.quota) json.value(*cpu.quota);
  else json.null();
  write_memory(json, machine.memory);
  json.key("rates").begin_object().key("float32_flops").value(rates.float32_flops).key("bfloat16_flops").value(rates.bfloat16_flops);
  json.key("int8_flops").value(rates.int8_flops).key("memory_read").value(rates.memory_read).key("disk_read").value(rates.disk_read);
  json.key("source").value(rates.source).key("disk_source").value(rates.disk_source).end_object().end_object();
  return json.text() + "\n";
}

std::string picture(const DeviceStatus& device) {
  const std::string cuda = device.cuda    ? fmt::format("cuda:{}", *device.cuda)
                           : device.split ? "split by MIG"
                                          : "hidden by CUDA_VISIBLE_DEVICES";
  std::string text = fmt::format("{}: {} ({})\n", device.name, device.model.empty() ? "unknown" : device.model, cuda);
  const auto row = [&](std::string_view name, const std::string& value) { text += fmt::format("  {:<18}{}\n", name, value); };
  if (device.total && device.free)
    row("memory", fmt::format("{} in all, {} free, {} reserved by the driver", format_bytes(*device.total), format_bytes(*device.free),
                              device.reserved ? format_bytes(*device.reserved) : "an unknown part"));
  if (device.limit)
    row("limit", fmt::format("{}, {} of it used, set by {}", format_bytes(device.limit->most), format_bytes(device.limit->used),
                             printable(device.limit->set_by)));
  if (device.pcie_generation && device.pcie_width)
    row("PCIe", fmt::format("generation {}, {} lanes", *device.pcie_generation, *device.pcie_width));
  if (device.power_limit) row("power limit", fmt::format("{:.0f} W", *device.power_limit));
  row("UUID", device.uuid.empty() ? "unknown" : device.uuid);
  for (const std::string& remark : device.remarks) row("remark", remark);
  return text;
}

// Their rates are not measured: nothing here computes on them yet.
void write_gpus(Context& context) {
  const DeviceReport report = DeviceMonitor(context.os).look();
  for (const DeviceStatus& device : report.devices) {
    if (context.options.json) {
      JsonWriter json;
      write_device(json, device);
      context.output.write(json.text() + "\n");
    } else {
      context.output.write("\n" + picture(device));
    }
  }
  for (const std::string& remark : report.remarks) context.console.note(remark);
}

}  // namespace

Result<int> devices_command(Context& context) {
  PLIMSOLL_TRY(Snapshot machine, describe_machine(context.os, context.options.threads));
  if (const auto rates = measured_rates(context, machine, "", "measuring...")) machine.rates = *rates;
  context.output.write(context.options.json ? object(machine) : picture(machine, context.options.threads));
  write_gpus(context);
  return 0;
}

}  // namespace plimsoll::cli
