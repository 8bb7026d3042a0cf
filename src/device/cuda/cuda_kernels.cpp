#include "device/cuda/cuda_kernels.h"

#include "device/cpu/check.h"
#include "device/cuda/cuda_figures.h"
#include "device/step_operands.h"

namespace plimsoll::cuda {

Result<std::unique_ptr<Kernels>> CudaKernels::create(CudaDevice& device, std::shared_ptr<const Blas> blas, const WorkspaceNeeds& needs,
                                                     std::span<std::byte> workspace) {
  const std::int64_t bytes = cuda_workspace_bytes(needs);
  if (static_cast<std::int64_t>(workspace.size()) < bytes) {
    return Error{
        ErrorCode::internal,
        "CUDA kernels were planned for " + std::to_string(bytes) + " bytes of workspace, and got " + std::to_string(workspace.size()),
        device.name()};
  }
  if (needs.head_dim > device.kernels().widest_head()) {
    return Error{ErrorCode::unsupported,
                 "heads of " + std::to_string(needs.head_dim) + " elements; this device has room for " +
                     std::to_string(device.kernels().widest_head()),
                 device.name(), "use cpu"};
  }
  std::unique_ptr<CudaKernels> kernels(new CudaKernels(device, needs));
  PLIMSOLL_TRY(kernels->products_, BlasProducts::create(std::move(blas), needs.tokens, workspace, device.name()));
  return std::unique_ptr<Kernels>(std::move(kernels));
}

void CudaKernels::enqueue(Stream& stream, const Step& step) {
  auto& own = static_cast<CudaStream&>(stream);
  if (own.failed()) return;
  if (own.failure = device_.enter(); own.failed()) return;
  own.failure = std::visit([&](const auto& kind) { return run(own.handle(), kind); }, step);
}

namespace {

/// That all addresses of a step are the device's.
template <typename Kind>
Status check_addresses(const CudaDevice& device, const Kind& step) {
  std::string_view stray;
  operands::list(step, [&](const Operand& operand) {
    if (stray.empty() && !device.holds(operand.bytes)) stray = operand.name;
  });
  if (stray.empty()) return {};
  return Error{ErrorCode::internal, std::string(stray) + " is not in the device's memory", device.name(), "please report this"};
}

}  // namespace

template <typename Argument>
Status CudaKernels::launch(Kernel kernel, const Grid& grid, int threads, const Argument& argument, CUstream stream) {
  PLIMSOLL_CHECK(check_addresses(device_, argument));
  return device_.check(device_.kernels().launch(kernel, grid, threads, argument, stream), "a step could not be launched");
}

Status CudaKernels::run(CUstream stream, const EmbedStep& step) {
  PLIMSOLL_CHECK(cpu::check(step));
  return launch(Kernel::embed, row_grid(step.out.rows), kRowThreads, step, stream);
}

Status CudaKernels::run(CUstream stream, const LayerNormStep& step) {
  PLIMSOLL_CHECK(cpu::check(step));
  return launch(Kernel::layer_norm, row_grid(step.out.rows), kRowThreads, step, stream);
}

Status CudaKernels::run(CUstream stream, const LinearStep& step) {
  PLIMSOLL_CHECK(cpu::check(step, needs_));
  PLIMSOLL_CHECK(check_addresses(device_, step));
  const LinearPath path = choose_path(step);
  const auto outcome = path.blas ? products_->multiply(step, path, stream) : BlasProducts::Outcome::refused;
  switch (outcome) {
    case BlasProducts::Outcome::done: return {};
    case BlasProducts::Outcome::unfinished:
      return launch(Kernel::finish, element_grid(step.out.rows * step.out.cols), kRowThreads, step, stream);
    case BlasProducts::Outcome::refused:
      return launch(Kernel::linear, linear_grid(step.x.rows, step.weight.outputs), kLinearThreads, step, stream);
    case BlasProducts::Outcome::failed: break;
  }
  return Error{ErrorCode::io, "cuBLASLt fails with status " + std::to_string(static_cast<int>(products_->status())), device_.name(),
               "try again"};
}

Status CudaKernels::run(CUstream stream, const AttentionStep& step) {
  PLIMSOLL_CHECK(cpu::check_shapes(step, needs_));
  const auto texts = static_cast<std::int64_t>(step.text_starts.size()) - 1;
  const std::int64_t width = step.qkv.type == ElementType::bfloat16 ? tensor_head_dim(step.head_dim) : 0;
  if (width == 0) {
    const Grid grid = attention_grid(step.qkv.rows, texts, step.heads, kFloatQueries, float_attention_bytes(step.head_dim));
    return launch(Kernel::attention_float, grid, kAttentionThreads, step, stream);
  }
  const Kernel kernel = width == 32 ? Kernel::attention_32 : width == 64 ? Kernel::attention_64 : Kernel::attention_128;
  return launch(kernel, attention_grid(step.qkv.rows, texts, step.heads, kTensorQueries, 0), kAttentionThreads, step, stream);
}

Status CudaKernels::run(CUstream stream, const GatherRowsStep& step) {
  PLIMSOLL_CHECK(cpu::check(step));
  return launch(Kernel::gather, row_grid(step.out.rows), kRowThreads, step, stream);
}

Status CudaKernels::run(CUstream stream, const PrepareStep& step) {
  PLIMSOLL_CHECK(cpu::check(step));
  const auto size = static_cast<std::int64_t>(element_bytes(step.form.type));
  if (step.form.layout == WeightLayout::rows && step.source_type == step.form.type) {
    PLIMSOLL_CHECK(check_addresses(device_, step));
    const auto to = reinterpret_cast<CUdeviceptr>(step.destination + step.first_output * step.inputs * size);
    const auto bytes = static_cast<std::size_t>(step.outputs * step.inputs * size);
    if (bytes == 0) return {};
    return device_.check(device_.f().copy_within(to, reinterpret_cast<CUdeviceptr>(step.source), bytes, stream), "a step failed");
  }
  const bool panels = step.form.layout == WeightLayout::panels;
  const std::int64_t outputs = panels ? blocks_for(step.outputs, kPanelOutputs) * kPanelOutputs : step.outputs;
  const std::int64_t inputs = panels && step.form.type == ElementType::bfloat16 ? (step.inputs + 1) / 2 * 2 : step.inputs;
  return launch(Kernel::prepare, element_grid(outputs * inputs), kRowThreads, step, stream);
}

}  // namespace plimsoll::cuda
