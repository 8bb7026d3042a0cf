#include "plan/candidates/residency.h"

#include <algorithm>
#include <array>

namespace plimsoll {
namespace {

// Neighbours change places: bits, then pairs of them, then fours, and so on.
std::uint64_t reversed_bits(std::uint64_t number) {
  constexpr std::array<std::uint64_t, 6> kFirstOfTwo = {0x5555555555555555U, 0x3333333333333333U, 0x0f0f0f0f0f0f0f0fU,
                                                        0x00ff00ff00ff00ffU, 0x0000ffff0000ffffU, 0x00000000ffffffffU};
  for (unsigned i = 0; i < kFirstOfTwo.size(); ++i) {
    const std::uint64_t mask = kFirstOfTwo[i];
    number = ((number >> (1U << i)) & mask) | ((number & mask) << (1U << i));
  }
  return number;
}

bool has_streamable_matrix(const Block& block, const Program& program, const Binding& binding) {
  for (const Op& op : block.ops) {
    for (const WeightId id : op_weights(op)) {
      const auto i = static_cast<std::size_t>(id);
      if (can_stream(program.weights[i], binding.weights[i])) return true;
    }
  }
  return false;
}

}  // namespace

bool can_stream(const Weight& weight, const std::vector<BoundPart>& parts) {
  if (weight.role != WeightRole::matrix) return false;
  return std::all_of(parts.begin(), parts.end(), [](const BoundPart& part) { return part.tensor != nullptr; });
}

WeightId gatherable_table(const Program& program, const Binding& binding) {
  if (program.blocks.empty() || program.blocks.front().ops.empty()) return kNone;
  const auto* embed = std::get_if<EmbedOp>(&program.blocks.front().ops.front());
  if (embed == nullptr) return kNone;
  const std::vector<BoundPart>& parts = binding.weights[static_cast<std::size_t>(embed->words)];
  return parts.size() == 1 && parts.front().tensor != nullptr ? embed->words : kNone;
}

std::vector<bool> streamable_blocks(const Program& program, const Binding& binding) {
  std::vector<bool> streamable(program.blocks.size());
  for (std::size_t b = 0; b < streamable.size(); ++b) streamable[b] = has_streamable_matrix(program.blocks[b], program, binding);
  return streamable;
}

std::vector<std::int64_t> residency_order(const Program& program, const Binding& binding) {
  const std::vector<bool> streamable = streamable_blocks(program, binding);
  std::vector<std::int64_t> order;
  for (std::size_t b = 0; b < streamable.size(); ++b) {
    if (streamable[b]) order.push_back(static_cast<std::int64_t>(b));
  }
  sort_by_residency(order);
  return order;
}

void sort_by_residency(std::vector<std::int64_t>& blocks) {
  std::sort(blocks.begin(), blocks.end(), [](std::int64_t a, std::int64_t b) {
    return reversed_bits(static_cast<std::uint64_t>(a)) < reversed_bits(static_cast<std::uint64_t>(b));
  });
}

}  // namespace plimsoll
