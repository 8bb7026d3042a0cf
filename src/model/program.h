#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "device/step.h"

namespace plimsoll {

/// Symbolic first dimension of a value: T tokens, B texts, or the B + 1 boundaries between texts of a pass.
enum class Dim : std::uint8_t { tokens, texts, text_bounds };

/// How long a value must stay: until the last op that reads it; as long as the stage of a pass that hands it on or takes it over; or to
/// the end of the pass.
enum class Lifetime : std::uint8_t { op, stage, pass };

/// To the end of the pass: a place of its own, which no plan moves.
inline bool outlives_stages(Lifetime lifetime) { return lifetime == Lifetime::pass; }

/// `hidden` is float32, or bfloat16 where compute is bfloat16.
enum class ValueType : std::uint8_t { hidden, float32, int32 };

using ValueId = std::int32_t;
using WeightId = std::int32_t;
inline constexpr std::int32_t kNone = -1;

struct Value {
  std::string name;
  Dim rows = Dim::tokens;
  std::int64_t cols = 0;
  ValueType type = ValueType::hidden;
  Lifetime lifetime = Lifetime::op;
};

/// matrix: [outputs, inputs] of a product, packed in panels where that pays. table: [rows, cols], gathered by row, kept as
/// stored. vector: one row, always float32.
enum class WeightRole : std::uint8_t { matrix, table, vector };

/// Some consecutive rows of a weight, from one tensor. A weight of several parts is a fusion of tensors.
struct WeightPart {
  std::string tensor;  ///< canonical name
  std::int64_t rows = 0;
};

/// How a missing head is made: N(0, deviation) with a seed that depends on the tensor's name alone, or zeros.
struct Initializer {
  float deviation = 0;
};

struct Weight {
  std::string name;
  WeightRole role = WeightRole::matrix;
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;
  std::vector<WeightPart> parts;
  std::optional<Initializer> if_missing;  ///< empty: the weight is required
};

struct EmbedOp {
  WeightId words = kNone, positions = kNone, types = kNone;
  ValueId ids = kNone, position_ids = kNone, type_ids = kNone, out = kNone;
};
struct LayerNormOp {
  ValueId x = kNone, residual = kNone;
  WeightId gamma = kNone, beta = kNone;
  float epsilon = 0;
  ValueId out = kNone;
};
struct LinearOp {
  ValueId x = kNone;
  WeightId weight = kNone, bias = kNone;
  Activation activation = Activation::none;
  ValueId out = kNone;
};
struct AttentionOp {
  ValueId qkv = kNone, text_starts = kNone;
  std::int64_t heads = 0, head_dim = 0;
  float scale = 1;
  ValueId out = kNone;
};
/// Row 0 of every text: out[b] = x[text_starts[b]].
struct GatherFirstOp {
  ValueId x = kNone, text_starts = kNone, out = kNone;
};
using Op = std::variant<EmbedOp, LayerNormOp, LinearOp, AttentionOp, GatherFirstOp>;

/// A group of ops that is placed as one: the embeddings, a layer, the head.
struct Block {
  std::string name;
  std::vector<Op> ops;
};

/// The network as blocks of ops over values and weights. Immutable once built.
struct Program {
  std::vector<Value> values;
  std::vector<Weight> weights;
  std::vector<Block> blocks;
  ValueId ids = kNone, position_ids = kNone, type_ids = kNone, text_starts = kNone;  ///< inputs
  ValueId logits = kNone;                                                            ///< output, [texts, labels], float32
  std::int64_t head_dim = 0;

  /// Multiply-adds x 2 of a pass over texts of `tokens_each` tokens.
  double pass_flops(std::int64_t texts, std::int64_t tokens_each) const;
  std::size_t op_count() const;  ///< of all blocks
};

/// The few values or weights that an op names; those that it has not, kNone, are left out. Takes nothing from the heap: who plans asks for
/// them millions of times.
class OpIds {
 public:
  OpIds(std::initializer_list<std::int32_t> ids) {
    for (const std::int32_t id : ids)
      if (id != kNone) push_back(id);
  }
  const std::int32_t* begin() const { return ids_.data(); }
  const std::int32_t* end() const { return ids_.data() + count_; }
  std::size_t size() const { return count_; }
  void push_back(std::int32_t id) { ids_.at(count_++) = id; }

 private:
  std::array<std::int32_t, 4> ids_{};
  std::size_t count_ = 0;
};

/// Every value that `op` reads and the one that it writes.
struct OpValues {
  OpIds reads;
  ValueId writes = kNone;
};
OpValues op_values(const Op& op);

/// Every weight that `op` uses.
OpIds op_weights(const Op& op);

/// Gives what `op` names the numbers that `values` and `weights` have in the places of the old ones.
void renumber(Op& op, std::span<const ValueId> values, std::span<const WeightId> weights);

struct ArchSpec;
/// An encoder with a classification head on the pooled first token.
Program encoder_program(const ArchSpec& spec);

}  // namespace plimsoll
