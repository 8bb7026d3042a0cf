#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <plimsoll/bytes.h>
#include <plimsoll/os.h>

#pragma GCC visibility push(default)

namespace plimsoll {

/// What a run has on one device.
struct RunDevice {
  std::string name;
  Bytes planned;
  Bytes current;  ///< by its ledger, less the weights that are yet to be loaded, with the allowance for what no arena holds
};

/// One of Plimsoll's runs.
struct RunStatus {
  std::int64_t pid = 0;
  std::chrono::nanoseconds start{0};  ///< by Os::now
  std::string model;                  ///< as it was given: not safe to print
  std::string phase;                  ///< "reading" (the model's files and the input), "loading", "running", "waiting" (for input)
  std::vector<RunDevice> devices;
};

/// Tells this user's other processes of a run of this one, by a small file that is locked as long as the run lasts: it is gone however the
/// process ends. One thread at a time.
class RunEntry {
 public:
  /// Null where there is no place for it (a read-only machine, no /proc): nobody is told then, and nothing else changes.
  static std::unique_ptr<RunEntry> open(Os& os);
  RunEntry(const RunEntry&) = delete;
  RunEntry& operator=(const RunEntry&) = delete;
  ~RunEntry();

  /// One small write, which tells of the first 64 devices; never waits, and a failure is nobody's concern. `pid` and `start` are filled in.
  void update(const RunStatus& status);

 private:
  RunEntry(Os& os, std::int64_t pid) : os_(os), pid_(pid), start_(os.now()) {}

  Os& os_;
  std::int64_t pid_;
  std::chrono::nanoseconds start_;
  std::string path_;
  std::unique_ptr<FileLock> lock_;
  std::uint64_t sequence_ = 0;
};

/// This user's runs, by number; those of another XDG_RUNTIME_DIR are not among them. Removes what runs that were killed left behind. Never
/// waits; files that make no sense are left out.
std::vector<RunStatus> list_runs(Os& os);

}  // namespace plimsoll

#pragma GCC visibility pop
