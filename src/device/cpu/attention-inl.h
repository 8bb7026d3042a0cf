#pragma once

#include <limits>

#include "device/cpu/kernel_table.h"
#include "device/cpu/math-inl.h"
#include "device/cpu/pack-inl.h"
#include "device/cpu/tile-inl.h"
#include "device/cpu/work.h"

namespace plimsoll::cpu {

/// One attention item in float32 sums, block by block of 256 keys from the text's first key on (the online softmax of
/// Milakov & Gimelshein, arXiv:1805.02867): a query's result is a function of its text alone.
template <typename Dot>
class AttentionWork {
 public:
  AttentionWork(const AttentionStep& step, const AttentionItem& item, std::byte* scratch)
      : step_(step), item_(item), scratch_(scratch), at_(attention_scratch(item.text_end - item.text_begin, step.head_dim)) {}

  void run() {
    const std::int64_t keys = item_.text_end - item_.text_begin;
    for (std::int64_t first = 0; first < keys; first += kKeyBlock) {
      first_ = first;
      keys_ = std::min(kKeyBlock, keys - first);
      pack_keys();
      pack_values();
      score();
      soften();
      add_values();
    }
    finish();
  }

 private:
  using Simd = typename Dot::Simd;
  using Vector = typename Simd::Vector;
  static constexpr auto kType = Dot::kPairs ? ElementType::bfloat16 : ElementType::float32;
  static constexpr auto kSize = static_cast<std::int64_t>(element_bytes(kType));

  std::int64_t queries() const { return item_.query_end - item_.query_begin; }
  std::int64_t dim_units() const { return Dot::kPairs ? (step_.head_dim + 1) / 2 : step_.head_dim; }
  std::int64_t key_units() const { return Dot::kPairs ? (keys_ + 1) / 2 : keys_; }
  std::int64_t score_stride() const { return (at_.sums - at_.scores) / 4 / std::min(kQueryRows, item_.text_end - item_.text_begin); }
  float* floats(std::int64_t offset) const { return reinterpret_cast<float*>(scratch_ + offset); }
  float* score_row(std::int64_t row) const { return floats(at_.scores) + row * score_stride(); }
  std::int64_t sum_stride() const { return round_up(step_.head_dim, kProductColumns); }

  /// Row `row` of queries (part 0), keys (1) or values (2) of this head.
  const std::byte* qkv(std::int64_t part, std::int64_t row) const {
    return step_.qkv.data + (row * step_.qkv.stride + (part * step_.heads + item_.head) * step_.head_dim) * kSize;
  }

  void pack_keys() {
    RowBlock block;
    block.stride = step_.qkv.stride * kSize;
    block.elements = step_.head_dim;
    for (std::int64_t key = 0; key < keys_; key += kProductColumns) {
      block.data = qkv(1, item_.text_begin + first_ + key);
      block.rows = std::min(kProductColumns, keys_ - key);
      std::byte* panel = scratch_ + at_.keys + key / kProductColumns * dim_units() * kPanelRowBytes;
      pack_block<Simd, kType, Dot::kPairs>(block, 0, dim_units(), block.rows, panel);
    }
  }

  void pack_values() {
    for (std::int64_t column = 0; column < step_.head_dim; column += kProductColumns) {
      const std::int64_t width = std::min(kProductColumns, step_.head_dim - column);
      std::byte* panel = scratch_ + at_.values + column / kProductColumns * key_units() * kPanelRowBytes;
      for (std::int64_t unit = 0; unit < key_units(); ++unit, panel += kPanelRowBytes) pack_value_row(unit, column, width, panel);
    }
  }

  void pack_value_row(std::int64_t unit, std::int64_t column, std::int64_t width, std::byte* out) {
    const std::int64_t row = item_.text_begin + first_ + (Dot::kPairs ? 2 * unit : unit);
    const std::byte* value = qkv(2, row) + column * kSize;
    const bool has_odd = Dot::kPairs && row + 1 < item_.text_begin + first_ + keys_;
    for (std::int64_t c = 0; c < width; c += Simd::kLanes) {
      if constexpr (Dot::kPairs) {
        const auto even = Simd::load_bfloat16(value + c * kSize, width - c);
        const auto odd = has_odd ? Simd::load_bfloat16(value + step_.qkv.stride * kSize + c * kSize, width - c) : Simd::zero();
        Simd::store(out + c * kUnitBytes, Simd::pair_exact(even, odd));
      } else {
        Simd::store(out + c * kUnitBytes, Simd::load(value + c * kSize, width - c));
      }
    }
  }

