#include "checkpoint/torch/allowance.h"

namespace plimsoll::torch {

Status Allowance::take(std::uint64_t bytes, const File& file) {
  if (bytes > left_) {
    return Error{ErrorCode::unsupported, "the pickles and directories up to this file are larger than any real model's", file.path(),
                 "save only the weights: torch.save(model.state_dict(), path)"};
  }
  left_ -= bytes;
  return {};
}

}  // namespace plimsoll::torch
