#pragma once

#include <cstring>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "device/device.h"
#include "device/support.h"

namespace plimsoll::test {

/// A back end that the conformance suite runs on. One more back end is one more line in back_ends().
struct BackEnd {
  const char* name;
  std::unique_ptr<Device> (*make)(Os& os, ThreadPool& pool, Bytes memory);
  std::int64_t (*workspace_bytes)(const WorkspaceNeeds&);
};
inline void PrintTo(const BackEnd& back_end, std::ostream* out) { *out << back_end.name; }
/// All that there are here: a GPU where one is found, or where PLIMSOLL_REQUIRE_CUDA is set; then its absence is a failure.
std::vector<BackEnd> back_ends();
/// Those of CUDA; none in a build without it.
std::vector<BackEnd> cuda_back_ends();
std::string back_end_name(const ::testing::TestParamInfo<BackEnd>& info);

/// What every back end must do alike: a device of 64 MiB, with kernels, a stream of each kind and some memory to take from.
class ConformanceTest : public ::testing::TestWithParam<BackEnd> {
 protected:
  static constexpr Bytes kMemory = mib(64);
  static constexpr Bytes kTaken = mib(24);  ///< by the fixture: workspace and what `take` gives

  ConformanceTest();

  Device& device() { return *device_; }
  Gate& gate() { return gate_; }
  Stream& compute() { return *compute_; }
  Stream& in() { return *in_; }
  Stream& out() { return *out_; }
  Kernels& kernels() { return *kernels_; }

  /// Device memory of `size` bytes at a multiple of 64, until the test ends.
  std::byte* take(std::size_t size);
  /// A copy on the device, there when this returns.
  std::byte* put(std::span<const std::byte> bytes);
  template <typename T>
  const T* put(const std::vector<T>& values) {
    return reinterpret_cast<const T*>(put(std::as_bytes(std::span(values))));
  }
  MatrixView put(const Matrix& matrix);
  WeightView put_weight(const Matrix& matrix);
  /// A weight converted and packed on the device.
  WeightView put_prepared(const Matrix& matrix, WeightForm form);
  MatrixView take_matrix(std::int64_t rows, std::int64_t cols, ElementType type = ElementType::float32);
  /// Runs one step and waits for it.
  Status run(const Step& step);
  /// What a view on the device holds now.
  Matrix get(const MatrixView& view);

 private:
  Gate gate_;
  std::unique_ptr<Os> os_;
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<DeviceMemory> memory_;
  std::unique_ptr<Kernels> kernels_;
  std::unique_ptr<Stream> compute_;
  std::unique_ptr<Stream> in_;
  std::unique_ptr<Stream> out_;
  std::size_t taken_ = 0;
};

}  // namespace plimsoll::test
