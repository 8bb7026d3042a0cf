#pragma once

#include <plimsoll/model.h>

namespace plimsoll {

/// The `corrupt_file` error of a model whose logits are NaN or infinite. Reads the weights' files through, once, and names the first
/// value that is no number: a model is checked when it has failed, not each time that it is opened. Where all are numbers, it names the
/// largest, which most often is what overflowed.
Error not_finite(const Model& model);

}  // namespace plimsoll
