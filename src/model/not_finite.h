#pragma once

#include <plimsoll/cancel.h>
#include <plimsoll/model.h>

namespace plimsoll {

/// Most bytes of weights that not_finite looks at: a second or two. Of tensors whose values a file has in another order, each counts as
/// 128.
inline constexpr Bytes kLookedAt = mib(1024);

/// The `corrupt_file` error of a model whose logits are NaN or infinite. Reads the weights, those tensors first that are read quickest, up
/// to `most`, and names the first value that is no number: a model is checked when it has failed, not each time that it is opened. Where it
/// finds none, it names the largest, which most often is what overflowed, and says how far it looked. `cancelled` once `cancel`, which may
/// be null, is set.
Error not_finite(const Model& model, const CancelToken* cancel, Bytes most = kLookedAt);

}  // namespace plimsoll
