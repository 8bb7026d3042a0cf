#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include <plimsoll/ledger.h>
#include <plimsoll/machine.h>
#include <plimsoll/os.h>

namespace plimsoll {

class Device;
class ThreadPool;

/// A device beside the host, opened, with the ledger that counts what this process plans on it. Immovable: plans and sessions refer to it.
class OpenDevice {
 public:
  /// A simulated GPU: `spec` as `--sim` takes it ("memory=2GiB,used=1GiB,link=12GB/s"), `name` as plans call it ("sim:0"). Results come
  /// from the host's processor, memory from a heap of that size, time from a clock of its own (docs/architecture.md). `threads` compute.
  /// Fails with usage (the key, what was given, what is allowed), not_found or io (its script), out_of_memory.
  static Result<std::unique_ptr<OpenDevice>> simulate(Os& os, std::string_view name, std::string_view spec, int threads);
  ~OpenDevice();
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;

  /// What it has now and how fast it is, for a Snapshot. Fails with io or device_lost.
  Result<Accelerator> describe();
  /// What this process may plan for on it now: what is free, and what it holds already. Any thread. Fails with io or device_lost.
  Result<Bytes> available();
  Ledger& ledger();
  /// Seconds by the device's own clock since it was opened; zero for one that has none.
  double seconds() const;

  /// For the library's own rooms.
  Device& device();

 private:
  struct State;
  explicit OpenDevice(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll
