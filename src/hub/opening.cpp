#include "hub/opening.h"

#include <string>

namespace plimsoll {

Status Opening::take(std::uint64_t bytes, const File& file) {
  if (cancel_ != nullptr && cancel_->cancelled()) return Error{ErrorCode::cancelled, "stopped on request", file.path()};
  if (bytes > left_) {
    return Error{ErrorCode::corrupt_file,
                 std::to_string(bytes) + " bytes that describe the model, where " + std::to_string(left_) + " are left", file.path(),
                 "headers, index, settings and vocabulary may have " + std::to_string(kBytes) + " bytes in all (a pickle's count " +
                     std::to_string(kPickleCost) + " times), more than any real model's: download or save it again"};
  }
  left_ -= bytes;
  return {};
}

}  // namespace plimsoll
