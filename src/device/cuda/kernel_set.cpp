#include "device/cuda/kernel_set.h"

#include "device/cuda/kernel_images.h"

namespace plimsoll::cuda {
namespace {

struct Named {
  Kernel kernel;
  const char* name;
};
constexpr Named kOfRows[] = {{Kernel::embed, "plimsoll_embed"},
                             {Kernel::layer_norm, "plimsoll_layer_norm"},
                             {Kernel::gather, "plimsoll_gather"},
                             {Kernel::prepare, "plimsoll_prepare"},
                             {Kernel::finish, "plimsoll_finish"}};
constexpr Named kOfProducts[] = {{Kernel::linear, "plimsoll_linear"},
                                 {Kernel::attention_float, "plimsoll_attention_float"},
                                 {Kernel::attention_32, "plimsoll_attention_32"},
                                 {Kernel::attention_64, "plimsoll_attention_64"},
                                 {Kernel::attention_128, "plimsoll_attention_128"}};

struct Image {
  const void* data;
  std::span<const Named> kernels;
};

}  // namespace

Result<std::unique_ptr<KernelSet>> KernelSet::load(std::shared_ptr<const Driver> driver, std::size_t shared_limit,
                                                   const std::string& device) {
  std::unique_ptr<KernelSet> set(new KernelSet(std::move(driver)));
  const Functions& f = set->driver_->f();
  for (const Image& image : {Image{plimsoll_rows_image, kOfRows}, Image{plimsoll_products_image, kOfProducts}}) {
    CUmodule module = nullptr;
    if (const CUresult code = f.module_load(&module, image.data); code != CUDA_SUCCESS)
      return failure(f, code, "cannot load this build's kernels", device);
    set->modules_.push_back(module);
    for (const Named& named : image.kernels) {
      if (const CUresult code = set->find(named.kernel, module, named.name); code != CUDA_SUCCESS)
        return failure(f, code, std::string("cannot load the kernel ") + named.name, device);
    }
  }
  const auto attention = set->functions_[static_cast<std::size_t>(Kernel::attention_float)];
  const CUresult code =
      f.function_set_attribute(attention, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, static_cast<int>(shared_limit));
  if (code != CUDA_SUCCESS) return failure(f, code, "cannot give attention its shared memory", device);
  set->shared_limit_ = shared_limit;
  return set;
}

KernelSet::~KernelSet() {
  for (const CUmodule module : modules_) driver_->f().module_unload(module);
}

// Finding a kernel may leave it unloaded until its first launch, which then would need memory.
CUresult KernelSet::find(Kernel kernel, CUmodule module, const char* name) {
  CUfunction& function = functions_[static_cast<std::size_t>(kernel)];
  const CUresult code = driver_->f().module_function(&function, module, name);
  if (code != CUDA_SUCCESS || driver_->f().function_load == nullptr) return code;
  return driver_->f().function_load(function);
}

std::int64_t KernelSet::widest_head() const {
  std::int64_t width = 0;
  while (float_attention_bytes(width + 1) <= shared_limit_) ++width;
  return width;
}

CUresult KernelSet::launch_bytes(Kernel kernel, const Grid& grid, int threads, void* argument, CUstream stream) const {
  if (grid.empty()) return CUDA_SUCCESS;
  if (!grid.launchable()) return CUDA_ERROR_INVALID_VALUE;
  void* arguments[] = {argument};
  return driver_->f().launch(functions_[static_cast<std::size_t>(kernel)], static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), 1,
                             static_cast<unsigned>(threads), 1, 1, static_cast<unsigned>(grid.shared_bytes), stream, arguments, nullptr);
}

}  // namespace plimsoll::cuda
