#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <plimsoll/os.h>

#include "device/cpu/cpu_kernels.h"
#include "device/device.h"
#include "platform/thread_pool.h"

namespace plimsoll {

/// The host's processor and memory as a Device. Everything is done when it is queued: streams keep only their errors, and waiting for an
/// event only passes an error on. Addresses of its memory are the host's. Charging a Ledger is the caller's business.
class CpuDevice final : public Device {
 public:
  struct Options {
    Os* os = nullptr;
    ThreadPool* pool = nullptr;
    CpuFeatures features;
    Bytes memory;  ///< most that it gives out
  };
  /// What the options point to must outlive the device.
  explicit CpuDevice(const Options& options) : options_(options) {}
  CpuDevice(const CpuDevice&) = delete;
  CpuDevice& operator=(const CpuDevice&) = delete;

  const std::string& name() const override { return name_; }
  Result<DeviceMemoryState> memory() override;
  Result<std::unique_ptr<DeviceMemory>> allocate(Bytes size) override;
  Result<std::unique_ptr<Stream>> make_stream(StreamKind kind) override;
  Result<std::unique_ptr<Kernels>> make_kernels(const WorkspaceNeeds& needs, std::span<std::byte> workspace) override;
  void copy_in(Stream& stream, std::byte* to, std::span<const std::byte> from) override;
  void copy_out(Stream& stream, std::span<std::byte> to, const std::byte* from) override;
  Event record(Stream& stream) override;
  void wait(Stream& stream, Event event) override;
  Status synchronize(Stream& stream) override;

 private:
  struct FailedEvent {
    std::uint64_t id = 0;
    Error error;
  };

  Options options_;
  std::string name_ = "cpu";
  Bytes allocated_;
  std::array<FailedEvent, 64> failed_events_;  ///< the latest; all others went well
  std::uint64_t last_event_ = 0;
};

}  // namespace plimsoll
