#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "../../support/cuda/stand_in.h"
#include "device/cuda/open_cuda.h"
#include "device/support.h"

namespace plimsoll::test {

/// The stand-in for NVIDIA's driver and cuBLASLt, loaded by its path, and a device opened on it. Each test begins with an empty script, and
/// must leave nothing behind.
class StandInTest : public ::testing::Test {
 protected:
  StandInTest();
  void TearDown() override;

  void script(const std::string& text) { set_script_(text.c_str()); }
  CudaStandInFigures figures() const { return figures_(); }
  Os& os() { return *os_; }
  Gate& gate() { return gate_; }
  CudaOptions options(std::optional<Bytes> memory = mib(64)) const;
  /// Opens a device that must open.
  std::unique_ptr<Device> open() { return open(options()); }
  std::unique_ptr<Device> open(const CudaOptions& options);

  Gate gate_;
  std::unique_ptr<Os> os_;

 private:
  std::shared_ptr<Library> library_;
  void (*set_script_)(const char*) = nullptr;
  CudaStandInFigures (*figures_)() = nullptr;
};

/// Kernels on the stand-in with memory for operands, and the same on the CPU to compare with.
class CudaStepTest : public StandInTest {
 protected:
  CudaStepTest();
  void TearDown() override;

  MatrixView put(const Matrix& matrix);
  WeightView put_weight(const Matrix& matrix);
  const std::int32_t* put(const std::vector<std::int32_t>& values);
  std::byte* take(std::size_t bytes);
  MatrixView take_matrix(std::int64_t rows, std::int64_t cols, ElementType type = ElementType::float32);
  Status run(const Step& step);
  Matrix get(const MatrixView& view);
  std::vector<std::byte> get_bytes(std::span<const std::byte> bytes);
  Device& device() { return *device_; }

 private:
  std::unique_ptr<Device> device_;
  std::unique_ptr<DeviceMemory> memory_;
  std::unique_ptr<Kernels> kernels_;
  std::unique_ptr<Stream> stream_;
  std::size_t taken_ = 0;
};

}  // namespace plimsoll::test
