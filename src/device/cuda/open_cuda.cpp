#include "device/cuda/open_cuda.h"

#include <array>
#include <new>

#include "device/cuda/blas_products.h"
#include "device/cuda/cuda_device.h"

namespace plimsoll {
namespace {

constexpr int kLeastMajor = 8;  // bfloat16 on tensor cores, and what rows.cu and products.cu are compiled for
constexpr Bytes kWarmUp = mib(2);
constexpr std::size_t kLongestName = 128;

/// Gives a block back at the end of its scope.
class Borrowed {
 public:
  Borrowed(CudaDevice& device, std::span<std::byte> block) : device_(device), block_(block) {}
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() { device_.give_back(block_); }

 private:
  CudaDevice& device_;
  std::span<std::byte> block_;
};

}  // namespace

Status CudaDevice::attribute(CUdevice_attribute which, int& value) {
  return check(f().device_attribute(&value, which, device_), "the device does not say what it is");
}

Result<CudaTraits> CudaDevice::read_traits() {
  CudaTraits traits;
  std::array<char, kLongestName> text{};
  int kilohertz = 0;
  PLIMSOLL_CHECK(check(f().device_name(text.data(), static_cast<int>(text.size()) - 1, device_), "the device does not say its name"));
  traits.model = printable(text.data());
  PLIMSOLL_CHECK(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, traits.major));
  PLIMSOLL_CHECK(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, traits.minor));
  PLIMSOLL_CHECK(attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, traits.multiprocessors));
  PLIMSOLL_CHECK(attribute(CU_DEVICE_ATTRIBUTE_CLOCK_RATE, kilohertz));
  traits.clock = kilohertz * 1e3;
  if (traits.major < kLeastMajor) {
    return Error{ErrorCode::unsupported,
                 traits.model + " has compute capability " + std::to_string(traits.major) + "." + std::to_string(traits.minor) +
                     " and at least " + std::to_string(kLeastMajor) + ".0 is needed",
                 name_, "use another device, or cpu"};
  }
  int virtual_memory = 0;
  PLIMSOLL_CHECK(attribute(CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, virtual_memory));
  if (virtual_memory == 0)
    return Error{ErrorCode::unsupported, traits.model + " has no virtual memory management here", name_, "use another device, or cpu"};
  return traits;
}

// A product in each type: cuBLASLt's own memory is taken then. What is multiplied does not matter.
Status CudaDevice::warm_up() {
  PLIMSOLL_TRY(const std::span<std::byte> block, take(kWarmUp));
  const Borrowed guard(*this, block);
  PLIMSOLL_TRY(const std::unique_ptr<Stream> stream, make_stream(StreamKind::compute));
  PLIMSOLL_TRY(const auto products, cuda::BlasProducts::create(blas_, 0, block.first(kWarmUp.count / 2), name_));
  std::byte* x = block.data() + kWarmUp.count / 2;
  for (const ElementType type : {ElementType::float32, ElementType::bfloat16}) {
    static constexpr std::int64_t kSide = 128;
    const MatrixView in{x, kSide, kSide, kSide, type};
    const MatrixView out{x + kSide * kSide * 4, kSide, kSide, kSide, type};
    const LinearStep step{in, {x + kSide * kSide * 8, {type, WeightLayout::rows}, kSide, kSide}, nullptr, Activation::none, out};
    const auto outcome = products->multiply(step, cuda::choose_path(step), static_cast<cuda::CudaStream&>(*stream).handle());
    if (outcome == cuda::BlasProducts::Outcome::failed)
      return Error{ErrorCode::io, "cuBLASLt fails with status " + std::to_string(static_cast<int>(products->status())), name_,
                   "see that cuBLAS and the driver belong together"};
  }
  return synchronize(*stream);
}

Status CudaDevice::load_libraries() {
  int shared = 0;
  PLIMSOLL_CHECK(attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, shared));
  PLIMSOLL_TRY(kernels_, cuda::KernelSet::load(driver_, static_cast<std::size_t>(shared), name_));
  return warm_up();
}

Status CudaDevice::start() {
  PLIMSOLL_CHECK(check(f().context_retain(&context_, device_), "cannot make a context"));
  PLIMSOLL_CHECK(enter());
  std::size_t free = 0;
  std::size_t total = 0;
  PLIMSOLL_CHECK(check(f().memory_info(&free, &total), "cannot ask for the memory"));
  const Bytes before = std::max(options_.free_before, Bytes{free});
  // Twice, so that a gap between blocks never stands in the way of memory that is free.
  PLIMSOLL_TRY(heap_, cuda::DeviceHeap::reserve(driver_, device_, options_.memory.value_or(Bytes{total}) * 2, name_));
  page_bytes_ = heap_->page_size().count;
  pinned_ = std::make_unique<cuda::PinnedPages>(driver_);
  PLIMSOLL_CHECK(check(events_.create(f()), "cannot make events"));
  PLIMSOLL_CHECK(load_libraries());
  PLIMSOLL_CHECK(check(f().memory_info(&free, &total), "cannot ask for the memory"));
  context_bytes_ = saturating_sub(before, Bytes{free});
  return {};
}

Result<OpenedCuda> CudaDevice::open(const CudaOptions& options) {
  std::unique_ptr<CudaDevice> device(new CudaDevice(options));
  PLIMSOLL_TRY(device->driver_, cuda::Driver::load(*options.os, options.driver));
  int count = 0;
  PLIMSOLL_CHECK(device->check(device->f().device_count(&count), "the driver shows no device"));
  if (options.number < 0 || options.number >= count) {
    return Error{ErrorCode::not_found, "there is no device " + device->name_ + ": the driver shows " + std::to_string(count), device->name_,
                 "see CUDA_VISIBLE_DEVICES and `plimsoll devices`, or use cpu"};
  }
  PLIMSOLL_CHECK(device->check(device->f().device(&device->device_, options.number), "the driver does not show the device"));
  PLIMSOLL_TRY(CudaTraits traits, device->read_traits());
  PLIMSOLL_TRY(device->blas_, cuda::Blas::load(*options.os, options.blas));
  PLIMSOLL_CHECK(device->start());
  return OpenedCuda{std::move(device), std::move(traits)};
}

Result<OpenedCuda> open_cuda(const CudaOptions& options) try { return CudaDevice::open(options); } catch (const std::bad_alloc&) {
  return heap_exhausted();
}

Result<int> count_cuda(Os& os, const std::string& driver) try {
  PLIMSOLL_TRY(const auto loaded, cuda::Driver::load(os, driver));
  int count = 0;
  if (const CUresult code = loaded->f().device_count(&count); code != CUDA_SUCCESS)
    return cuda::failure(loaded->f(), code, "the driver shows no device", "cuda");
  return count;
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

}  // namespace plimsoll
