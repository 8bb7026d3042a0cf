#pragma once

#include <cstdint>

#include <plimsoll/cancel.h>
#include <plimsoll/os.h>

namespace plimsoll {

/// The opening of one model: how much may still be read of the files that describe it, in all of them together, and whether it is to go on.
/// Headers, pickles, indexes, settings and vocabularies each take time and memory, and limits of each would add up.
class Opening {
 public:
  /// What safetensors allows one header; real models have less than 40 MB of all of them. Read in less than five seconds, whatever they
  /// are.
  static constexpr std::uint64_t kBytes = 100'000'000;
  /// As how many a byte of a pickle or an archive's directory counts: so much longer than one of JSON does it take.
  static constexpr std::uint64_t kPickleCost = 8;

  /// `cancel` may be null.
  explicit Opening(const CancelToken* cancel = nullptr) : cancel_(cancel) {}

  /// Before `file`, or `bytes` of it, is read. Fails with `corrupt_file` where that is more than is left, and with `cancelled`.
  Status take(std::uint64_t bytes, const File& file);
  const CancelToken* cancel() const { return cancel_; }

 private:
  const CancelToken* cancel_;
  std::uint64_t left_ = kBytes;
};

}  // namespace plimsoll
