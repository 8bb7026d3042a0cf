#include "model/program.h"

#include <algorithm>

namespace plimsoll {
namespace {

template <typename... Visitors>
struct Overload : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overload(Visitors...) -> Overload<Visitors...>;

template <typename Id>
std::vector<Id> present(std::initializer_list<Id> ids) {
  std::vector<Id> kept;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(kept), [](Id id) { return id != kNone; });
  return kept;
}

}  // namespace

OpValues op_values(const Op& op) {
  return std::visit(Overload{
                        [](const EmbedOp& o) {
                          return OpValues{present({o.ids, o.position_ids, o.type_ids}), o.out};
                        },
                        [](const LayerNormOp& o) {
                          return OpValues{present({o.x, o.residual}), o.out};
                        },
                        [](const LinearOp& o) {
                          return OpValues{present({o.x}), o.out};
                        },
                        [](const AttentionOp& o) {
                          return OpValues{present({o.qkv, o.text_starts}), o.out};
                        },
                        [](const GatherFirstOp& o) {
                          return OpValues{present({o.x, o.text_starts}), o.out};
                        },
                    },
                    op);
}

std::vector<WeightId> op_weights(const Op& op) {
  return std::visit(Overload{
                        [](const EmbedOp& o) {
                          return present({o.words, o.positions, o.types});
                        },
                        [](const LayerNormOp& o) {
                          return present({o.gamma, o.beta});
                        },
                        [](const LinearOp& o) {
                          return present({o.weight, o.bias});
                        },
                        [](const AttentionOp&) { return std::vector<WeightId>{}; },
                        [](const GatherFirstOp&) { return std::vector<WeightId>{}; },
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
