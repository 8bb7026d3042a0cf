#include "probe/rates_cache.h"

#include <nlohmann/json.hpp>

#include <plimsoll/version.h>

#include "json/json_document.h"

namespace plimsoll::probe {
namespace {

constexpr int kSchema = 1;
constexpr const char* kFile = "rates.json";
constexpr std::size_t kLargestCache = std::size_t{256} << 10U;
constexpr double kSlowest = 1e3;
constexpr double kFastest = 1e18;

std::optional<double> plausible(const Result<double>& rate) {
  if (!rate.ok() || *rate < kSlowest || *rate > kFastest) return std::nullopt;
  return *rate;
}

std::optional<ComputeRates> parse_compute(const JsonValue& object) {
  const auto float32 = plausible(object.get_number("float32_flops"));
  const auto memory = plausible(object.get_number("memory_read"));
  if (!float32 || !memory) return std::nullopt;
  return ComputeRates{*float32, plausible(object.get_number("bfloat16_flops")).value_or(0),
                      plausible(object.get_number("int8_flops")).value_or(0), *memory};
}

bool is_ours(const JsonValue& root) {
  const auto schema = root.get_int("schema", kSchema, kSchema);
  const auto written_by = root.get_string("version");
  return schema.ok() && written_by.ok() && *written_by == version();
}

}  // namespace

const ComputeRates* RatesCache::find_compute(const std::string& key) const {
  const auto found = compute.find(key);
  return found == compute.end() ? nullptr : &found->second;
}

std::optional<double> RatesCache::find_disk(const std::string& mount) const {
  const auto found = disk.find(mount);
  return found == disk.end() ? std::nullopt : std::optional<double>(found->second);
}

std::string compute_key(const CpuDescription& cpu, int threads) {
  return cpu.key + " / " + cpu.isa + " / " + std::to_string(threads) + " threads";
}

RatesCache read_rates_cache(Os& os) {
  RatesCache cache;
  const auto folder = find_cache_folder(os);
  if (!folder.ok()) return cache;
  const std::string path = *folder + "/" + kFile;
  const auto text = os.read_text(path, kLargestCache);
  if (!text.ok()) return cache;
  const auto document = JsonDocument::parse(*text, path);
  if (!document.ok() || !is_ours(document->root())) return cache;
  if (const auto table = document->root().get_object("compute"); table.ok()) {
    for (const JsonValue value : table->children()) {
      if (const auto rates = parse_compute(value)) cache.compute.emplace(value.key(), *rates);
    }
  }
  if (const auto table = document->root().get_object("disk"); table.ok()) {
    for (const JsonValue value : table->children()) {
      if (const auto rate = plausible(value.as_number())) cache.disk.emplace(value.key(), *rate);
    }
  }
  return cache;
}

Status write_rates_cache(Os& os, const RatesCache& cache) {
  const auto folder = find_cache_folder(os);
  if (!folder.ok()) return Error{ErrorCode::io, "there is nowhere to keep measured rates", kFile, folder.error().advice};
  using Json = nlohmann::json;
  Json root = {{"schema", kSchema}, {"version", std::string(version())}, {"compute", Json::object()}, {"disk", cache.disk}};
  for (const auto& [key, rates] : cache.compute) {
    root["compute"][key] = {{"float32_flops", rates.float32_flops},
                            {"bfloat16_flops", rates.bfloat16_flops},
                            {"int8_flops", rates.int8_flops},
                            {"memory_read", rates.memory_read}};
  }
  return os.write_text(*folder + "/" + kFile, root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace plimsoll::probe

namespace plimsoll {

Result<std::string> find_cache_folder(Os& os) {
  const auto is_place = [](const std::optional<std::string>& folder) { return folder && folder->starts_with('/'); };
  // The XDG base directory specification: relative paths are invalid and ignored.
  if (const auto folder = os.environment("XDG_CACHE_HOME"); is_place(folder)) return *folder + "/plimsoll";
  if (const auto home = os.environment("HOME"); is_place(home)) return *home + "/.cache/plimsoll";
  return Error{ErrorCode::not_found, "there is no cache folder", "HOME", "set XDG_CACHE_HOME or HOME"};
}

}  // namespace plimsoll
