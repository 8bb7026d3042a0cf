#pragma once

#include "device/device.h"

namespace plimsoll::cuda {

/// How a linear layer is computed. A choice of types, layout, K and addresses alone, never of how many rows or outputs there are: so a row
/// has the same bits whatever is beside it.
struct LinearPath {
  bool blas = false;          ///< by cuBLASLt; otherwise by plimsoll_linear, which takes every form
  bool fused = false;         ///< bias and activation in cuBLASLt's epilogue, where it has one
  bool needs_finish = false;  ///< something follows the product, if the epilogue does not do it
};

/// cuBLASLt takes plain rows of one type on both sides, at multiples of 16 bytes. Its GELU is the tanh form, and of a precision that is
/// good enough for 16 bits alone.
LinearPath choose_path(const LinearStep& step);

}  // namespace plimsoll::cuda