  void score() {
    Product p;
    p.a = qkv(0, item_.query_begin);
    p.a_stride = step_.qkv.stride * kSize;
    p.half_unit = Dot::kPairs && step_.head_dim % 2 != 0;
    p.units = dim_units() - (p.half_unit ? 1 : 0);
    p.c_stride = score_stride();
    for (std::int64_t key = 0; key < keys_; key += kProductColumns) {
      p.b = scratch_ + at_.keys + key / kProductColumns * dim_units() * kPanelRowBytes;
      p.c = floats(at_.scores) + key;
      multiply<Dot>(p, queries(), std::min(kProductColumns, keys_ - key));
    }
  }

  void soften() {
    for (std::int64_t row = 0; row < queries(); ++row) soften_row(row);
  }

  /// Scores become e^(score - highest); sums of the earlier blocks are rescaled to the new highest score.
  void soften_row(std::int64_t row) {
    constexpr float kLowest = -std::numeric_limits<float>::infinity();
    float* scores = score_row(row);
    const auto scale = Simd::set(step_.scale);
    Vector high = Simd::set(kLowest);
    for (std::int64_t key = 0; key < keys_; key += Simd::kLanes) {
      const auto scaled = Simd::mul(Simd::load(scores + key), scale);
      Simd::store(scores + key, scaled);
      high = Simd::max(high, Simd::keep_first(scaled, keys_ - key, kLowest));
    }
    float& highest = floats(at_.highest)[row];
    const float before = highest;
    const float after = Simd::highest(high);
    highest = first_ > 0 && before > after ? before : after;
    const float total = exponentiate(scores, highest);
    float& sum = floats(at_.totals)[row];
    if (first_ == 0) {
      sum = total;
      return;
    }
    const auto factor = exponential<Simd>(Simd::set(before - highest));
    float lanes[Simd::kLanes];
    Simd::store(lanes, factor);
    sum = sum * lanes[0] + total;
    float* sums = floats(at_.sums) + row * sum_stride();
    for (std::int64_t c = 0; c < sum_stride(); c += Simd::kLanes) Simd::store(sums + c, Simd::mul(Simd::load(sums + c), factor));
  }

  /// Returns the sum. With Pairs the weights are rounded to bfloat16 in place, after they have been summed.
  float exponentiate(float* scores, float highest) {
    const auto high = Simd::set(highest);
    Vector total = Simd::zero();
    auto* narrowed = reinterpret_cast<std::byte*>(scores);
    for (std::int64_t key = 0; key < keys_; key += Simd::kLanes) {
      const auto weight = Simd::keep_first(exponential<Simd>(Simd::sub(Simd::load(scores + key), high)), keys_ - key, 0.0F);
      total = Simd::add(total, weight);
      if constexpr (Dot::kPairs) Simd::store_bfloat16(narrowed + key * kSize, weight, Simd::kLanes);
      else Simd::store(scores + key, weight);
    }
    return Simd::sum(total);
  }

  void add_values() {
    Product p;
    p.a = scratch_ + at_.scores;
    p.a_stride = score_stride() * 4;
    p.half_unit = Dot::kPairs && keys_ % 2 != 0;
    p.units = key_units() - (p.half_unit ? 1 : 0);
    p.c_stride = sum_stride();
    p.accumulate = first_ > 0;
    for (std::int64_t column = 0; column < step_.head_dim; column += kProductColumns) {
      p.b = scratch_ + at_.values + column / kProductColumns * key_units() * kPanelRowBytes;
      p.c = floats(at_.sums) + column;
      multiply<Dot>(p, queries(), std::min(kProductColumns, step_.head_dim - column));
    }
  }

  void finish() {
    const auto size = static_cast<std::int64_t>(element_bytes(step_.out.type));
    for (std::int64_t row = 0; row < queries(); ++row) {
      const auto total = Simd::set(floats(at_.totals)[row]);
      const float* sums = floats(at_.sums) + row * sum_stride();
      std::byte* out = step_.out.data + ((item_.query_begin + row) * step_.out.stride + item_.head * step_.head_dim) * size;
      for (std::int64_t c = 0; c < step_.head_dim; c += Simd::kLanes) {
        store_as<Simd>(step_.out.type, out + c * size, Simd::div(Simd::load(sums + c), total), step_.head_dim - c);
      }
    }
  }

  const AttentionStep& step_;
  const AttentionItem& item_;
  std::byte* scratch_;
  AttentionScratch at_;
  std::int64_t first_ = 0;  ///< first key of the block, from the text's start
  std::int64_t keys_ = 0;   ///< keys of the block
};

template <typename Dot>
void attention_item(const AttentionStep& step, const AttentionItem& item, std::byte* scratch) {
  AttentionWork<Dot>(step, item, scratch).run();
}

}  // namespace plimsoll::cpu
