#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include <plimsoll/ledger.h>
#include <plimsoll/machine.h>
#include <plimsoll/os.h>

namespace plimsoll {
class Device;
class ThreadPool;
}  // namespace plimsoll

#pragma GCC visibility push(default)

namespace plimsoll {

/// A device beside the host, opened, with the ledger that counts what this process plans on it. Immovable: plans and sessions refer to it.
class OpenDevice {
 public:
  /// A simulated GPU: `spec` as `--sim` takes it ("memory=2GiB,used=1GiB,link=12GB/s"), `name` as plans call it ("sim:0"). Results come
  /// from the host's processor, memory from a heap of that size, time from a clock of its own (docs/architecture.md). `threads`, 1 to
  /// 65,536, compute. Fails with usage (the key, what was given, what is allowed), not_found or io (its script), out_of_memory. A heap that
  /// is shared is locked for each use of it, by a holder that may be stopped: `cancel`, which may be null and must outlive the device, ends
  /// such a wait, with `cancelled`.
  static Result<std::unique_ptr<OpenDevice>> simulate(Os& os, std::string_view name, std::string_view spec, int threads,
                                                      const CancelToken* cancel = nullptr);
  /// cuda:N: an NVIDIA GPU, numbered as the driver does after CUDA_VISIBLE_DEVICES. Its context, cuBLASLt and all kernels are loaded then.
  /// `free_before`: what was free on it before this process came, as DeviceMonitor tells, so that the context can be counted; zero:
  /// unknown. Fails with unsupported (this build has no CUDA; the driver or the device is too old), not_found (no driver, device or
  /// cuBLASLt), out_of_memory, io. `os` must outlive it.
  static Result<std::unique_ptr<OpenDevice>> open_cuda(Os& os, int number, Bytes free_before = {});
  /// How many of them there are. Fails with not_found where there is no driver or no device, and as `open_cuda`.
  static Result<int> count_cuda(Os& os);
  ~OpenDevice();
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;

  /// What it has now and how fast it is, for a Snapshot. The rate of the disk is zero where the device does not decide it. Fails with io or
  /// device_lost.
  Result<Accelerator> describe();
  /// What this process may plan for on it now: what is free, and what it holds already. Any thread. Fails with io or device_lost.
  Result<Bytes> available();
  /// The other processes with most of its memory, largest first, where the device itself can tell: a GPU's are DeviceMonitor's to tell.
  std::vector<Holder> holders();
  Ledger& ledger();
  /// Seconds by the device's own clock since it was opened; zero for one that has none.
  double seconds() const;

  /// For the library's own rooms: not exported. A device does one thing at a time: who uses it holds its `turn`.
  [[gnu::visibility("hidden")]] Device& device();
  [[gnu::visibility("hidden")]] std::recursive_mutex& turn();

 private:
  struct State;
  explicit OpenDevice(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll

#pragma GCC visibility pop
