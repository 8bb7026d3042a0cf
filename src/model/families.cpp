#include "model/families.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/decimal.h"
#include "hub/versions.h"

namespace plimsoll {
namespace {

struct Family {
  std::string_view model_type;
  Result<ArchSpec> (*read)(const JsonValue& config);
};

constexpr std::array kFamilies = {Family{"bert", &read_bert}};

// Scores of one text wait in the `io` memory, and names in the heap: both stay small beside any model.
constexpr std::int64_t kMostLabels = 1 << 16;
constexpr std::size_t kMostLabelBytes = std::size_t{1} << 19U;

struct NamedActivation {
  std::string_view name;
  Activation activation;
};

// transformers' ACT2FN names that mean the same function.
constexpr std::array kActivations = {
    NamedActivation{"gelu", Activation::gelu},
    NamedActivation{"gelu_python", Activation::gelu},
    NamedActivation{"gelu_new", Activation::gelu_tanh},
    NamedActivation{"gelu_fast", Activation::gelu_tanh},
    NamedActivation{"gelu_pytorch_tanh", Activation::gelu_tanh},
    NamedActivation{"relu", Activation::relu},
    NamedActivation{"silu", Activation::silu},
    NamedActivation{"swish", Activation::silu},
};

/// A label is a string; where it is a number or a truth value it is shown as Python does.
Result<std::string> label_name(const JsonValue& value) {
  if (value.type() == JsonType::integer) {
    PLIMSOLL_TRY(const std::int64_t number,
                 value.as_int(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()));
    return std::to_string(number);
  }
  if (value.type() == JsonType::boolean) {
    PLIMSOLL_TRY(const bool truth, value.as_bool());
    return std::string(truth ? "True" : "False");
  }
  PLIMSOLL_TRY(const std::string_view name, value.as_string());
  return std::string(name);
}

Status check_count(std::int64_t labels, std::string where) {
  if (labels <= kMostLabels) return {};
  return Error{ErrorCode::unsupported, std::to_string(labels) + " labels", std::move(where),
               "at most " + std::to_string(kMostLabels) + " are built"};
}

Result<std::vector<std::string>> labels_by_id(const JsonValue& id2label) {
  const std::size_t count = id2label.size();
  PLIMSOLL_CHECK(check_count(static_cast<std::int64_t>(count), id2label.where()));
  std::vector<std::string> labels(count);
  std::vector<bool> seen(count, false);
  std::size_t bytes = 0;
  for (const JsonValue entry : id2label.children()) {
    const std::string_view key = entry.key();
    std::size_t id = 0;
    const auto [end, status] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (status != std::errc{} || end != key.data() + key.size() || id >= count || seen[id]) {
      return Error{ErrorCode::corrupt_file,
                   "the ids of " + std::to_string(count) + " labels are 0 to " + std::to_string(count - 1) + ", each once", entry.where(),
                   "number the labels of id2label from 0 on"};
    }
    PLIMSOLL_TRY(std::string name, label_name(entry));
    bytes += name.size();
    if (bytes > kMostLabelBytes) {
      return Error{ErrorCode::unsupported, "the names in id2label are longer than " + format_bytes(Bytes{kMostLabelBytes}) + " in all",
                   entry.where(), "shorten them"};
    }
    labels[id] = std::move(name);
    seen[id] = true;
  }
  return labels;
}

// transformers then reads other keys than those of the same name.
Status refuse_other_keys(const JsonValue& config) {
  PLIMSOLL_TRY(const auto map, config.optional_object("attribute_map"));
  if (!map || map->size() == 0) return {};
  return Error{ErrorCode::unsupported, "other names for keys of config.json", map->where(), "use the keys' own names, and remove it"};
}

}  // namespace

std::string built_families() {
  std::string names;
  for (const Family& family : kFamilies) names += (names.empty() ? "" : ", ") + std::string(family.model_type);
  return names;
}

Result<float> read_magnitude(const JsonValue& config, std::string_view key, double otherwise) {
  PLIMSOLL_TRY(const auto number, config.optional_number(key));
  const double value = number.value_or(otherwise);
  if (value >= 0 && value <= std::numeric_limits<float>::max()) return static_cast<float>(value);
  return Error{ErrorCode::corrupt_file, std::string(key) + " is " + shortest(value), config.where() + ": " + std::string(key),
               "expected a number from 0 on"};
}

Result<Activation> read_activation(const JsonValue& config, std::string_view key) {
  PLIMSOLL_TRY(const auto name, config.optional_string(key));
  const std::string_view wanted = name.value_or("gelu");
  for (const NamedActivation& known : kActivations) {
    if (known.name == wanted) return known.activation;
  }
  return Error{ErrorCode::unsupported, "activation \"" + printable(wanted, kShownText) + "\" is not built",
               config.where() + ": " + std::string(key), "built are gelu, gelu_new, relu and silu"};
}

Result<std::vector<std::string>> read_labels(const JsonValue& config) {
  PLIMSOLL_TRY(const auto id2label, config.optional_object("id2label"));
  PLIMSOLL_TRY(const auto count, config.optional_int("num_labels", 1, std::numeric_limits<std::int64_t>::max()));
  PLIMSOLL_CHECK(check_count(count.value_or(1), config.where() + ": num_labels"));
  std::vector<std::string> labels;
  if (id2label && id2label->size() > 0) {
    PLIMSOLL_TRY(labels, labels_by_id(*id2label));
  }
  const std::int64_t wanted = count.value_or(labels.empty() ? 2 : static_cast<std::int64_t>(labels.size()));
  if (static_cast<std::int64_t>(labels.size()) == wanted) return labels;
  labels.clear();
  for (std::int64_t i = 0; i < wanted; ++i) labels.push_back("LABEL_" + std::to_string(i));
  return labels;
}

Result<ScoreRule> read_score_rule(const JsonValue& config, std::size_t labels) {
  PLIMSOLL_TRY(const auto type, config.optional_string("problem_type"));
  const ScoreRule by_number = labels == 1 ? ScoreRule::sigmoid : ScoreRule::softmax;
  if (!type || *type == "single_label_classification") return by_number;
  if (*type == "regression") return ScoreRule::regression;
  if (*type == "multi_label_classification") return ScoreRule::sigmoid;
  return Error{ErrorCode::unsupported, "problem_type \"" + printable(*type, kShownText) + "\" is not built",
               config.where() + ": problem_type", "built are regression, single_label_classification and multi_label_classification"};
}

Result<ArchSpec> read_arch_spec(const JsonDocument& document) {
  const JsonValue config = document.root();
  PLIMSOLL_CHECK(refuse_versions(config, "configuration_files", "config.json"));
  PLIMSOLL_CHECK(refuse_other_keys(config));
  PLIMSOLL_TRY(const std::string_view type, config.get_string("model_type"));
  for (const Family& family : kFamilies) {
    if (family.model_type == type) return family.read(config);
  }
  return Error{ErrorCode::unsupported, "models of type \"" + printable(type, kShownText) + "\" are not built",
               config.where() + ": model_type", "give a model of a type that is: " + built_families()};
}

}  // namespace plimsoll
