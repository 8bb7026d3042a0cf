#pragma once

#include <string>

#include <plimsoll/result.h>

#include "json/json_document.h"
#include "model/arch_spec.h"

namespace plimsoll {

/// The network that a config.json describes. Fails with `unsupported` naming the model_type (and what is built), a setting or an
/// activation that is not built; with `corrupt_file` naming the key when a value is missing, ill-typed or out of range.
Result<ArchSpec> read_arch_spec(const JsonDocument& config);

/// The families built here, for messages: "bert".
std::string built_families();

/// What every family of encoders reads in the same way.
/// A finite number that is not negative (an epsilon, a deviation), `otherwise` where it is absent.
Result<float> read_magnitude(const JsonValue& config, std::string_view key, double otherwise);
Result<Activation> read_activation(const JsonValue& config, std::string_view key);
/// Label names from id2label or num_labels (two if neither is there: LABEL_0, LABEL_1). Where they differ in number, that of num_labels
/// counts and names are lost, as in transformers 5. `unsupported` beyond 65,536 labels, 512 KiB of names in all (they lie in the heap,
/// which a plan allows for by the label) or what a JsonDocument holds: some 32,000 named ones.
Result<std::vector<std::string>> read_labels(const JsonValue& config);
/// As transformers' text-classification pipeline: from problem_type, but a single label that is no regression is scored by itself.
Result<ScoreRule> read_score_rule(const JsonValue& config, std::size_t labels);

Result<ArchSpec> read_bert(const JsonValue& config);

}  // namespace plimsoll
