#include "device/cpu/cpu_device.h"

#include <cstring>

namespace plimsoll {
namespace {

class ErrorStream final : public Stream {
 public:
  Status failure;
};

Status& failure_of(Stream& stream) { return static_cast<ErrorStream&>(stream).failure; }

class HostMemory final : public DeviceMemory {
 public:
  HostMemory(std::unique_ptr<Mapping> mapping, Bytes size, Bytes& allocated)
      : mapping_(std::move(mapping)), size_(size), allocated_(allocated) {
    allocated_ += size_;
  }
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;
  ~HostMemory() override { allocated_ -= size_; }
  std::span<std::byte> bytes() const override { return mapping_->bytes().first(size_.count); }

 private:
  std::unique_ptr<Mapping> mapping_;
  Bytes size_;
  Bytes& allocated_;
};

/// Keeps errors with the stream, where copies and waits find them.
class StreamKernels final : public Kernels {
 public:
  explicit StreamKernels(std::unique_ptr<CpuKernels> kernels) : kernels_(std::move(kernels)) {}

  void enqueue(Stream& stream, const Step& step) override {
    Status& failure = failure_of(stream);
    if (!failure.ok()) return;
    kernels_->enqueue(stream, step);
    failure = kernels_->synchronize(stream);
  }
  Status synchronize(Stream& stream) override { return std::exchange(failure_of(stream), Status{}); }

 private:
  std::unique_ptr<CpuKernels> kernels_;
};

}  // namespace

Result<DeviceMemoryState> CpuDevice::memory() {
  return DeviceMemoryState{options_.memory, saturating_sub(options_.memory, allocated_), {}, allocated_, {}};
}

Result<std::unique_ptr<DeviceMemory>> CpuDevice::allocate(Bytes size) {
  const Bytes free = saturating_sub(options_.memory, allocated_);
  const bool admitted = options_.os->gate().admit(Acquisition::device_memory, "CpuDevice::allocate");
  if (size > free || !admitted) {
    return Error{ErrorCode::out_of_memory,
                 "cannot allocate " + format_bytes(size) + ": " + format_bytes(free) + " of " + format_bytes(options_.memory) + " are free",
                 name_, "use a smaller model, batch or precision", MemoryShortfall{name_, size, free, options_.memory, {}, {}}};
  }
  auto mapping = options_.os->map_memory(size);
  if (!mapping.ok()) {
    Error error = std::move(mapping).error();
    error.memory = MemoryShortfall{name_, size, free, options_.memory, {}, {}};
    return error;
  }
  return std::unique_ptr<DeviceMemory>(std::make_unique<HostMemory>(std::move(mapping).value(), size, allocated_));
}

Result<std::unique_ptr<Stream>> CpuDevice::make_stream(StreamKind) { return std::unique_ptr<Stream>(std::make_unique<ErrorStream>()); }

Result<std::unique_ptr<Kernels>> CpuDevice::make_kernels(const WorkspaceNeeds& needs, std::span<std::byte> workspace) {
  if (!options_.os->gate().admit(Acquisition::kernel, "CpuDevice::make_kernels"))
    return Error{ErrorCode::out_of_memory, "cannot make kernels", name_};
  PLIMSOLL_TRY(auto kernels, CpuKernels::create(*options_.pool, options_.features, needs, workspace));
  return std::unique_ptr<Kernels>(std::make_unique<StreamKernels>(std::move(kernels)));
}

void CpuDevice::copy_in(Stream& stream, std::byte* to, std::span<const std::byte> from) {
  if (failure_of(stream).ok() && !from.empty()) std::memcpy(to, from.data(), from.size());
}

void CpuDevice::copy_out(Stream& stream, std::span<std::byte> to, const std::byte* from) {
  if (failure_of(stream).ok() && !to.empty()) std::memcpy(to.data(), from, to.size());
}

Event CpuDevice::record(Stream& stream) {
  const Status& failure = failure_of(stream);
  if (failure.ok()) return {};
  FailedEvent& event = failed_events_[++last_event_ % failed_events_.size()];
  event = {last_event_, failure.error()};
  return {last_event_};
}

void CpuDevice::wait(Stream& stream, Event event) {
  const FailedEvent& found = failed_events_[event.id % failed_events_.size()];
  if (event.id != 0 && found.id == event.id && failure_of(stream).ok()) failure_of(stream) = found.error;
}

Status CpuDevice::synchronize(Stream& stream) { return std::exchange(failure_of(stream), Status{}); }

}  // namespace plimsoll
