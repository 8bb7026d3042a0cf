#include "device/sim/sim_spec.h"

#include <algorithm>
#include <array>
#include <optional>

#include "device/sim/heap_table.h"
#include "device/sim/sim_values.h"

namespace plimsoll {
namespace {

constexpr std::size_t kLongestSpec = 4096;
constexpr std::size_t kLongestName = 64;
constexpr std::string_view kExample = "for example --sim memory=2GiB,used=1GiB,link=12GB/s";

Error refuse(std::string what, std::string advice) { return Error{ErrorCode::usage, std::move(what), "--sim", std::move(advice)}; }

Error bad_value(std::string_view key, std::string_view value, std::string_view allowed) {
  return refuse(std::string(key) + "=" + printable(value) + " is not " + std::string(allowed), std::string(kExample));
}

template <typename T>
Status assign(T& to, const std::optional<T>& value, std::string_view key, std::string_view text, std::string_view allowed) {
  if (!value) return bad_value(key, text, allowed);
  to = *value;
  return {};
}

Status set_size(Bytes& to, std::string_view key, std::string_view text) {
  return assign(to, parse_bytes(text), key, text, "a size such as 512MiB, 1.5GiB or 0");
}

Status set_byte_rate(double& to, std::string_view key, std::string_view text) {
  return assign(to, sim::parse_byte_rate(text), key, text, "a rate such as 12GB/s or 500MB/s");
}

// A name becomes part of a file's name.
std::optional<std::string> parse_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (text.empty() || text.size() > kLongestName || !std::all_of(text.begin(), text.end(), allowed)) return std::nullopt;
  return std::string(text);
}

Status set_name(SimSpec& spec, std::string_view key, std::string_view text) {
  return assign(spec.name, parse_name(text), key, text, "a name of 1 to 64 letters, digits, - and _");
}
Status set_memory(SimSpec& spec, std::string_view key, std::string_view text) { return set_size(spec.memory, key, text); }
Status set_used(SimSpec& spec, std::string_view key, std::string_view text) { return set_size(spec.used, key, text); }
Status set_context(SimSpec& spec, std::string_view key, std::string_view text) { return set_size(spec.context, key, text); }
Status set_link(SimSpec& spec, std::string_view key, std::string_view text) { return set_byte_rate(spec.rates.link, key, text); }
Status set_pageable(SimSpec& spec, std::string_view key, std::string_view text) { return set_byte_rate(spec.rates.pageable, key, text); }
Status set_disk(SimSpec& spec, std::string_view key, std::string_view text) { return set_byte_rate(spec.rates.disk, key, text); }
Status set_latency(SimSpec& spec, std::string_view key, std::string_view text) {
  return assign(spec.rates.latency, sim::parse_seconds(text), key, text, "a time such as 10us, 1ms or 0");
}
Status set_compute(SimSpec& spec, std::string_view key, std::string_view text) {
  return assign(spec.rates.compute, sim::parse_flop_rate(text), key, text, "a rate such as 1TFLOP/s or 300GFLOP/s");
}
Status set_script(SimSpec& spec, std::string_view, std::string_view text) {
  if (text.empty()) return bad_value("script", text, "the path of a file of events");
  spec.script = std::string(text);
  return {};
}

struct Key {
  std::string_view name;
  Status (*set)(SimSpec& spec, std::string_view key, std::string_view text);
};
constexpr std::array kKeys = {Key{"name", set_name},       Key{"memory", set_memory},   Key{"used", set_used},
                              Key{"context", set_context}, Key{"link", set_link},       Key{"pageable", set_pageable},
                              Key{"latency", set_latency}, Key{"compute", set_compute}, Key{"disk", set_disk},
                              Key{"script", set_script}};

std::string key_list() {
  std::string list;
  for (const Key& key : kKeys) list += (list.empty() ? "" : ", ") + std::string(key.name);
  return list;
}

Status check_sizes(const SimSpec& spec) {
  if (spec.memory.count < sim::kGranule) {
    return refuse("a simulated device with less than " + format_bytes(Bytes{sim::kGranule}) + " of memory",
                  "give memory=SIZE, " + std::string(kExample));
  }
  if (spec.used > spec.memory || spec.context > spec.memory - spec.used) {
    return refuse("used=" + format_exact(spec.used) + " and context=" + format_exact(spec.context) +
                      " are more than memory=" + format_exact(spec.memory),
                  "leave room in memory for both");
  }
  return {};
}

}  // namespace

Result<SimSpec> parse_sim_spec(std::string_view text) {
  if (text.size() > kLongestSpec) return refuse("a specification of " + std::to_string(text.size()) + " bytes", "4096 are allowed");
  SimSpec spec;
  spec.rates.pageable = 0;
  std::array<bool, kKeys.size()> seen{};
  while (!text.empty()) {
    std::string_view value = sim::take_until(text, ',');
    const std::string_view name = value.substr(0, value.find('='));
    const auto* key = std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& known) { return known.name == name; });
    if (key == kKeys.end()) return refuse("unknown key " + printable(name), "known are " + key_list() + "; " + std::string(kExample));
    if (name.size() == value.size())
      return refuse(std::string(name) + " has no value", "write " + std::string(name) + "=VALUE, " + std::string(kExample));
    bool& again = seen[static_cast<std::size_t>(key - kKeys.begin())];
    if (again) return refuse(std::string(name) + " is given twice", "give each key once");
    again = true;
    value.remove_prefix(name.size() + 1);
    PLIMSOLL_CHECK(key->set(spec, name, value));
  }
  if (spec.rates.pageable == 0) spec.rates.pageable = spec.rates.link / 2;
  PLIMSOLL_CHECK(check_sizes(spec));
  return spec;
}

}  // namespace plimsoll
