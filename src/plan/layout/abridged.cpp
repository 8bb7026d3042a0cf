#include "plan/layout/abridged.h"

#include <algorithm>
#include <optional>

#include "plan/layout/stage_program.h"

namespace plimsoll {
namespace {

class Abridger {
 public:
  Abridger(const Program& program, const Binding& binding) : program_(program), binding_(binding), touched_(touched_blocks(program)) {
    is_edge_.resize(program.blocks.size());
    for (const Touched& value : touched_) {
      crossing_before_.push_back(crossing_before_.empty() ? 0 : crossing_before_.back());
      if (!value.crosses()) continue;
      ++crossing_before_.back();
      is_edge_[static_cast<std::size_t>(value.first)] = is_edge_[static_cast<std::size_t>(value.last)] = true;
    }
  }

  Abridged abridge() {
    Abridged short_form;
    std::vector<const Block*> kept;
    for (std::size_t b = 0; b < program_.blocks.size(); ++b) {
      if (b == 0 || !are_alike(b - 1, b)) kept.push_back(&program_.blocks[b]);
      short_form.runs.push_back(static_cast<std::int32_t>(kept.size()) - 1);
    }
    keep_values(kept, short_form.program);
    keep_weights(kept, short_form);
    for (const Block* block : kept) {
      short_form.program.blocks.push_back({{}, block->ops});
      for (Op& op : short_form.program.blocks.back().ops) renumber(op, value_numbers_, weight_numbers_);
    }
    return short_form;
  }

 private:
  bool are_alike(std::size_t before, std::size_t block) const {
    if (is_edge_[before] || is_edge_[block]) return false;
    const std::vector<Op>& a = program_.blocks[before].ops;
    const std::vector<Op>& b = program_.blocks[block].ops;
    std::optional<ValueId> apart;  // by how much the numbers of all their own values differ
    return std::ranges::equal(a, b, [&](const Op& x, const Op& y) { return are_alike(x, y, apart); });
  }

  bool are_alike(const Op& a, const Op& b, std::optional<ValueId>& apart) const {
    if (a.index() != b.index()) return false;
    if (const auto* attention = std::get_if<AttentionOp>(&a)) {
      const auto& other = std::get<AttentionOp>(b);
      if (attention->heads != other.heads || attention->head_dim != other.head_dim) return false;
    }
    const auto alike_weights = [&](WeightId x, WeightId y) { return are_alike(x, y); };
    const auto alike_values = [&](ValueId x, ValueId y) { return stand_for_each_other(x, y, apart); };
    OpValues values_of_a = op_values(a);
    OpValues values_of_b = op_values(b);
    values_of_a.reads.push_back(values_of_a.writes);
    values_of_b.reads.push_back(values_of_b.writes);
    return std::ranges::equal(op_weights(a), op_weights(b), alike_weights) &&
           std::ranges::equal(values_of_a.reads, values_of_b.reads, alike_values);
  }

  bool are_alike(WeightId a, WeightId b) const {
    const Weight& x = program_.weights[static_cast<std::size_t>(a)];
    const Weight& y = program_.weights[static_cast<std::size_t>(b)];
    const auto alike_parts = [](const BoundPart& one, const BoundPart& other) {
      return one.type == other.type && (one.tensor == nullptr) == (other.tensor == nullptr);
    };
    return x.role == y.role && x.outputs == y.outputs && x.inputs == y.inputs &&
           std::ranges::equal(x.parts, y.parts, {}, &WeightPart::rows, &WeightPart::rows) &&
           std::ranges::equal(binding_.weights[static_cast<std::size_t>(a)], binding_.weights[static_cast<std::size_t>(b)], alike_parts);
  }

  // The same value, or one of each block alone: of the same shape, with the same ones that cross blocks before it.
  bool stand_for_each_other(ValueId a, ValueId b, std::optional<ValueId>& apart) const {
    const auto i = static_cast<std::size_t>(a);
    const auto j = static_cast<std::size_t>(b);
    if (touched_[i].crosses() || touched_[j].crosses()) return a == b;
    if (!apart) apart = b - a;
    const Value& x = program_.values[i];
    const Value& y = program_.values[j];
    return b - a == apart && crossing_before_[i] == crossing_before_[j] && x.rows == y.rows && x.cols == y.cols && x.type == y.type &&
           x.lifetime == Lifetime::op && y.lifetime == Lifetime::op;
  }

  void keep_values(const std::vector<const Block*>& kept, Program& program) {
    std::vector<bool> wanted(program_.values.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = outlives_stages(program_.values[i].lifetime) || touched_[i].crosses();
    for (const Block* block : kept) {
      for (const Op& op : block->ops) {
        OpValues used = op_values(op);
        used.reads.push_back(used.writes);
        for (const ValueId id : used.reads) wanted[static_cast<std::size_t>(id)] = true;
      }
    }
    value_numbers_.assign(wanted.size(), kNone);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!wanted[i]) continue;
      const Value& value = program_.values[i];
      value_numbers_[i] = static_cast<ValueId>(program.values.size());
      program.values.push_back({{}, value.rows, value.cols, value.type, value.lifetime});
    }
    const auto number = [&](ValueId id) { return id == kNone ? kNone : value_numbers_[static_cast<std::size_t>(id)]; };
    program.ids = number(program_.ids);
    program.position_ids = number(program_.position_ids);
    program.type_ids = number(program_.type_ids);
    program.text_starts = number(program_.text_starts);
    program.logits = number(program_.logits);
    program.head_dim = program_.head_dim;
  }

  void keep_weights(const std::vector<const Block*>& kept, Abridged& short_form) {
    weight_numbers_.assign(program_.weights.size(), kNone);
    for (const Block* block : kept) {
      for (const Op& op : block->ops) {
        for (const WeightId id : op_weights(op)) {
          const auto i = static_cast<std::size_t>(id);
          if (weight_numbers_[i] != kNone) continue;
          weight_numbers_[i] = static_cast<WeightId>(short_form.program.weights.size());
          const Weight& weight = program_.weights[i];
          short_form.program.weights.push_back({{}, weight.role, weight.outputs, weight.inputs, {}, {}});
          for (const WeightPart& part : weight.parts) short_form.program.weights.back().parts.push_back({{}, part.rows});
          short_form.binding.weights.push_back(binding_.weights[i]);
        }
      }
    }
  }

  const Program& program_;
  const Binding& binding_;
  std::vector<Touched> touched_;
  std::vector<bool> is_edge_;                  // by block: a value that crosses blocks begins or ends there
  std::vector<std::int32_t> crossing_before_;  // by value: how many there are with lower numbers, or its own
  std::vector<ValueId> value_numbers_;         // in the short form
  std::vector<WeightId> weight_numbers_;
};

}  // namespace

Abridged abridge(const Program& program, const Binding& binding) { return Abridger(program, binding).abridge(); }

}  // namespace plimsoll
