#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <plimsoll/os.h>

#include "checkpoint/file_type.h"

namespace plimsoll {

/// One entry of a header, already checked: the byte range lies within the file, and its length is that of the shape.
struct HeaderEntry {
  std::string_view name;
  FileType type = FileType::f32;
  std::span<const std::int64_t> shape;
  std::uint64_t offset = 0;  ///< of the first byte in the file
  std::uint64_t bytes = 0;
};

/// Receives a header's entries in the order of the file. Views are valid only during the call. An error ends the
/// reading; without a `where` it gets file and byte offset.
class HeaderSink {
 public:
  virtual ~HeaderSink() = default;
  virtual Status on_tensor(const HeaderEntry& entry) = 0;
  /// A key of `__metadata__`; its value is text and is not kept.
  virtual Status on_metadata(std::string_view key) = 0;
};

/// Longest header that the format allows, in bytes.
inline constexpr std::uint64_t kSafetensorsHeaderLimit = 100'000'000;
/// Most dimensions of a tensor that we take (PyTorch's own limit).
inline constexpr std::size_t kMaxRank = 64;

/// Where the tensors' data begins: 8 plus the header's length. Checks the length, the first byte and the padding.
Result<std::uint64_t> safetensors_data_start(File& file);

/// Reads the header of a safetensors file and checks each entry by itself: known fields, each once; known type; sizes
/// and offsets that do not overflow; a byte range within the file and as long as the shape says. What takes all entries
/// together (repeated names, holes, overlaps, the exact end) is left to the receiver. Fails with `corrupt_file`
/// (`unsupported` for an unknown type or more than 64 dimensions) naming the tensor and the byte offset.
/// Format: https://github.com/huggingface/safetensors#format
Status read_safetensors_header(File& file, HeaderSink& sink);

}  // namespace plimsoll
