#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "checkpoint/file_type.h"

namespace plimsoll {

/// One tensor of a checkpoint. The views live as long as the checkpoint.
struct TensorInfo {
  std::string_view name;
  std::span<const std::int64_t> shape;  ///< outermost first, row-major; empty for a scalar; a size may be 0
  std::uint64_t offset = 0;             ///< of the first byte in its file, from which on it is row-major; need not be aligned
  std::uint64_t bytes = 0;              ///< exactly the product of the shape times the element's bits, over 8
  std::uint32_t file = 0;               ///< index into the checkpoint's files
  FileType type = FileType::f32;
  std::uint16_t shard = 0;  ///< the file of the folder that it is in: `file`, unless that is a StridedFile
};

}  // namespace plimsoll
