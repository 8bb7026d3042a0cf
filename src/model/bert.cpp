#include "model/families.h"

namespace plimsoll {
namespace {

// Far above any published model; what a tensor table really holds is checked when tensors are bound.
constexpr std::int64_t kLargest = std::int64_t{1} << 24;

EncoderNames bert_names() {
  EncoderNames names;
  names.body = "bert.";
  names.word_embeddings = "embeddings.word_embeddings";
  names.position_embeddings = "embeddings.position_embeddings";
  names.type_embeddings = "embeddings.token_type_embeddings";
  names.embedding_norm = "embeddings.LayerNorm";
  names.layer = "encoder.layer.";
  names.query = "attention.self.query";
  names.key = "attention.self.key";
  names.value = "attention.self.value";
  names.attention_output = "attention.output.dense";
  names.attention_norm = "attention.output.LayerNorm";
  names.intermediate = "intermediate.dense";
  names.output = "output.dense";
  names.output_norm = "output.LayerNorm";
  names.pooler = "pooler.dense";
  return names;
}

Status refuse_variants(const JsonValue& config) {
  PLIMSOLL_TRY(const auto positions, config.optional_string("position_embedding_type"));
  if (positions && *positions != "absolute") {
    return Error{ErrorCode::unsupported, "position_embedding_type \"" + printable(*positions, kShownText) + "\" is not built",
                 config.where() + ": position_embedding_type", "give a model with \"absolute\", the only one that is"};
  }
  for (const char* key : {"is_decoder", "is_causal", "add_cross_attention"}) {
    PLIMSOLL_TRY(const bool set, config.bool_or(key, false));
    if (set)
      return Error{ErrorCode::unsupported, std::string(key) + " is not built for bert", config.where() + ": " + key,
                   "use an encoder checkpoint"};
  }
  return {};
}

}  // namespace

Result<ArchSpec> read_bert(const JsonValue& config) {
  PLIMSOLL_CHECK(refuse_variants(config));
  ArchSpec spec;
  spec.family = "bert";
  spec.names = bert_names();
  PLIMSOLL_TRY(spec.vocab_size, config.get_int("vocab_size", 1, kLargest));
  PLIMSOLL_TRY(spec.hidden_size, config.get_int("hidden_size", 1, 1 << 16));
  PLIMSOLL_TRY(spec.layers, config.get_int("num_hidden_layers", 1, kLargest));
  PLIMSOLL_TRY(spec.heads, config.get_int("num_attention_heads", 1, 1 << 12));
  PLIMSOLL_TRY(spec.intermediate_size, config.get_int("intermediate_size", 1, 1 << 20));
  PLIMSOLL_TRY(spec.positions, config.get_int("max_position_embeddings", 1, kLargest));
  PLIMSOLL_TRY(const auto types, config.optional_int("type_vocab_size", 1, kLargest));
  spec.types = types.value_or(2);
  if (spec.hidden_size % spec.heads != 0) {
    return Error{
        ErrorCode::corrupt_file,
        "hidden_size " + std::to_string(spec.hidden_size) + " is not a multiple of num_attention_heads " + std::to_string(spec.heads),
        config.where(), "take config.json from where the weights come from"};
  }
  PLIMSOLL_TRY(spec.activation, read_activation(config, "hidden_act"));
  PLIMSOLL_TRY(spec.norm_epsilon, read_magnitude(config, "layer_norm_eps", 1e-12));
  PLIMSOLL_TRY(spec.initializer_range, read_magnitude(config, "initializer_range", 0.02));
  spec.classifier = "classifier";
  PLIMSOLL_TRY(spec.labels, read_labels(config));
  PLIMSOLL_TRY(spec.score_rule, read_score_rule(config, spec.labels.size()));
  spec.surplus = {"bert.embeddings.position_ids", "embeddings.position_ids", "bert.embeddings.token_type_ids", "embeddings.token_type_ids"};
  return spec;
}

}  // namespace plimsoll
