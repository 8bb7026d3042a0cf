#include "arguments/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "arguments/suggest.h"
#include "text/digit.h"

namespace plimsoll::cli {
namespace {

Error usage(std::string what, const std::string& where, std::string advice) {
  return Error{ErrorCode::usage, std::move(what), where, std::move(advice)};
}

Error not_built(std::string what, const std::string& where, std::string advice) {
  return Error{ErrorCode::unsupported, std::move(what), where, std::move(advice)};
}

std::string in_quotes(std::string_view text) { return fmt::format("'{}'", printable(text, 60)); }

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) line += i + 1 == words.size() ? " or " : ", ";
    line += words[i];
  }
  return line;
}

/// Our name for a type that other programs call otherwise ("fp16", "half", "torch.float16"), or "".
std::string meant_type(std::string_view text) {
  struct Alias {
    std::string_view name;
    ElementType type;
  };
  static constexpr std::array<Alias, 10> kAliases = {{{"fp32", ElementType::float32},
                                                      {"f32", ElementType::float32},
                                                      {"float", ElementType::float32},
                                                      {"single", ElementType::float32},
                                                      {"bf16", ElementType::bfloat16},
                                                      {"brain", ElementType::bfloat16},
                                                      {"bfloat", ElementType::bfloat16},
                                                      {"fp16", ElementType::float16},
                                                      {"f16", ElementType::float16},
                                                      {"half", ElementType::float16}}};
  std::string name(text);
  std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (name.starts_with("torch.")) name.erase(0, std::string_view("torch.").size());
  for (const ElementType type : {ElementType::float32, ElementType::bfloat16, ElementType::float16}) {
    if (name == element_name(type)) return name;
  }
  const auto* alias = std::ranges::find(kAliases, std::string_view(name), &Alias::name);
  return alias == kAliases.end() ? std::string() : std::string(element_name(alias->type));
}

Error not_one_of(std::string_view text, const std::vector<std::string>& choices, const std::string& where) {
  const std::string type = meant_type(text);
  const std::string meant = std::ranges::find(choices, type) != choices.end() ? type : nearest(text, choices);
  return usage(fmt::format("{} is not a value of this flag", in_quotes(text)), where,
               meant.empty() ? "give " + joined(choices) : fmt::format("did you mean {}? It takes {}", meant, joined(choices)));
}

bool all_digits(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }

/// "sim:0" of the kind "sim".
bool is_numbered(std::string_view name, std::string_view kind) {
  return name.starts_with(kind) && name.size() > kind.size() && name[kind.size()] == ':' && all_digits(name.substr(kind.size() + 1));
}

std::vector<std::string> rung_names() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kRungs; ++i) names.emplace_back(rung_name(static_cast<Rung>(i)));
  return names;
}

Result<DeviceBytes> read_device_budget(std::string_view item, const std::string& where) {
  const std::size_t equals = item.find('=');
  const bool bare = equals == std::string_view::npos;
  const std::string_view device = bare ? std::string_view() : item.substr(0, equals);
  const std::string_view text = bare ? item : item.substr(equals + 1);
  const auto size = parse_bytes(text);
  if (!size) return usage(fmt::format("{} is not a size", in_quotes(text)), where, "write 512MiB, 11.17GiB, 10GB or a number of bytes");
  const std::string name = full_device_name(device);
  if (!bare && name != "cpu" && name != "disk" && !is_numbered(name, "sim") && !is_numbered(name, "cuda"))
    return usage(fmt::format("{} is not a device", in_quotes(device)), where,
                 "write cpu=SIZE, cuda:0=SIZE or sim:0=SIZE, or the size alone");
  return DeviceBytes{name, *size};
}

}  // namespace

Result<std::int64_t> read_count(std::string_view text, std::int64_t least, std::int64_t most, const std::string& where) {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
    return usage(fmt::format("{} is not a number this flag takes", in_quotes(text)), where,
                 fmt::format("give a whole number from {} to {}", least, most));
  }
  return value;
}

Result<double> read_seconds(std::string_view text, const std::string& where) {
  static constexpr double kLeast = 0.05;
  static constexpr double kMost = 86400;
  double seconds = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (code == std::errc{} && end == text.data() + text.size() && seconds >= kLeast && seconds <= kMost) return seconds;
  return usage(fmt::format("{} is no number of seconds", in_quotes(text)), where, "give one from 0.05 to 86400, such as 0.5");
}

Result<bool> read_switch(std::string_view text, const std::string& where) {
  static constexpr std::array<std::string_view, 5> kOn = {"", "1", "true", "on", "yes"};
  static constexpr std::array<std::string_view, 4> kOff = {"0", "false", "off", "no"};
  if (std::ranges::find(kOn, text) != kOn.end()) return true;
  if (std::ranges::find(kOff, text) != kOff.end()) return false;
  return usage(fmt::format("{} is neither on nor off", in_quotes(text)), where, "give 1 or 0");
}

std::string full_device_name(std::string_view name) {
  if (name == "cuda") return "cuda:0";
  return all_digits(name) ? fmt::format("cuda:{}", name) : std::string(name);
}

