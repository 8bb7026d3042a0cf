#include "plan/model_shape.h"

namespace plimsoll {
namespace {

/// FNV-1a, of numbers.
class Digest {
 public:
  template <typename... Numbers>
  void add(Numbers... numbers) {
    (add_one(static_cast<std::uint64_t>(numbers)), ...);
  }
  std::uint64_t value() const { return value_; }

 private:
  void add_one(std::uint64_t number) {
    for (int byte = 0; byte < 8; ++byte) value_ = (value_ ^ ((number >> (8 * byte)) & 0xFFU)) * 0x100000001B3U;
  }

  std::uint64_t value_ = 0xCBF29CE484222325U;
};

}  // namespace

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
