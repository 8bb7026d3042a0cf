#pragma once

#include "device/cpu/kernel_table.h"
#include "device/cpu/pack-inl.h"

namespace plimsoll::cpu {

[[gnu::always_inline]] inline const std::byte* row_of(const MatrixView& m, std::int64_t row) {
  return m.data + row * m.stride * static_cast<std::int64_t>(element_bytes(m.type));
}

/// Normalises one row of x (+ residual): mean, then variance about the mean, then the result, in three passes over
/// what is by then in the first-level cache.
template <typename Simd>
class RowNorm {
 public:
  RowNorm(const LayerNormStep& step, std::int64_t row)
      : step_(step), x_(row_of(step.x, row)), residual_(step.residual.data != nullptr ? row_of(step.residual, row) : nullptr) {}

  void write(std::byte* out) const {
    const std::int64_t cols = step_.out.cols;
    const float mean = sum([](Vector v) { return v; }) / static_cast<float>(cols);
    const auto centre = Simd::set(mean);
    const float squares = sum([centre](Vector v) {
      const auto d = Simd::sub(v, centre);
      return Simd::mul(d, d);
    });
    const auto factor = Simd::set(1.0F / __builtin_sqrtf(squares / static_cast<float>(cols) + step_.epsilon));
    const auto size = static_cast<std::int64_t>(element_bytes(step_.out.type));
    for (std::int64_t c = 0; c < cols; c += Simd::kLanes) {
      const auto normal = Simd::mul(Simd::sub(value(c), centre), factor);
      const auto scaled = Simd::fma(normal, Simd::load(step_.gamma + c, cols - c), Simd::load(step_.beta + c, cols - c));
      store_as<Simd>(step_.out.type, out + c * size, scaled, cols - c);
    }
  }

 private:
  using Vector = typename Simd::Vector;

  [[gnu::always_inline]] inline Vector value(std::int64_t c) const {
    const std::int64_t n = step_.out.cols - c;
    const auto x = load_as_float<Simd>(step_.x.type, x_ + c * static_cast<std::int64_t>(element_bytes(step_.x.type)), n);
    if (residual_ == nullptr) return x;
    const auto offset = c * static_cast<std::int64_t>(element_bytes(step_.residual.type));
    return Simd::add(x, load_as_float<Simd>(step_.residual.type, residual_ + offset, n));
  }

  /// Sum of term(value) in four interleaved partial sums of vectors.
  template <typename Term>
  [[gnu::always_inline]] inline float sum(Term term) const {
    Vector partial[4] = {Simd::zero(), Simd::zero(), Simd::zero(), Simd::zero()};
    const std::int64_t cols = step_.out.cols;
    std::int64_t c = 0;
    for (; c + 4 * Simd::kLanes <= cols; c += 4 * Simd::kLanes) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) partial[i] = Simd::add(partial[i], term(value(c + i * Simd::kLanes)));
    }
    for (int i = 0; c < cols; c += Simd::kLanes, ++i) partial[i] = Simd::add(partial[i], Simd::keep_first(term(value(c)), cols - c, 0.0F));
    return Simd::sum(Simd::add(Simd::add(partial[0], partial[1]), Simd::add(partial[2], partial[3])));
  }

  const LayerNormStep& step_;
  const std::byte* x_;
  const std::byte* residual_;
};

template <typename Simd>
void layer_norm_rows(const LayerNormStep& step, std::int64_t begin, std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) {
    RowNorm<Simd>(step, row).write(step.out.data + row * step.out.stride * static_cast<std::int64_t>(element_bytes(step.out.type)));
  }
}

[[gnu::always_inline]] inline const std::byte* table_row(const WeightView& table, std::int64_t row) {
  return table.data + row * table.inputs * static_cast<std::int64_t>(element_bytes(table.form.type));
}

template <typename Simd>
[[gnu::always_inline]] inline typename Simd::Vector table_values(const WeightView& table, const std::byte* row, std::int64_t c,
                                                                 std::int64_t n) {
  return load_as_float<Simd>(table.form.type, row + c * static_cast<std::int64_t>(element_bytes(table.form.type)), n);
}

template <typename Simd>
void embed_rows(const EmbedStep& step, std::int64_t begin, std::int64_t end) {
  const auto size = static_cast<std::int64_t>(element_bytes(step.out.type));
  const std::int64_t cols = step.out.cols;
  for (std::int64_t row = begin; row < end; ++row) {
    const std::byte* word = table_row(step.words, step.ids != nullptr ? step.ids[row] : row);
    const std::byte* position = step.positions.data != nullptr ? table_row(step.positions, step.position_ids[row]) : nullptr;
    const std::byte* kind = step.types.data != nullptr ? table_row(step.types, step.type_ids[row]) : nullptr;
    std::byte* out = step.out.data + row * step.out.stride * size;
    for (std::int64_t c = 0; c < cols; c += Simd::kLanes) {
      const std::int64_t n = cols - c;
      auto value = table_values<Simd>(step.words, word, c, n);
      if (position != nullptr) value = Simd::add(value, table_values<Simd>(step.positions, position, c, n));
      if (kind != nullptr) value = Simd::add(value, table_values<Simd>(step.types, kind, c, n));
      store_as<Simd>(step.out.type, out + c * size, value, n);
    }
  }
}

}  // namespace plimsoll::cpu
