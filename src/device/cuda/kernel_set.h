#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "device/cuda/driver.h"
#include "device/cuda/launch.h"
#include "device/device.h"

namespace plimsoll::cuda {

/// The kernels of rows.cu and products.cu.
enum class Kernel : std::uint8_t {
  embed,
  layer_norm,
  gather,
  prepare,
  finish,
  linear,
  attention_float,
  attention_32,
  attention_64,
  attention_128
};
inline constexpr std::size_t kKernels = 10;

/// All kernels, loaded into the current context at once: none of them takes device memory later.
class KernelSet {
 public:
  /// `shared_limit`: most shared memory that a block may ask for. Fails with the driver's words; `unsupported` where this build has no
  /// kernels for the device.
  static Result<std::unique_ptr<KernelSet>> load(std::shared_ptr<const Driver> driver, std::size_t shared_limit, const std::string& device);
  ~KernelSet();
  KernelSet(const KernelSet&) = delete;
  KernelSet& operator=(const KernelSet&) = delete;

  /// Widest head of attention in float32.
  std::int64_t widest_head() const;

  /// Queues a kernel whose one argument is `argument`. A grid of nothing is done at once.
  template <typename Argument>
  CUresult launch(Kernel kernel, const Grid& grid, int threads, const Argument& argument, CUstream stream) const {
    auto* copied_from = const_cast<Argument*>(&argument);  // NOLINT(cppcoreguidelines-pro-type-const-cast): the driver only reads it
    return launch_bytes(kernel, grid, threads, copied_from, stream);
  }

 private:
  explicit KernelSet(std::shared_ptr<const Driver> driver) : driver_(std::move(driver)) {}
  CUresult launch_bytes(Kernel kernel, const Grid& grid, int threads, void* argument, CUstream stream) const;
  CUresult find(Kernel kernel, CUmodule module, const char* name);

  std::shared_ptr<const Driver> driver_;
  std::vector<CUmodule> modules_;
  std::array<CUfunction, kKernels> functions_{};
  std::size_t shared_limit_ = 0;
};

}  // namespace plimsoll::cuda
