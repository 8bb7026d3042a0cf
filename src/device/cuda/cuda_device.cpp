#include "device/cuda/cuda_device.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "device/cuda/cuda_figures.h"
#include "device/cuda/cuda_kernels.h"

namespace plimsoll {
namespace {

using cuda::CudaStream;
using cuda::EventRing;

CudaStream& own(Stream& stream) { return static_cast<CudaStream&>(stream); }

/// A block of the heap, or an owner that waits for one: what is taken has an owner before anything else may be refused.
class CudaMemory final : public DeviceMemory {
 public:
  explicit CudaMemory(CudaDevice& device) : device_(device) {}
  CudaMemory(const CudaMemory&) = delete;
  CudaMemory& operator=(const CudaMemory&) = delete;
  ~CudaMemory() override {
    if (block_.data() != nullptr) device_.give_back(block_);
  }
  void own(std::span<std::byte> block) { block_ = block; }
  std::span<std::byte> bytes() const override { return block_; }

 private:
  CudaDevice& device_;
  std::span<std::byte> block_;
};

class CudaPin final : public HostPin {
 public:
  explicit CudaPin(CudaDevice& device) : device_(device) {}
  CudaPin(const CudaPin&) = delete;
  CudaPin& operator=(const CudaPin&) = delete;
  ~CudaPin() override {
    if (pages_.data() != nullptr) device_.unpin(pages_);
  }
  void own(std::span<const std::byte> pages) { pages_ = pages; }

