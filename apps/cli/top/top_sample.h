#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/device_status.h>
#include <plimsoll/machine.h>
#include <plimsoll/plan.h>
#include <plimsoll/run_entry.h>

namespace plimsoll::cli {

/// Whether a model fits on a device now.
struct Fit {
  std::string device;
  Verdict verdict = Verdict::does_not_fit;
  std::string precision;
  Bytes planned;
  Bytes free;
  std::optional<Bytes> smallest;    ///< that would do on this device
  std::optional<Bytes> full_speed;  ///< from which on it is at most a tenth slower than with everything
};

/// What there is at one moment.
struct TopSample {
  double time = 0;  ///< seconds since 1970
  HostMemory memory;
  HostLoad load;
  std::vector<ProcessStatus> processes;  ///< of the host, largest first
  DeviceReport report;
  std::vector<RunStatus> runs;
  std::vector<Fit> fits;  ///< of --model
};

/// Looks at everything but models. Owns all that it uses, so that a thread may keep it.
class TopProbe {
 public:
  static constexpr std::size_t kProcesses = 64;

  TopProbe() : os_(make_os(gate_)), monitor_(*os_) {}
  TopSample look();

 private:
  Gate gate_;
  std::unique_ptr<Os> os_;
  DeviceMonitor monitor_;
};

/// A thread that looks again and again, so that a driver that hangs keeps nobody from leaving.
class Sampler {
 public:
  /// Owns all that it uses. A look that the heap has no room for is left out.
  using Look = std::function<TopSample()>;

  /// Fails with out_of_memory where no thread can be had.
  static Result<std::unique_ptr<Sampler>> start(Os& os, std::chrono::milliseconds pause, Look look);
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;
  /// Waits for no look.
  ~Sampler();

  /// The last look, if there was one since this was asked before.
  std::shared_ptr<const TopSample> take();
  /// Seconds since the look that goes on now began; zero between looks.
  double looking_for() const;

 private:
  struct Shared;
  Sampler() = default;
  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Thread> thread_;
};

}  // namespace plimsoll::cli
