#pragma once

#include <cstddef>
#include <cstdint>

namespace plimsoll::cuda {

/// What kernels and those who launch them agree on.
inline constexpr int kRowThreads = 256;        ///< of a block that has a row, or a run of elements
inline constexpr int kLinearThreads = 256;     ///< 16 x 16, each with 4 x 4 elements of a tile
inline constexpr int kLinearTile = 64;         ///< rows and outputs of a block's tile
inline constexpr int kLinearDepth = 16;        ///< k that are in shared memory at once
inline constexpr int kAttentionThreads = 128;  ///< four for each query, or a warp for each 16
inline constexpr int kFloatQueries = 32;       ///< of a block of attention in float32; as many keys at once
inline constexpr int kTensorQueries = 64;      ///< of a block of attention on tensor cores; as many keys at once

/// Blocks of a launch; none where there is nothing to do. `y` is at most 65535.
struct Grid {
  std::int64_t x = 0;
  std::int64_t y = 1;
  std::size_t shared_bytes = 0;
  bool empty() const { return x <= 0 || y <= 0; }
  bool launchable() const { return x <= 0x7fffffff && y <= 65535; }
};

constexpr std::int64_t blocks_for(std::int64_t count, std::int64_t each) { return (count + each - 1) / each; }

/// Block x has a row.
constexpr Grid row_grid(std::int64_t rows) { return {rows, 1, 0}; }
/// Thread i of all has element i.
constexpr Grid element_grid(std::int64_t elements) { return {blocks_for(elements, kRowThreads), 1, 0}; }
/// Block (x, y) has tile x of the rows and tile y of the outputs.
constexpr Grid linear_grid(std::int64_t rows, std::int64_t outputs) {
  return {blocks_for(rows, kLinearTile), blocks_for(outputs, kLinearTile), 0};
}

/// Block (x, y) has a block of queries and head y. Query blocks of text b are numbered from (start of b) / queries + b on, so that a number
/// finds its text by bisection, without the host reading where texts begin; some numbers have no block.
constexpr Grid attention_grid(std::int64_t tokens, std::int64_t texts, std::int64_t heads, std::int64_t queries, std::size_t shared_bytes) {
  return {tokens > 0 && texts > 0 ? tokens / queries + texts : 0, heads, shared_bytes};
}

/// Floats from one row to the next in shared memory: odd, so that threads of different rows meet in no bank.
constexpr std::int64_t float_pitch(std::int64_t head_dim) { return head_dim | 1; }
/// Queries, keys or values, sums, and scores of a block of attention in float32.
constexpr std::size_t float_attention_bytes(std::int64_t head_dim) {
  return static_cast<std::size_t>(kFloatQueries * (3 * float_pitch(head_dim) + kFloatQueries + 1)) * sizeof(float);
}

/// Widest head that attention on tensor cores is compiled for; narrower ones are filled up with zeros.
inline constexpr std::int64_t kTensorHeadDims[] = {32, 64, 128};

/// The least of those that has room for `head_dim`; 0 where none has.
constexpr std::int64_t tensor_head_dim(std::int64_t head_dim) {
  for (const std::int64_t width : kTensorHeadDims) {
    if (head_dim <= width) return width;
  }
  return 0;
}

}  // namespace plimsoll::cuda
