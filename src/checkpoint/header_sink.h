#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <plimsoll/result.h>

#include "checkpoint/file_type.h"

namespace plimsoll {

/// Longest header that safetensors allows, in bytes.
inline constexpr std::uint64_t kHeaderLimit = 100'000'000;
/// Most dimensions of a tensor that we take (PyTorch's own limit).
inline constexpr std::size_t kMaxRank = 64;

/// One tensor of a file, already checked: what it spans lies within the file.
struct HeaderEntry {
  std::string_view name;
  FileType type = FileType::f32;
  std::span<const std::int64_t> shape;
  std::uint64_t offset = 0;  ///< of the first element's first byte in the file
  std::uint64_t bytes = 0;   ///< of all elements together; never more than the file has
  /// Of a tensor that is not row-major: elements from one to the next in each dimension, never negative. Empty for any other.
  std::span<const std::int64_t> strides = {};
};

/// Receives a file's tensors in the order of the file. Views are valid only during the call. An error ends the
/// reading; without a `where` it gets file and byte offset.
class HeaderSink {
 public:
  virtual ~HeaderSink() = default;
  virtual Status on_tensor(const HeaderEntry& entry) = 0;
  /// A key of safetensors' `__metadata__`; its value is text and is not kept.
  virtual Status on_metadata(std::string_view key) = 0;
};

}  // namespace plimsoll
