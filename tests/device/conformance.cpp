#include "device/conformance.h"

#include "device/cpu/cpu_device.h"
#include "device/sim/sim_device.h"

namespace plimsoll::test {
namespace {

constexpr int kThreads = 2;

template <typename T>
T must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(message(result.error()));
  return std::move(result).value();
}

}  // namespace

namespace {

std::unique_ptr<Device> make_cpu(Os& os, ThreadPool& pool, Bytes memory) {
  return std::make_unique<CpuDevice>(CpuDevice::Options{&os, &pool, detect_cpu_features(), memory});
}

std::unique_ptr<Device> make_sim(Os& os, ThreadPool& pool, Bytes memory) {
  SimSpec spec;
  spec.memory = memory;
  return must(SimDevice::create({&os, &pool, detect_cpu_features(), spec}));
}

}  // namespace

std::vector<BackEnd> back_ends() {
  std::vector<BackEnd> all = {{"cpu", make_cpu, cpu_workspace_bytes}, {"sim", make_sim, cpu_workspace_bytes}};
  for (const BackEnd& cuda : cuda_back_ends()) all.push_back(cuda);
  return all;
}

std::string back_end_name(const ::testing::TestParamInfo<BackEnd>& info) { return info.param.name; }

ConformanceTest::ConformanceTest() : os_(make_os(gate_)) {
  pool_ = must(ThreadPool::create(*os_, kThreads));
  device_ = GetParam().make(*os_, *pool_, kMemory);
  memory_ = must(device_->allocate(kTaken));
  const WorkspaceNeeds needs{.largest_inputs = 2048, .longest_text = 600, .head_dim = 128, .threads = kThreads};
  const auto workspace = static_cast<std::size_t>(GetParam().workspace_bytes(needs));
  kernels_ = must(device_->make_kernels(needs, {take(workspace), workspace}));
  compute_ = must(device_->make_stream(StreamKind::compute));
  in_ = must(device_->make_stream(StreamKind::copy_in));
  out_ = must(device_->make_stream(StreamKind::copy_out));
}

std::byte* ConformanceTest::take(std::size_t size) {
  const std::size_t at = taken_;
  taken_ += (size + 63) / 64 * 64;
  if (taken_ > memory_->bytes().size()) throw std::runtime_error("the test takes more memory than the fixture has");
  return memory_->bytes().data() + at;
}

std::byte* ConformanceTest::put(std::span<const std::byte> bytes) {
  std::byte* there = take(bytes.size());
  device_->copy_in(*in_, there, bytes);
  const Status copied = device_->synchronize(*in_);
  EXPECT_TRUE(copied.ok());
  return there;
}

MatrixView ConformanceTest::put(const Matrix& matrix) {
  MatrixView view = matrix.view();
  view.data = put({matrix.data(), static_cast<std::size_t>(view.rows * view.cols) * element_bytes(view.type)});
  return view;
}

WeightView ConformanceTest::put_weight(const Matrix& matrix) {
  WeightView weight = matrix.weight();
  weight.data = put(matrix).data;
  return weight;
}

WeightView ConformanceTest::put_prepared(const Matrix& matrix, WeightForm form) {
  const std::int64_t outputs = matrix.row_count();
  std::byte* there = take(static_cast<std::size_t>(weight_bytes(form, outputs, matrix.cols())));
  const Status prepared = run(PrepareStep{put(matrix).data, matrix.type(), outputs, matrix.cols(), 0, outputs, form, there});
  EXPECT_TRUE(prepared.ok()) << message(prepared.error());
  return WeightView{there, form, outputs, matrix.cols()};
}

MatrixView ConformanceTest::take_matrix(std::int64_t rows, std::int64_t cols, ElementType type) {
  return MatrixView{take(static_cast<std::size_t>(rows * cols) * element_bytes(type)), rows, cols, cols, type};
}

Status ConformanceTest::run(const Step& step) {
  kernels_->enqueue(*compute_, step);
  return kernels_->synchronize(*compute_);
}

Matrix ConformanceTest::get(const MatrixView& view) {
  Matrix here(view.rows, view.cols, view.type);
  device_->copy_out(*out_, {here.data(), static_cast<std::size_t>(view.rows * view.cols) * element_bytes(view.type)}, view.data);
  const Status copied = device_->synchronize(*out_);
  EXPECT_TRUE(copied.ok()) << message(copied.error());
  return here;
}

}  // namespace plimsoll::test
