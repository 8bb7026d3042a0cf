#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "device/cpu/simd_inline.h"
#include "device/device.h"
#include "device/step.h"

namespace plimsoll::cpu {

/// How steps are cut into work items and how much scratch an item takes. None of these numbers changes a result:
/// every element is summed in an order of K (or the text's length) alone.

inline constexpr std::int64_t kLinearRows = 256;      ///< most rows of an item of a linear layer whose weights are used in place
inline constexpr std::int64_t kPackedRows = 1024;     ///< the same where weights are packed first, once for all rows of the item
inline constexpr std::int64_t kAllPackedRows = 2048;  ///< of such items of all threads, which bounds their scratch
inline constexpr std::int64_t kPackUnits = 256;       ///< units of k packed into scratch at a time
inline constexpr std::int64_t kPanelUnits = 1024;     ///< units of k read at a time from a panel that is used in place
inline constexpr std::int64_t kQueryRows = 128;       ///< most queries of an attention item

/// Keys of one softmax block. The only one that shapes results: texts longer than this are summed block by block.
inline constexpr std::int64_t kKeyBlock = 256;

inline constexpr std::int64_t kScratchAlignment = 64;

[[gnu::always_inline]] inline constexpr std::int64_t round_up(std::int64_t n, std::int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

/// Whether the product reads this layer's weights where they lie: panels of the activations' type.
[[gnu::always_inline]] inline constexpr bool used_in_place(const LinearStep& step) {
  return step.weight.form == WeightForm{step.x.type, WeightLayout::panels};
}

/// Most rows of an item of a linear layer; never fewer where weights are packed than where they are used in place.
[[gnu::always_inline]] inline constexpr std::int64_t linear_rows(bool in_place, const WorkspaceNeeds& needs) {
  const std::int64_t packed = std::clamp(kAllPackedRows / std::max(1, needs.threads), kLinearRows, kPackedRows);
  const std::int64_t most = in_place ? kLinearRows : packed;
  return needs.tokens > 0 ? std::min(most, needs.tokens) : most;
}

/// Scratch of one linear item: packed units of k, then the sums.
struct LinearScratch {
  std::int64_t panel = 0;
  std::int64_t sums = 0;
  std::int64_t bytes = 0;
};
[[gnu::always_inline]] inline constexpr LinearScratch linear_scratch(std::int64_t rows, std::int64_t inputs) {
  LinearScratch at;
  at.sums = std::min(kPackUnits, inputs) * 256;
  at.bytes = at.sums + rows * 256;
  return at;
}

/// Scratch of one attention item: packed keys, packed values, scores, sums of values, and two floats a query.
struct AttentionScratch {
  std::int64_t keys = 0;
  std::int64_t values = 0;
  std::int64_t scores = 0;
  std::int64_t sums = 0;
  std::int64_t highest = 0;
  std::int64_t totals = 0;
  std::int64_t bytes = 0;
};
[[gnu::always_inline]] inline constexpr AttentionScratch attention_scratch(std::int64_t longest_text, std::int64_t head_dim) {
  const std::int64_t keys = std::min(kKeyBlock, round_up(longest_text, 64));
  const std::int64_t rows = std::min(kQueryRows, longest_text);
  const std::int64_t columns = round_up(head_dim, 64);
  AttentionScratch at;
  at.values = keys / 64 * head_dim * 256;
  at.scores = at.values + columns / 64 * keys * 256;
  at.sums = at.scores + rows * keys * 4;
  at.highest = at.sums + rows * columns * 4;
  at.totals = at.highest + round_up(rows * 4, kScratchAlignment);
  at.bytes = at.totals + round_up(rows * 4, kScratchAlignment);
  return at;
}

/// Scratch of one thread for any step within `needs`.
[[gnu::always_inline]] inline constexpr std::int64_t thread_scratch_bytes(const WorkspaceNeeds& needs) {
  const std::int64_t linear = linear_scratch(linear_rows(false, needs), needs.largest_inputs).bytes;
  const std::int64_t attention = needs.head_dim > 0 ? attention_scratch(needs.longest_text, needs.head_dim).bytes : 0;
  return round_up(std::max(linear, attention), kScratchAlignment);
}

}  // namespace plimsoll::cpu
