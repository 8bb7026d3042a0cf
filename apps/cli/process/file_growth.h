#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>

#include <plimsoll/bytes.h>

namespace plimsoll::cli {

/// A file that lies in memory (tmpfs) asks before it grows: what is written there is memory of this process's group that no plan knows.
/// Other files never ask.
class FileGrowth {
 public:
  /// While it lives, `grant` says how much may be written before it is asked again.
  class Watch {
   public:
    /// `growth` outlives it, and there is one at a time.
    Watch(FileGrowth& growth, std::function<Bytes()> grant) : growth_(growth) { growth_.ask(std::move(grant)); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() { growth_.ask(nullptr); }

   private:
    FileGrowth& growth_;
  };

  /// How much of `size` bytes may be written now; zero: nothing.
  std::size_t piece(std::size_t size);
  /// Whether all of them may.
  bool admits(std::size_t size);
  /// Something was written to `fd`: where a file lies is known only then.
  void written(int fd);

 private:
  void ask(std::function<Bytes()> grant);
  void ask_again();

  std::function<Bytes()> grant_;                ///< empty: the file may grow
  bool placed_ = false;                         ///< whether it lies on a disk is known
  std::size_t granted_ = 0;                     ///< and not used
  std::chrono::steady_clock::time_point next_;  ///< what was refused is not asked for before
};

}  // namespace plimsoll::cli
