#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include <plimsoll/os.h>
#include <plimsoll/session.h>

#include "pressure_rule.h"

namespace plimsoll::cli {

/// When to tell a session of another budget: ahead of a shortage at the rate at which memory goes, and later of a rise, but not of every
/// small one.
class BudgetRule {
 public:
  /// `first`: what the session's plan was made for. `smallest`: what the session cannot do with less than.
  BudgetRule(Bytes first, Bytes smallest) : last_(first), told_(first), smallest_(smallest) {}

  /// At every look: `budget` is what there is for the session, `planned` its plan's total. What to tell it, if anything.
  std::optional<Bytes> look(Bytes budget, Bytes planned);

 private:
  Bytes last_;  ///< seen
  Bytes told_;
  Bytes smallest_;
  int calm_ = 0;  ///< looks since memory went
};

/// A thread that asks ten times a second what the machine and the enclosing groups leave for this process, and once a second whether tasks
/// of its group wait for memory; and tells the session. Does without where no thread can be had.
class MemoryWatcher {
 public:
  static constexpr std::chrono::milliseconds kPause{100};

  /// Both outlive the watcher. `pause`: between two looks; for tests.
  MemoryWatcher(Os& os, Session& session, std::chrono::milliseconds pause = kPause);
  MemoryWatcher(const MemoryWatcher&) = delete;
  MemoryWatcher& operator=(const MemoryWatcher&) = delete;
  ~MemoryWatcher();

 private:
  void watch();
  void look();

  Os& os_;
  Session& session_;
  std::chrono::milliseconds pause_;
  BudgetRule rule_;
  PressureRule pressure_;
  Bytes wanted_;  ///< by the figures alone
  int looks_ = 0;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  std::unique_ptr<Thread> thread_;
};

}  // namespace plimsoll::cli
