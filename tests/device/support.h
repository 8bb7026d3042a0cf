#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <plimsoll/os.h>

#include "device/cpu/cpu_kernels.h"
#include "platform/thread_pool.h"

namespace plimsoll::test {

/// Numbers that are the same everywhere: a 64-bit congruential generator.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed * 2 + 1) {}
  std::uint32_t bits();
  /// Evenly spread in [-1, 1).
  float uniform() { return static_cast<float>(static_cast<std::int32_t>(bits())) * 0x1p-31F; }
  std::int64_t below(std::int64_t n) { return bits() % n; }

 private:
  std::uint64_t state_;
};

/// A row-major matrix of any float type, with memory of its own that ends exactly where the matrix ends.
class Matrix {
 public:
  Matrix(std::int64_t rows, std::int64_t cols, ElementType type = ElementType::float32, std::int64_t stride = 0, std::int64_t offset = 0);
  static Matrix random(Numbers& numbers, std::int64_t rows, std::int64_t cols, ElementType type = ElementType::float32);

  MatrixView view() const;
  /// The view of rows [begin, end).
  MatrixView rows(std::int64_t begin, std::int64_t end) const;
  WeightView weight() const;
  std::byte* data() const { return bytes_.get() + offset_; }
  double at(std::int64_t row, std::int64_t col) const;
  void set(std::int64_t row, std::int64_t col, float value);
  std::int64_t row_count() const { return rows_; }
  std::int64_t cols() const { return cols_; }
  ElementType type() const { return type_; }
  std::span<const std::byte> row_bytes(std::int64_t row) const;

 private:
  std::byte* element(std::int64_t row, std::int64_t col) const;

  std::int64_t rows_;
  std::int64_t cols_;
  std::int64_t stride_;
  std::int64_t offset_;
  ElementType type_;
  std::unique_ptr<std::byte[]> bytes_;
};

/// Same type, shape and bits, and no value that is not a number.
::testing::AssertionResult same_bits(const Matrix& a, const Matrix& b);

/// Kernels with a pool and a workspace of exactly the planned size.
class Cpu {
 public:
  Cpu(CpuFeatures features, WorkspaceNeeds needs);
  ~Cpu();
  /// Runs one step and reports its error.
  Status run(const Step& step);
  std::span<std::byte> workspace() { return workspace_; }

 private:
  Gate gate_;
  std::unique_ptr<Os> os_;
  std::unique_ptr<ThreadPool> pool_;
  std::vector<std::byte> memory_;
  std::span<std::byte> workspace_;
  std::unique_ptr<CpuKernels> kernels_;
  CpuStream stream_;
};

/// Needs that every test step fits into.
WorkspaceNeeds wide_needs(int threads);

/// A weight brought into `form` by PrepareStep.
struct Prepared {
  std::vector<std::byte> bytes;
  WeightView view;
};
Prepared prepare(Cpu& cpu, const Matrix& weight, WeightForm form);

/// Relative rounding error of a stored type: 2^-24, 2^-8 or 2^-11.
double unit_roundoff(ElementType type);

/// Every test of kernels runs once for each feature set; those the processor lacks are skipped, saying so.
class KernelTest : public ::testing::TestWithParam<CpuFeatures> {
 protected:
  void SetUp() override;
  CpuFeatures features() const { return GetParam(); }
};

std::string features_test_name(const ::testing::TestParamInfo<CpuFeatures>& info);

inline constexpr CpuFeatures kAllFeatures[] = {{Isa::portable, false}, {Isa::avx2, false}, {Isa::avx512, false}, {Isa::avx512, true}};

}  // namespace plimsoll::test
