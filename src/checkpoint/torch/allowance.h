#pragma once

#include <cstdint>

#include <plimsoll/os.h>
#include <plimsoll/result.h>

namespace plimsoll::torch {

/// Longest pickle that is read: of some 40,000 tensors, in well under five seconds.
inline constexpr std::uint64_t kPickleLimit = std::uint64_t{8} << 20U;
/// Longest directory of an archive that is read: of some 100,000 entries.
inline constexpr std::uint64_t kDirectoryLimit = std::uint64_t{8} << 20U;

/// How many bytes of pickles and directories may still be read, in all files of a checkpoint together: each takes time and memory, and an
/// index can name one file a thousand times.
class Allowance {
 public:
  /// Takes `bytes` off; `unsupported`, naming `file`, where they are more than is left.
  Status take(std::uint64_t bytes, const File& file);

 private:
  std::uint64_t left_ = std::uint64_t{16} << 20U;
};

}  // namespace plimsoll::torch
