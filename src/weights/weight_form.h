#pragma once

#include <cstdint>

#include "weights/element_type.h"

namespace plimsoll {

/// Number of outputs (rows of a [N, K] matrix) that one panel holds.
inline constexpr std::int64_t kPanelOutputs = 64;

/// Where the elements of a [N, K] matrix lie in memory. Layouts are ours: no library's opaque one.
enum class WeightLayout : std::uint8_t {
  /// Row-major [N, K], as the file stores it.
  rows,
  /// Panels of 64 outputs x full K, one after the other. Inside a panel elements are k-major: for float32 and
  /// float16 [K][64]; for bfloat16 [ceil(K/2)][64][2] (an odd K is padded with zero), the order in which
  /// dot-product instructions read pairs. Outputs beyond N in the last panel are zero.
  panels,
};

/// How a weight is held: element type and layout. int8 and int4 will add group and sidecars here.
struct WeightForm {
  ElementType type = ElementType::float32;
  WeightLayout layout = WeightLayout::rows;
  friend bool operator==(const WeightForm&, const WeightForm&) = default;
};

/// Bytes that a [outputs, inputs] matrix takes in `form`. The caller has bounded the shape by the file's size, so
/// the product cannot overflow. Panels round outputs up to 64 and, for bfloat16, inputs up to an even number.
std::int64_t weight_bytes(WeightForm form, std::int64_t outputs, std::int64_t inputs);

}  // namespace plimsoll
