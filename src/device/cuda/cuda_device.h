#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "device/cuda/blas.h"
#include "device/cuda/cuda_stream.h"
#include "device/cuda/device_heap.h"
#include "device/cuda/kernel_set.h"
#include "device/cuda/open_cuda.h"
#include "device/cuda/pinned_pages.h"

namespace plimsoll {

/// An NVIDIA GPU through the driver's own interface: memory from one range of addresses (device_heap.h), streams and events of the driver,
/// kernels of this build. The driver and cuBLASLt are found at run time.
///
/// Errors after which the driver refuses everything (an illegal address, uncorrectable memory, ...) end the process's use of the device, as
/// does work that stays undone for `patience`: `device_lost` from then on, and what is given back afterwards is only forgotten. Copies of
/// host memory that is not pinned go through the driver's own staging, and the host may wait.
class CudaDevice final : public Device {
 public:
  static Result<OpenedCuda> open(const CudaOptions& options);
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  const std::string& name() const override { return name_; }
  Result<DeviceMemoryState> memory() override;
  Result<std::unique_ptr<DeviceMemory>> allocate(Bytes size) override;
  Result<std::unique_ptr<HostPin>> pin(std::span<std::byte> pages) override;
  Result<std::unique_ptr<Stream>> make_stream(StreamKind kind) override;
  Result<std::unique_ptr<Kernels>> make_kernels(const WorkspaceNeeds& needs, std::span<std::byte> workspace) override;
  void copy_in(Stream& stream, std::byte* to, std::span<const std::byte> from) override;
  void copy_out(Stream& stream, std::span<std::byte> to, const std::byte* from) override;
  Event record(Stream& stream) override;
  void wait(Stream& stream, Event event) override;
  Status synchronize(Stream& stream) override;

  // For its own kernels, memory, pins and streams.
  const cuda::Functions& f() const { return driver_->f(); }
  const cuda::KernelSet& kernels() const { return *kernels_; }
  bool holds(std::span<const std::byte> range) const { return heap_->holds(range); }
  /// What a call's code means: nothing where it went well. An error that ends the use of the device is kept.
  Status check(CUresult code, const char* what);
  /// Makes its context the thread's. The error of a device that is lost.
  Status enter();
  void give_back(std::span<const std::byte> memory);
  void unpin(std::span<const std::byte> pages);
  void forget(cuda::CudaStream& stream);

 private:
  explicit CudaDevice(const CudaOptions& options) : options_(options), name_("cuda:" + std::to_string(options.number)) {}

  Status start();
  Result<CudaTraits> read_traits();
  Status load_libraries();
  Status warm_up();
  Status attribute(CUdevice_attribute which, int& value);
  Status usable() const;
  Result<std::span<std::byte>> take(Bytes size);
  Error refused_allocation(Bytes size);
  enum class Way : std::uint8_t { in, out };
  void copy(Stream& stream, Way way, std::span<const std::byte> host, const std::byte* there);
  CUresult copy_piece(CUstream stream, Way way, const std::byte* host, const std::byte* there, std::size_t size) const;
  template <typename Query>
  Status wait_for(Query query);
  void drain();
  void lose(Error error);

  CudaOptions options_;
  std::string name_;
  std::shared_ptr<const cuda::Driver> driver_;
  std::shared_ptr<const cuda::Blas> blas_;
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
  std::unique_ptr<cuda::DeviceHeap> heap_;
  std::unique_ptr<cuda::PinnedPages> pinned_;
  std::unique_ptr<cuda::KernelSet> kernels_;
  cuda::EventRing events_;
  std::vector<cuda::CudaStream*> streams_;
  std::atomic<std::uint64_t> taken_ = 0;   ///< by blocks, for `memory`, which any thread may ask
  std::atomic<std::uint64_t> mapped_ = 0;  ///< by their pages
  Bytes context_bytes_;
  std::uint64_t page_bytes_ = 1;
  std::atomic<bool> lost_ = false;
  mutable std::mutex lost_mutex_;
  Error lost_error_;
};

}  // namespace plimsoll
