#include <cmath>

#include "model/arch_spec.h"
#include "model/program.h"

namespace plimsoll {
namespace {

// Builds the blocks one after the other; each method appends what its name says.
class Builder {
 public:
  explicit Builder(const ArchSpec& spec) : spec_(spec) {}

  Program build() {
    declare_values();
    embeddings();
    for (std::int64_t layer = 0; layer < spec_.layers; ++layer) encoder_layer(layer);
    head();
    program_.head_dim = spec_.head_dim();
    return std::move(program_);
  }

 private:
  ValueId value(std::string name, Dim rows, std::int64_t cols, ValueType type = ValueType::hidden, Lifetime lifetime = Lifetime::op) {
    program_.values.push_back({std::move(name), rows, cols, type, lifetime});
    return static_cast<ValueId>(program_.values.size() - 1);
  }

  WeightId weight(Weight weight) {
    program_.weights.push_back(std::move(weight));
    return static_cast<WeightId>(program_.weights.size() - 1);
  }

  WeightId table(const std::string& layer, std::int64_t rows) {
    const std::string name = spec_.names.body + layer + ".weight";
    return weight({name, WeightRole::table, rows, spec_.hidden_size, {{name, rows}}, {}});
  }

  WeightId vector(const std::string& name, std::int64_t size, std::optional<Initializer> if_missing = {}) {
    return weight({name, WeightRole::vector, 1, size, {{name, size}}, if_missing});
  }

  // activation(x W^T + b) with W made of the rows of one or more layers, in the order given.
  LinearOp linear(const std::vector<std::string>& layers, ValueId x, ValueId out, Activation activation,
                  std::optional<float> init_deviation = {}) {
    const std::int64_t inputs = cols(x);
    const std::int64_t rows = cols(out) / static_cast<std::int64_t>(layers.size());
    Weight matrix{layers.front() + ".weight", WeightRole::matrix, cols(out), inputs, {}, {}};
    Weight bias{layers.front() + ".bias", WeightRole::vector, 1, cols(out), {}, {}};
    for (const std::string& layer : layers) {
      matrix.parts.push_back({layer + ".weight", rows});
      bias.parts.push_back({layer + ".bias", rows});
    }
    if (init_deviation) {
      matrix.if_missing = Initializer{*init_deviation};
      bias.if_missing = Initializer{0};
    }
    const WeightId matrix_id = weight(std::move(matrix));
    return {x, matrix_id, weight(std::move(bias)), activation, out};
  }

  LayerNormOp layer_norm(const std::string& name, ValueId x, ValueId residual, ValueId out) {
    const WeightId gamma = vector(name + ".weight", cols(x));
    return {x, residual, gamma, vector(name + ".bias", cols(x)), spec_.norm_epsilon, out};
  }

  std::int64_t cols(ValueId id) const { return program_.values[static_cast<std::size_t>(id)].cols; }

  void declare_values() {
    program_.ids = value("input_ids", Dim::tokens, 1, ValueType::int32, Lifetime::pass);
    program_.position_ids = value("position_ids", Dim::tokens, 1, ValueType::int32, Lifetime::pass);
    program_.type_ids = value("type_ids", Dim::tokens, 1, ValueType::int32, Lifetime::pass);
    program_.text_starts = value("text_starts", Dim::text_bounds, 1, ValueType::int32, Lifetime::pass);
    program_.logits = value("logits", Dim::texts, static_cast<std::int64_t>(spec_.labels.size()), ValueType::float32, Lifetime::pass);
    hidden_ = value("hidden", Dim::tokens, spec_.hidden_size);
  }

  void embeddings() {
    const EncoderNames& names = spec_.names;
    EmbedOp embed;
    embed.words = table(names.word_embeddings, spec_.vocab_size);
    embed.positions = table(names.position_embeddings, spec_.positions);
    if (spec_.types > 0) embed.types = table(names.type_embeddings, spec_.types);
    embed.ids = program_.ids;
    embed.position_ids = program_.position_ids;
    embed.type_ids = program_.type_ids;
    embed.out = hidden_;
    program_.blocks.push_back({"embeddings", {embed, layer_norm(names.body + names.embedding_norm, hidden_, kNone, hidden_)}});
  }

  void encoder_layer(std::int64_t number) {
    const EncoderNames& names = spec_.names;
    const std::string short_name = names.layer + std::to_string(number);
    const auto name = [&](const std::string& layer) { return names.body + short_name + "." + layer; };
    const std::string suffix = "." + std::to_string(number);
    // In bfloat16 only what a product reads is rounded (docs/decisions/0004-bfloat16-rounding.md).
    const ValueId qkv = value("qkv" + suffix, Dim::tokens, 3 * spec_.hidden_size, ValueType::float32);
    const ValueId context = value("context" + suffix, Dim::tokens, spec_.hidden_size);
    const ValueId attended = value("attended" + suffix, Dim::tokens, spec_.hidden_size, ValueType::float32);
    const ValueId intermediate = value("intermediate" + suffix, Dim::tokens, spec_.intermediate_size);
    const ValueId output = value("output" + suffix, Dim::tokens, spec_.hidden_size, ValueType::float32);

    Block block{short_name, {}};
    block.ops.emplace_back(linear({name(names.query), name(names.key), name(names.value)}, hidden_, qkv, Activation::none));
    block.ops.emplace_back(AttentionOp{qkv, program_.text_starts, spec_.heads, spec_.head_dim(),
                                       1.0F / std::sqrt(static_cast<float>(spec_.head_dim())), context});
    block.ops.emplace_back(linear({name(names.attention_output)}, context, attended, Activation::none));
    block.ops.emplace_back(layer_norm(name(names.attention_norm), attended, hidden_, hidden_));
    block.ops.emplace_back(linear({name(names.intermediate)}, hidden_, intermediate, spec_.activation));
    block.ops.emplace_back(linear({name(names.output)}, intermediate, output, Activation::none));
    block.ops.emplace_back(layer_norm(name(names.output_norm), output, hidden_, hidden_));
    program_.blocks.push_back(std::move(block));
  }

  void head() {
    const ValueId first = value("first_token", Dim::texts, spec_.hidden_size);
    const ValueId pooled = value("pooled", Dim::texts, spec_.hidden_size, ValueType::float32);
    Block pooler{"pooler", {GatherFirstOp{hidden_, program_.text_starts, first}}};
    pooler.ops.emplace_back(linear({spec_.names.body + spec_.names.pooler}, first, pooled, Activation::tanh, spec_.initializer_range));
    program_.blocks.push_back(std::move(pooler));
    Block classifier{"classifier", {}};
    classifier.ops.emplace_back(linear({spec_.classifier}, pooled, program_.logits, Activation::none, spec_.initializer_range));
    program_.blocks.push_back(std::move(classifier));
  }

  const ArchSpec& spec_;
  Program program_;
  ValueId hidden_ = kNone;
};

}  // namespace

Program encoder_program(const ArchSpec& spec) { return Builder(spec).build(); }

}  // namespace plimsoll