std::optional<int> cuda_number(std::string_view name) {
  int number = 0;
  if (!is_numbered(name, "cuda")) return std::nullopt;
  name.remove_prefix(std::string_view("cuda:").size());
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), number);
  return code == std::errc{} ? number : std::numeric_limits<int>::max();
}

Status check_device(std::string_view text, const std::string& where) {
  if (text == "auto" || text == "cpu" || text == "cuda" || is_numbered(text, "sim") || is_numbered(text, "cuda")) return {};
  return not_one_of(text, {"auto", "cpu", "cuda:0"}, where);
}

Status check_task(std::string_view text, const std::string& where) {
  static constexpr std::array<std::string_view, 5> kNotBuilt = {"tokens", "qa", "mask", "embedding", "rerank"};
  if (text == "classification") return {};
  if (std::ranges::find(kNotBuilt, text) == kNotBuilt.end()) return not_one_of(text, {"classification"}, where);
  return not_built(fmt::format("the task {} is not built yet", text), where, "only classification is");
}

Status check_quantize(std::string_view text, const std::string& where) {
  if (text == "none") return {};
  if (text != "int8" && text != "int4") return not_one_of(text, {"none"}, where);
  return not_built(fmt::format("--quantize {} is not built yet", text), where, "use --dtype bfloat16 to halve the memory");
}

Result<std::optional<ElementType>> read_dtype(std::string_view text, const std::string& where) {
  if (text == "auto") return std::optional<ElementType>();
  for (const ElementType type : {ElementType::float32, ElementType::bfloat16, ElementType::float16}) {
    if (text == element_name(type)) return std::optional(type);
  }
  if (text == "int8" || text == "int4") {
    return usage(fmt::format("{} is not a type to compute in", in_quotes(text)), where,
                 fmt::format("--quantize {} is not built yet; use --dtype bfloat16 to halve the memory", text));
  }
  return not_one_of(text, {"auto", "float32", "bfloat16", "float16"}, where);
}

Result<std::vector<DeviceBytes>> read_max_memory(std::string_view text, const std::string& where) {
  std::vector<DeviceBytes> budgets;
  for (const std::string_view item : split(text, ',')) {
    PLIMSOLL_TRY(DeviceBytes budget, read_device_budget(item, where));
    if (std::ranges::find(budgets, budget.device, &DeviceBytes::device) != budgets.end()) {
      return usage(fmt::format("{} budget is given twice", budget.device.empty() ? "the" : "the " + budget.device + "'s"), where,
                   "give it once");
    }
    budgets.push_back(std::move(budget));
  }
  return budgets;
}

Result<DeviceMap> read_map(std::string_view text, const std::string& where) {
  using Kind = DeviceMap::Kind;
  static constexpr std::array<std::pair<std::string_view, Kind>, 4> kMaps = {{{"auto", Kind::automatic},
                                                                              {"balanced", Kind::balanced},
                                                                              {"balanced_low_0", Kind::balanced_low_0},
                                                                              {"sequential", Kind::sequential}}};
  for (const auto& [name, kind] : kMaps) {
    if (text == name) return DeviceMap{kind, {}, where};
  }
  if (text.ends_with(".json") || text.find('/') != std::string_view::npos) return DeviceMap{Kind::modules, {}, std::string(text)};
  return not_one_of(text, {"auto", "balanced", "balanced_low_0", "sequential", "FILE.json"}, where);
}

Result<std::vector<Rung>> read_rungs(std::string_view text, const std::string& where) {
  std::vector<Rung> rungs;
  for (const std::string_view name : split(text, ',')) {
    const auto rung = parse_rung(name);
    if (!rung) return not_one_of(name, rung_names(), where);
    rungs.push_back(*rung);
  }
  return rungs;
}

Result<std::vector<Rung>> read_allowed(std::string_view text, const std::string& where) {
  std::vector<Rung> rungs;
  for (const std::string_view name : split(text, ',')) {
    const auto rung = parse_rung(name);
    if (!rung) return not_one_of(name, {"bfloat16", "float16"}, where);
    if (*rung == Rung::int8 || *rung == Rung::int4) {
      return not_built(fmt::format("{} is not built yet", name), where, "allow bfloat16 or float16");
    }
    if (*rung != Rung::bfloat16 && *rung != Rung::float16) {
      return usage(fmt::format("{} needs no permission", name), where, "this flag takes bfloat16 and float16");
    }
    rungs.push_back(*rung);
  }
  return rungs;
}

Result<std::vector<Shape>> read_shapes(std::string_view text, const std::string& where) {
  static constexpr std::int64_t kMost = 1 << 20;
  std::vector<Shape> shapes;
  for (const std::string_view item : split(text, ',')) {
    const std::size_t cross = item.find('x');
    const bool halves = cross != std::string_view::npos;
    const auto texts = read_count(halves ? item.substr(0, cross) : "", 1, kMost, where);
    const auto tokens = read_count(halves ? item.substr(cross + 1) : "", 1, kMost, where);
    if (!texts.ok() || !tokens.ok()) {
      return usage(fmt::format("{} is not a shape", in_quotes(item)), where,
                   fmt::format("write TEXTSxTOKENS, such as 8x128; each is from 1 to {}", kMost));
    }
    shapes.push_back(Shape{*texts, *tokens});
  }
  return shapes;
}

}  // namespace plimsoll::cli
