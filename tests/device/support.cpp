#include "device/support.h"

#include <cmath>
#include <cstring>

#include "weights/convert.h"

namespace plimsoll::test {

std::uint32_t Numbers::bits() {
  state_ = state_ * 6364136223846793005U + 1442695040888963407U;
  return static_cast<std::uint32_t>(state_ >> 32);
}

Matrix::Matrix(std::int64_t rows, std::int64_t cols, ElementType type, std::int64_t stride, std::int64_t offset)
    : rows_(rows), cols_(cols), stride_(stride > 0 ? stride : cols), offset_(offset), type_(type) {
  const auto size = static_cast<std::int64_t>(element_bytes(type));
  const std::int64_t elements = rows == 0 ? 0 : (rows - 1) * stride_ + cols;
  bytes_ = std::make_unique<std::byte[]>(static_cast<std::size_t>(elements * size + offset));
}

Matrix Matrix::random(Numbers& numbers, std::int64_t rows, std::int64_t cols, ElementType type) {
  Matrix m(rows, cols, type);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) m.set(r, c, numbers.uniform());
  }
  return m;
}

MatrixView Matrix::view() const { return MatrixView{data(), rows_, cols_, stride_, type_}; }

MatrixView Matrix::rows(std::int64_t begin, std::int64_t end) const {
  return MatrixView{element(begin, 0), end - begin, cols_, stride_, type_};
}

WeightView Matrix::weight() const { return WeightView{data(), WeightForm{type_, WeightLayout::rows}, rows_, cols_}; }

std::byte* Matrix::element(std::int64_t row, std::int64_t col) const {
  return data() + (row * stride_ + col) * static_cast<std::int64_t>(element_bytes(type_));
}

double Matrix::at(std::int64_t row, std::int64_t col) const {
  const std::byte* p = element(row, col);
  std::uint16_t half = 0;
  float single = 0;
  double value = 0;
  switch (type_) {
    case ElementType::float32: std::memcpy(&single, p, 4); return single;
    case ElementType::bfloat16: std::memcpy(&half, p, 2); return from_bfloat16(half);
    case ElementType::float16: std::memcpy(&half, p, 2); return from_float16(half);
    default: std::memcpy(&value, p, 8); return value;
  }
}

void Matrix::set(std::int64_t row, std::int64_t col, float value) {
  std::byte* p = element(row, col);
  const std::uint16_t half = type_ == ElementType::float16 ? to_float16(value) : to_bfloat16(value);
  const double wide = value;
  if (type_ == ElementType::float32) std::memcpy(p, &value, 4);
  else if (type_ == ElementType::float64) std::memcpy(p, &wide, 8);
  else std::memcpy(p, &half, 2);
}

std::span<const std::byte> Matrix::row_bytes(std::int64_t row) const {
  return {element(row, 0), static_cast<std::size_t>(cols_) * element_bytes(type_)};
}

::testing::AssertionResult same_bits(const Matrix& a, const Matrix& b) {
  if (a.row_count() != b.row_count() || a.cols() != b.cols() || a.type() != b.type())
    return ::testing::AssertionFailure() << "shapes differ";
  for (std::int64_t r = 0; r < a.row_count(); ++r) {
    for (std::int64_t c = 0; c < a.cols(); ++c) {
      if (std::isnan(a.at(r, c))) return ::testing::AssertionFailure() << "[" << r << ", " << c << "] is not a number";
    }
    if (std::memcmp(a.row_bytes(r).data(), b.row_bytes(r).data(), a.row_bytes(r).size()) == 0) continue;
    for (std::int64_t c = 0; c < a.cols(); ++c) {
      if (a.at(r, c) != b.at(r, c)) {
        return ::testing::AssertionFailure() << "[" << r << ", " << c << "]: " << a.at(r, c) << " and " << b.at(r, c) << " of "
                                             << a.row_count() << " x " << a.cols();
      }
    }
    return ::testing::AssertionFailure() << "row " << r << " differs in the sign of a zero";
  }
  return ::testing::AssertionSuccess();
}

Cpu::Cpu(CpuFeatures features, WorkspaceNeeds needs) : os_(make_os(gate_)) {
  pool_ = std::move(ThreadPool::create(*os_, needs.threads)).value();
  const auto bytes = static_cast<std::size_t>(cpu_workspace_bytes(needs));
  memory_.resize(bytes + 63);
  const auto misaligned = reinterpret_cast<std::uintptr_t>(memory_.data()) % 64;
  workspace_ = std::span(memory_).subspan(misaligned == 0 ? 0 : 64 - misaligned, bytes);
  kernels_ = std::move(CpuKernels::create(*pool_, features, needs, workspace_)).value();
}

Cpu::~Cpu() = default;

Status Cpu::run(const Step& step) {
  kernels_->enqueue(stream_, step);
  return kernels_->synchronize(stream_);
}

WorkspaceNeeds wide_needs(int threads) {
  return WorkspaceNeeds{.largest_inputs = 8192, .longest_text = 4096, .head_dim = 256, .threads = threads};
}

Prepared prepare(Cpu& cpu, const Matrix& weight, WeightForm form) {
  Prepared prepared;
  const std::int64_t rows = weight.row_count();
  prepared.bytes.resize(static_cast<std::size_t>(weight_bytes(form, rows, weight.cols())));
  prepared.view = WeightView{prepared.bytes.data(), form, rows, weight.cols()};
  const PrepareStep step{weight.data(), weight.type(), rows, weight.cols(), 0, rows, form, prepared.bytes.data()};
  const Status status = cpu.run(step);
  EXPECT_TRUE(status.ok()) << message(status.error());
  return prepared;
}

double unit_roundoff(ElementType type) {
  if (type == ElementType::bfloat16) return 0x1p-8;
  if (type == ElementType::float16) return 0x1p-11;
  return 0x1p-24;
}

void KernelTest::SetUp() {
  const CpuFeatures detected = detect_cpu_features();
  if (features().isa > detected.isa || (features().native_bfloat16 && !detected.native_bfloat16)) {
    GTEST_SKIP() << "this processor has " << cpu_features_name(detected) << ", not " << cpu_features_name(features());
  }
}

std::string features_test_name(const ::testing::TestParamInfo<CpuFeatures>& info) { return std::string(cpu_features_name(info.param)); }

}  // namespace plimsoll::test
