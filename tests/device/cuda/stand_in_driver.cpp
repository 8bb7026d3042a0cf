#include "device/cuda/stand_in_driver.h"

#include <cstring>
#include <stdexcept>

#include "device/cuda/cuda_figures.h"

namespace plimsoll::test {
namespace {

template <typename T>
T must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(message(result.error()));
  return std::move(result).value();
}

}  // namespace

StandInTest::StandInTest() : os_(make_os(gate_)) {
  library_ = must(os_->load_library(PLIMSOLL_CUDA_STAND_IN));
  set_script_ = reinterpret_cast<void (*)(const char*)>(library_->find("cuda_stand_in_script"));
  figures_ = reinterpret_cast<CudaStandInFigures (*)()>(library_->find("cuda_stand_in_figures"));
  script("");
}

void StandInTest::TearDown() {
  script("");
  gate_.refuse({});
  const CudaStandInFigures left = figures();
  EXPECT_EQ(left.blocks, 0U);
  EXPECT_EQ(left.reserved, 0U);
  EXPECT_EQ(left.registered, 0U);
  EXPECT_EQ(left.contexts, 0U);
  EXPECT_EQ(left.streams, 0U);
}

CudaOptions StandInTest::options(std::optional<Bytes> memory) const {
  return {.os = os_.get(), .memory = memory, .driver = PLIMSOLL_CUDA_STAND_IN, .blas = {PLIMSOLL_CUDA_STAND_IN}};
}

std::unique_ptr<Device> StandInTest::open(const CudaOptions& options) { return must(open_cuda(options)).device; }

CudaStepTest::CudaStepTest() : device_(open()) {
  memory_ = must(device_->allocate(mib(40)));
  const WorkspaceNeeds needs{.largest_inputs = 4096, .longest_text = 4096, .head_dim = 200};
  const auto workspace = static_cast<std::size_t>(cuda_workspace_bytes(needs));
  kernels_ = must(device_->make_kernels(needs, {take(workspace), workspace}));
  stream_ = must(device_->make_stream(StreamKind::compute));
}

void CudaStepTest::TearDown() {
  stream_.reset();
  kernels_.reset();
  memory_.reset();
  device_.reset();
  StandInTest::TearDown();
}

std::byte* CudaStepTest::take(std::size_t bytes) {
  const std::size_t at = taken_;
  taken_ += (bytes + 63) / 64 * 64;
  if (taken_ > memory_->bytes().size()) throw std::runtime_error("the test takes more memory than the fixture has");
  return memory_->bytes().data() + at;
}

MatrixView CudaStepTest::put(const Matrix& matrix) {
  MatrixView view = matrix.view();
  const std::size_t bytes = matrix_bytes(view);
  std::byte* there = take(bytes);
  device_->copy_in(*stream_, there, {view.data, bytes});
  EXPECT_TRUE(device_->synchronize(*stream_).ok());
  view.data = there;
  return view;
}

WeightView CudaStepTest::put_weight(const Matrix& matrix) {
  WeightView weight = matrix.weight();
  weight.data = put(matrix).data;
  return weight;
}

const std::int32_t* CudaStepTest::put(const std::vector<std::int32_t>& values) {
  std::byte* there = take(values.size() * 4);
  device_->copy_in(*stream_, there, std::as_bytes(std::span(values)));
  EXPECT_TRUE(device_->synchronize(*stream_).ok());
  return reinterpret_cast<const std::int32_t*>(there);
}

MatrixView CudaStepTest::take_matrix(std::int64_t rows, std::int64_t cols, ElementType type) {
  return {take(static_cast<std::size_t>(rows * cols) * element_bytes(type)), rows, cols, cols, type};
}

Status CudaStepTest::run(const Step& step) {
  kernels_->enqueue(*stream_, step);
  return kernels_->synchronize(*stream_);
}

Matrix CudaStepTest::get(const MatrixView& view) {
  Matrix here(view.rows, view.cols, view.type);
  device_->copy_out(*stream_, {here.data(), matrix_bytes(here.view())}, view.data);
  EXPECT_TRUE(device_->synchronize(*stream_).ok());
  return here;
}

std::vector<std::byte> CudaStepTest::get_bytes(std::span<const std::byte> bytes) {
  std::vector<std::byte> here(bytes.size());
  device_->copy_out(*stream_, here, bytes.data());
  EXPECT_TRUE(device_->synchronize(*stream_).ok());
  return here;
}

}  // namespace plimsoll::test