 private:
  CudaDevice& device_;
  std::span<const std::byte> pages_;
};

// Short waits are spun through, since a sleep takes longer than a small pass; long ones leave the processor to others.
void pause(std::chrono::nanoseconds waited) {
  static constexpr std::chrono::milliseconds kSpin{2};
  static constexpr std::chrono::nanoseconds kLongest = std::chrono::milliseconds(1);
  if (waited < kSpin) std::this_thread::yield();
  else std::this_thread::sleep_for(std::min(waited / 64, kLongest));
}

}  // namespace

// As long as the driver says "not ready".
template <typename Query>
Status CudaDevice::wait_for(Query query) {
  PLIMSOLL_CHECK(usable());
  const std::chrono::nanoseconds begin = options_.os->now();
  for (;;) {
    const CUresult code = query();
    if (code != CUDA_ERROR_NOT_READY) return check(code, "work of the device failed");
    const std::chrono::nanoseconds waited = options_.os->now() - begin;
    if (std::chrono::duration<double>(waited).count() > options_.patience) {
      lose({ErrorCode::device_lost, "the device did not end its work within " + std::to_string(static_cast<int>(options_.patience)) + " s",
            name_, "see the kernel's log for Xid errors; this process does not use the device any more"});
      return usable();
    }
    pause(waited);
  }
}

CudaDevice::~CudaDevice() {
  if (context_ == nullptr) return;
  f().context_set(context_);
  kernels_.reset();
  pinned_.reset();
  events_.destroy(f());
  heap_.reset();
  f().context_release(device_);
}

Status CudaDevice::usable() const {
  if (!lost_) return {};
  const std::scoped_lock lock(lost_mutex_);
  return lost_error_;
}

Status CudaDevice::enter() {
  PLIMSOLL_CHECK(usable());
  return check(f().context_set(context_), "cannot enter the device's context");
}

void CudaDevice::lose(Error error) {
  const std::scoped_lock lock(lost_mutex_);
  if (!lost_) lost_error_ = std::move(error);
  lost_ = true;
}

Status CudaDevice::check(CUresult code, const char* what) {
  if (code == CUDA_SUCCESS) return {};
  Error error = cuda::failure(f(), code, what, name_);
  if (error.code == ErrorCode::device_lost) lose(error);
  return error;
}

Result<DeviceMemoryState> CudaDevice::memory() {
  PLIMSOLL_CHECK(enter());
  std::size_t free = 0;
  std::size_t total = 0;
  PLIMSOLL_CHECK(check(f().memory_info(&free, &total), "cannot ask for the memory"));
  const Bytes taken{taken_};
  if (options_.memory) {
    const Bytes left = std::min(saturating_sub(*options_.memory, taken), Bytes{free});
    return DeviceMemoryState{*options_.memory, left, saturating_sub(*options_.memory, taken + left), taken, {}};
  }
  const Bytes ours = Bytes{mapped_} + context_bytes_;
  const Bytes others = saturating_sub(Bytes{total}, Bytes{free} + ours);
  // In whole pages, and one less: what blocks lose to their alignment.
  const std::uint64_t pages = free / page_bytes_;
  return DeviceMemoryState{Bytes{total}, Bytes{page_bytes_} * (pages > 0 ? pages - 1 : 0), others, ours, context_bytes_};
}

Error CudaDevice::refused_allocation(Bytes size) {
  const Result<DeviceMemoryState> state = memory();
  if (!state.ok()) return state.error();
  return {ErrorCode::out_of_memory,
          "cannot allocate " + format_bytes(size) + ": " + format_bytes(state->free) + " of " + format_bytes(state->total) + " are free",
          name_, "use a smaller model, batch or precision, or end what holds its memory",
          MemoryShortfall{name_, size, state->free, state->total, {}, {}}};
}

Result<std::span<std::byte>> CudaDevice::take(Bytes size) {
  PLIMSOLL_CHECK(enter());
  if (options_.memory && size > saturating_sub(*options_.memory, Bytes{taken_})) return refused_allocation(size);
  std::span<std::byte> block;
  const CUresult code = heap_->take(size, block);
  if (code == CUDA_ERROR_OUT_OF_MEMORY) return refused_allocation(size);
  PLIMSOLL_CHECK(check(code, "cannot take memory"));
  taken_ = heap_->taken().count;
  mapped_ = heap_->mapped().count;
  return block;
}

Result<std::unique_ptr<DeviceMemory>> CudaDevice::allocate(Bytes size) {
  PLIMSOLL_CHECK(enter());
  if (!options_.os->gate().admit(Acquisition::device_memory, "CudaDevice::allocate")) return refused_allocation(size);
  auto memory = std::make_unique<CudaMemory>(*this);
  PLIMSOLL_TRY(const std::span<std::byte> block, take(size));
  memory->own(block);
  return std::unique_ptr<DeviceMemory>(std::move(memory));
}

void CudaDevice::give_back(std::span<const std::byte> memory) {
  drain();
  heap_->give_back(memory);
  taken_ = heap_->taken().count;
  mapped_ = heap_->mapped().count;
}

Result<std::unique_ptr<HostPin>> CudaDevice::pin(std::span<std::byte> pages) {
  PLIMSOLL_CHECK(enter());
  CUresult code = CUDA_ERROR_OUT_OF_MEMORY;
  auto pin = std::make_unique<CudaPin>(*this);
  if (options_.os->gate().admit(Acquisition::pinned_memory, "CudaDevice::pin")) code = pinned_->pin(pages);
  if (code == CUDA_SUCCESS) {
    pin->own(pages);
    return std::unique_ptr<HostPin>(std::move(pin));
  }
  Error error = check(code, "cannot pin pages").error();
  if (error.code == ErrorCode::device_lost) return error;
  return Error{ErrorCode::out_of_memory, "cannot pin " + format_bytes(Bytes{pages.size()}) + " of the host's memory: " + error.what, name_,
               "copy it as it is, slower; `ulimit -l` may be the limit"};
}

void CudaDevice::unpin(std::span<const std::byte> pages) {
  drain();
  pinned_->unpin(pages);
}

Result<std::unique_ptr<Stream>> CudaDevice::make_stream(StreamKind) {
  PLIMSOLL_CHECK(enter());
  if (!options_.os->gate().admit(Acquisition::kernel, "CudaDevice::make_stream"))
    return Error{ErrorCode::out_of_memory, "cannot make a stream", name_};
  auto stream = std::make_unique<CudaStream>(*this);
  streams_.push_back(stream.get());  // until it goes, made or not
  PLIMSOLL_CHECK(check(f().stream_create(&stream->handle(), CU_STREAM_NON_BLOCKING), "cannot make a stream"));
  return std::unique_ptr<Stream>(std::move(stream));
}

void CudaDevice::forget(CudaStream& stream) {
  std::erase(streams_, &stream);
  if (stream.handle() == nullptr) return;
  f().context_set(context_);
  f().stream_destroy(stream.handle());
}

Result<std::unique_ptr<Kernels>> CudaDevice::make_kernels(const WorkspaceNeeds& needs, std::span<std::byte> workspace) {
  PLIMSOLL_CHECK(enter());
  if (!options_.os->gate().admit(Acquisition::kernel, "CudaDevice::make_kernels"))
    return Error{ErrorCode::out_of_memory, "cannot make kernels", name_};
  if (!holds(workspace)) return Error{ErrorCode::internal, "the workspace is not in the device's memory", name_};
  return cuda::CudaKernels::create(*this, blas_, needs, workspace);
}

CUresult CudaDevice::copy_piece(CUstream stream, Way way, const std::byte* host, const std::byte* there, std::size_t size) const {
  const auto address = reinterpret_cast<CUdeviceptr>(there);
  if (way == Way::in) return f().copy_in(address, host, size, stream);
  auto* to = const_cast<std::byte*>(host);  // NOLINT(cppcoreguidelines-pro-type-const-cast): it was given as writable
  return f().copy_out(to, address, size, stream);
}

void CudaDevice::copy(Stream& stream, Way way, std::span<const std::byte> host, const std::byte* there) {
  Status& failure = own(stream).failure;
  if (!failure.ok()) return;
  if (failure = enter(); !failure.ok() || host.empty()) return;
  if (!holds({there, host.size()})) {
    failure = Error{ErrorCode::internal, "a copy reaches beyond the device's memory", name_, "please report this"};
    return;
  }
  pinned_->for_each_piece(host, [&](std::size_t offset, std::size_t size) {
    failure = check(copy_piece(own(stream).handle(), way, host.data() + offset, there + offset, size), "a copy failed");
    return failure.ok();
  });
}

void CudaDevice::copy_in(Stream& stream, std::byte* to, std::span<const std::byte> from) { copy(stream, Way::in, from, to); }

void CudaDevice::copy_out(Stream& stream, std::span<std::byte> to, const std::byte* from) { copy(stream, Way::out, to, from); }

Event CudaDevice::record(Stream& stream) {
  Status entered = enter();
  const EventRing::Entry& oldest = events_.next();
  if (entered.ok() && oldest.id != 0 && !oldest.failure) entered = wait_for([&] { return f().event_query(oldest.handle); });
  Status& failure = own(stream).failure;
  EventRing::Entry& entry = events_.advance();
  if (failure.ok() && !entered.ok()) failure = std::move(entered);
  if (failure.ok()) failure = check(f().event_record(entry.handle, own(stream).handle()), "cannot record an event");
  if (!failure.ok()) entry.failure = failure.error();
  return {entry.id};
}

void CudaDevice::wait(Stream& stream, Event event) {
  Status& failure = own(stream).failure;
  const EventRing::Entry* found = events_.find(event.id);
  if (found == nullptr || !failure.ok()) return;
  if (found->failure) {
    failure = *found->failure;
    return;
  }
  if (failure = enter(); failure.ok())
    failure = check(f().stream_wait_event(own(stream).handle(), found->handle, CU_EVENT_WAIT_DEFAULT), "cannot wait for an event");
}

Status CudaDevice::synchronize(Stream& stream) {
  Status waited = enter();
  if (waited.ok()) waited = wait_for([&] { return f().stream_query(own(stream).handle()); });
  Status failure = std::exchange(own(stream).failure, Status{});
  PLIMSOLL_CHECK(usable());
  return failure.ok() ? waited : failure;
}

// Before memory or pins go. Errors are those of a device that is lost then.
// For destructors, which have nobody to tell: not even that there was no memory to describe an error.
void CudaDevice::drain() try {
  f().context_set(context_);
  for (const CudaStream* stream : streams_) {
    if (!wait_for([&] { return f().stream_query(stream->handle()); }).ok()) return;
  }
} catch (...) {
  return;
}

}  // namespace plimsoll
