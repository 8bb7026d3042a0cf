#pragma once

#include <string>
#include <vector>

#include <plimsoll/result.h>

#include "checkpoint/checkpoint.h"
#include "model/arch_spec.h"
#include "model/program.h"

namespace plimsoll {

/// Which tensor of the checkpoint feeds one part of a weight; null: it is initialised instead.
struct BoundPart {
  const TensorInfo* tensor = nullptr;
  ElementType type = ElementType::float32;  ///< as stored; float32 when initialised
};

/// The parts of every weight of a Program, in the same order, all of one type within a weight.
struct Binding {
  std::vector<std::vector<BoundPart>> weights;
  std::vector<std::string> initialised;            ///< canonical names of the tensors that the checkpoint lacks
  ElementType stored_type = ElementType::float32;  ///< the type of most of the weight bytes
  std::int64_t parameters = 0;
  Bytes stored_bytes;
};

/// Finds each tensor under its own name, an old one (LayerNorm.gamma and .beta) or without the body's prefix, and checks its
/// shape against the spec. Fails with corrupt_file (a required tensor is missing, a shape differs, or the body has tensors that
/// the spec does not explain) and unsupported (an element type that is no float, a name that transformers takes for another's).
Result<Binding> bind_weights(const ArchSpec& spec, const Program& program, const Checkpoint& checkpoint);

}  // namespace plimsoll
