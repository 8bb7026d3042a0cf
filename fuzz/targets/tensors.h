#pragma once

#include "checkpoint/checkpoint.h"

namespace plimsoll::fuzz {

/// What must hold of the tensors of a checkpoint that was opened; `disjoint`: of one .safetensors file, in which none shares bytes.
void check_tensors(const Checkpoint& checkpoint, bool disjoint);

}  // namespace plimsoll::fuzz
