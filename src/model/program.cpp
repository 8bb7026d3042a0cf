#include "model/program.h"

namespace plimsoll {
namespace {

template <typename... Visitors>
struct Overload : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overload(Visitors...) -> Overload<Visitors...>;

}  // namespace

OpValues op_values(const Op& op) {
  return std::visit(Overload{
                        [](const EmbedOp& o) {
                          return OpValues{{o.ids, o.position_ids, o.type_ids}, o.out};
                        },
                        [](const LayerNormOp& o) {
                          return OpValues{{o.x, o.residual}, o.out};
                        },
                        [](const LinearOp& o) {
                          return OpValues{{o.x}, o.out};
                        },
                        [](const AttentionOp& o) {
                          return OpValues{{o.qkv, o.text_starts}, o.out};
                        },
                        [](const GatherFirstOp& o) {
                          return OpValues{{o.x, o.text_starts}, o.out};
                        },
                    },
                    op);
}

OpIds op_weights(const Op& op) {
  return std::visit(Overload{
                        [](const EmbedOp& o) {
                          return OpIds{o.words, o.positions, o.types};
                        },
                        [](const LayerNormOp& o) {
                          return OpIds{o.gamma, o.beta};
                        },
                        [](const LinearOp& o) {
                          return OpIds{o.weight, o.bias};
                        },
                        [](const AttentionOp&) { return OpIds{}; },
                        [](const GatherFirstOp&) { return OpIds{}; },
                    },
                    op);
}

void renumber(Op& op, std::span<const ValueId> values, std::span<const WeightId> weights) {
  const auto set = [](std::span<const std::int32_t> numbers, std::initializer_list<std::int32_t*> ids) {
    for (std::int32_t* id : ids)
      if (*id != kNone) *id = numbers[static_cast<std::size_t>(*id)];
  };
  std::visit(Overload{
                 [&](EmbedOp& o) {
                   set(weights, {&o.words, &o.positions, &o.types});
                   set(values, {&o.ids, &o.position_ids, &o.type_ids, &o.out});
                 },
                 [&](LayerNormOp& o) {
                   set(weights, {&o.gamma, &o.beta});
                   set(values, {&o.x, &o.residual, &o.out});
                 },
                 [&](LinearOp& o) {
                   set(weights, {&o.weight, &o.bias});
                   set(values, {&o.x, &o.out});
                 },
                 [&](AttentionOp& o) {
                   set(values, {&o.qkv, &o.text_starts, &o.out});
                 },
                 [&](GatherFirstOp& o) {
                   set(values, {&o.x, &o.text_starts, &o.out});
                 },
             },
             op);
}

std::size_t Program::op_count() const {
  std::size_t ops = 0;
  for (const Block& block : blocks) ops += block.ops.size();
  return ops;
}

double Program::pass_flops(std::int64_t texts, std::int64_t tokens_each) const {
  const auto tokens = static_cast<double>(texts * tokens_each);
  double flops = 0;
  for (const Block& block : blocks) {
    for (const Op& op : block.ops) {
      if (const auto* linear = std::get_if<LinearOp>(&op)) {
        const Weight& weight = weights[static_cast<std::size_t>(linear->weight)];
        const bool each_token = values[static_cast<std::size_t>(linear->out)].rows == Dim::tokens;
        flops += 2.0 * static_cast<double>(weight.outputs * weight.inputs) * (each_token ? tokens : static_cast<double>(texts));
      } else if (const auto* attention = std::get_if<AttentionOp>(&op)) {
        flops += 4.0 * tokens * static_cast<double>(tokens_each * attention->heads * attention->head_dim);
      }
    }
  }
  return flops;
}

}  // namespace plimsoll
