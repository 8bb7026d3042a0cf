#pragma once

#include <memory>

#include "device/cuda/blas_products.h"
#include "device/cuda/cuda_device.h"

namespace plimsoll::cuda {

/// Launches this build's kernels, and cuBLASLt for plain products. A step that is malformed, beyond the needs told at creation, or of
/// addresses that are not the device's is not launched: its error is kept for `synchronize`, so that no wrong address ever reaches the
/// device, which would be lost by it. Text bounds and ids are the exception: they lie on the device and have been checked by the caller.
class CudaKernels final : public Kernels {
 public:
  /// Fails with `internal` when the workspace is smaller than cuda_workspace_bytes, and with `unsupported` where heads are wider than a
  /// block's shared memory has room for.
  static Result<std::unique_ptr<Kernels>> create(CudaDevice& device, std::shared_ptr<const Blas> blas, const WorkspaceNeeds& needs,
                                                 std::span<std::byte> workspace);
  CudaKernels(const CudaKernels&) = delete;
  CudaKernels& operator=(const CudaKernels&) = delete;
  /// cuBLASLt ends in the device's context.
  ~CudaKernels() override { static_cast<void>(device_.enter().ok()); }

  void enqueue(Stream& stream, const Step& step) override;
  Status synchronize(Stream& stream) override { return device_.synchronize(stream); }

 private:
  CudaKernels(CudaDevice& device, const WorkspaceNeeds& needs) : device_(device), needs_(needs) {}
  Status run(CUstream stream, const EmbedStep& step);
  Status run(CUstream stream, const LayerNormStep& step);
  Status run(CUstream stream, const LinearStep& step);
  Status run(CUstream stream, const AttentionStep& step);
  Status run(CUstream stream, const GatherRowsStep& step);
  Status run(CUstream stream, const PrepareStep& step);
  template <typename Argument>
  Status launch(Kernel kernel, const Grid& grid, int threads, const Argument& argument, CUstream stream);

  CudaDevice& device_;
  WorkspaceNeeds needs_;
  std::unique_ptr<BlasProducts> products_;
};

}  // namespace plimsoll::cuda
