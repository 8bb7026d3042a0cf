#pragma once

#include <cstddef>
#include <cstdint>

#include "device/step.h"

namespace plimsoll::cpu {

/// Panel `panel` of 64 outputs of a linear layer, for rows [row_begin, row_end) of x.
struct LinearItem {
  std::int64_t panel = 0;
  std::int64_t row_begin = 0;
  std::int64_t row_end = 0;
  std::int64_t next_panel = 0;  ///< the panel that the same thread will probably work on next, perhaps beyond the last
};

/// One head of the text in rows [text_begin, text_end), for the queries in rows [query_begin, query_end).
struct AttentionItem {
  std::int64_t head = 0;
  std::int64_t text_begin = 0;
  std::int64_t text_end = 0;
  std::int64_t query_begin = 0;
  std::int64_t query_end = 0;
};

/// The work of each step on one thread, compiled once for every instruction set. `scratch` is the thread's own part of
/// the workspace, laid out by work.h and aligned to 64 bytes. Shapes have been checked; nothing here can fail.
struct KernelTable {
  /// float32 activations; weights float32, float16, bfloat16 or float64, rows or panels (float64 only rows).
  void (*linear)(const LinearStep&, const LinearItem&, std::byte* scratch) = nullptr;
  void (*attention)(const AttentionStep&, const AttentionItem&, std::byte* scratch) = nullptr;
  /// bfloat16 activations multiplied natively; null where the processor cannot.
  void (*linear_bfloat16)(const LinearStep&, const LinearItem&, std::byte* scratch) = nullptr;
  void (*attention_bfloat16)(const AttentionStep&, const AttentionItem&, std::byte* scratch) = nullptr;
  /// Rows [begin, end) of out.
  void (*layer_norm)(const LayerNormStep&, std::int64_t begin, std::int64_t end) = nullptr;
  void (*embed)(const EmbedStep&, std::int64_t begin, std::int64_t end) = nullptr;
  /// Rows [begin, end) of the source; for panels `begin` is a multiple of 64.
  void (*prepare)(const PrepareStep&, std::int64_t begin, std::int64_t end) = nullptr;
  /// Multiplies in registers alone, `rounds` times; returns the number of floating-point operations done.
  double (*peak_float32)(std::int64_t rounds) = nullptr;
  double (*peak_bfloat16)(std::int64_t rounds) = nullptr;
  /// Reads `size` bytes (a multiple of 1024) from `data`; returns something that depends on all of them.
  float (*read)(const std::byte* data, std::int64_t size) = nullptr;
};

const KernelTable& portable_kernels();

}  // namespace plimsoll::cpu
