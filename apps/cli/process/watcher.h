#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <plimsoll/device.h>
#include <plimsoll/os.h>
#include <plimsoll/session.h>

#include "process/pressure_rule.h"

namespace plimsoll::cli {

/// When to tell a session of another budget: ahead of a shortage at the rate at which memory goes, and later of a rise, but not of every
/// small one.
class BudgetRule {
 public:
  /// `first`: what the session's plan was made for. `smallest`: what the session cannot do with less than, asked when memory is short.
  BudgetRule(Bytes first, std::function<Bytes()> smallest) : last_(first), told_(first), smallest_(std::move(smallest)) {}

  /// At every look: `budget` is what there is for the session, `planned` its plan's total. What to tell it, if anything.
  std::optional<Bytes> look(Bytes budget, Bytes planned);

 private:
  Bytes last_;  ///< seen
  Bytes told_;
  std::function<Bytes()> smallest_;
  int calm_ = 0;  ///< looks since memory went
};

/// When to tell a session that a device beside the host has more for it than it had. What others do there takes nothing from what the
/// session holds, so a fall needs no telling.
class RiseRule {
 public:
  explicit RiseRule(Bytes first) : last_(first), told_(first) {}

  /// At every look: what the device has for the session, its own memory included. What to tell it, if anything.
  std::optional<Bytes> look(Bytes available);

 private:
  Bytes last_;
  Bytes told_;  ///< or less, once there was less
  int calm_ = 0;
};

/// A thread that asks ten times a second what the machine and the enclosing groups leave for this process and what the session's devices
/// have, and once a second whether tasks of its group wait for memory; and tells the session. Where no thread can be had, it has to be
/// asked to.
class MemoryWatcher {
 public:
  static constexpr std::chrono::milliseconds kPause{100};

  /// All outlive the watcher. `devices` are the session's. `smallest`: what the session cannot go on with less of the host's memory than;
  /// asked once at most, on the watcher's thread. `pause`: between two looks; for tests.
  MemoryWatcher(Os& os, Session& session, std::span<const std::unique_ptr<OpenDevice>> devices, std::function<Bytes()> smallest,
                std::chrono::milliseconds pause = kPause);
  MemoryWatcher(const MemoryWatcher&) = delete;
  MemoryWatcher& operator=(const MemoryWatcher&) = delete;
  ~MemoryWatcher();

  /// Gives back what the session should not have any more, and takes what it may have again. To be called often, between passes, by whoever
  /// runs them; a session does it by itself in a pass.
  Status keep_fit();

 private:
  /// A device beside the host.
  struct Watched {
    OpenDevice* device = nullptr;
    RiseRule rule;
  };
  Bytes smallest();
  void watch();
  void try_to_look();
  void look();
  void look_at_devices();

  Os& os_;
  Session& session_;
  std::chrono::milliseconds pause_;
  std::function<Bytes()> find_smallest_;
  std::optional<Bytes> smallest_;  // once it was asked for
  BudgetRule rule_;
  PressureRule pressure_;
  Bytes wanted_;  ///< by the figures alone
  int looks_ = 0;
  std::vector<Watched> devices_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  std::unique_ptr<Thread> thread_;                     ///< null: nobody looks but keep_fit()
  std::chrono::steady_clock::time_point next_look_{};  ///< then
};

}  // namespace plimsoll::cli
