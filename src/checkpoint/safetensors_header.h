#pragma once

#include <cstdint>
#include <span>

#include <plimsoll/os.h>

#include "checkpoint/header_sink.h"
#include "checkpoint/tensor_info.h"
#include "hub/opening.h"

namespace plimsoll {

/// Where the tensors' data begins: 8 plus the header's length. Checks the length, the first byte and the padding.
Result<std::uint64_t> safetensors_data_start(File& file);

/// Reads the header of a safetensors file and checks each entry by itself: known fields, each once; known type; sizes
/// and offsets that do not overflow; a byte range within the file and as long as the shape says. What takes all entries
/// together (repeated names, holes, overlaps, the exact end) is left to the receiver. Takes the header off `opening`. Fails with
/// `corrupt_file` (`unsupported` for an unknown type or more than 64 dimensions) naming the tensor and the byte offset, and as `opening`.
/// Format: https://github.com/huggingface/safetensors#format
Status read_safetensors_header(File& file, HeaderSink& sink, Opening& opening);

/// What takes all entries of a file together, `tensors` sorted by offset: the data begin at the first byte after the header, have no holes
/// or overlaps, and end with the file.
Status check_safetensors_layout(File& file, std::span<const TensorInfo> tensors);

}  // namespace plimsoll
