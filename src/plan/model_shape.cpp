#include "plan/model_shape.h"

#include "plan/digest.h"

namespace plimsoll {

std::uint64_t model_shape(const Program& program, const Binding& binding) {
  Digest digest;
  digest.add(program.head_dim, program.blocks.size(), program.values.size(), program.weights.size());
  for (const Block& block : program.blocks) digest.add(block.ops.size());
  for (const Value& value : program.values) digest.add(value.rows, value.cols, value.type, value.lifetime);
  for (std::size_t i = 0; i < program.weights.size(); ++i) {
    const Weight& weight = program.weights[i];
    digest.add(weight.role, weight.outputs, weight.inputs, weight.parts.size());
    for (const WeightPart& part : weight.parts) digest.add(part.rows);
    for (const BoundPart& part : binding.weights[i]) digest.add(part.type, part.tensor != nullptr);
  }
  return digest.value();
}

}  // namespace plimsoll
