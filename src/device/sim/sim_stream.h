#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "device/device.h"

namespace plimsoll {

class SimDevice;
class SimKernels;

namespace sim {

struct Copy {
  std::byte* to = nullptr;
  const std::byte* from = nullptr;
  std::size_t size = 0;
  bool in = true;
  bool pageable = false;
};
struct Launch {
  Step step;
  SimKernels* kernels = nullptr;
};
struct Record {
  std::uint64_t event = 0;
};
struct Wait {
  std::uint64_t event = 0;
};

/// Something queued on a stream.
struct Work {
  std::variant<Copy, Launch, Record, Wait> what;
  double issued = 0;   ///< the host's virtual time when it was queued
  bool fails = false;  ///< by the script
};

}  // namespace sim

/// Work that waits until something asks for it. Allocates only when it is made.
class SimStream final : public Stream {
 public:
  static constexpr std::size_t kCapacity = 256;

  explicit SimStream(SimDevice& device) : device_(device), work_(kCapacity) {}
  ~SimStream() override;
  SimStream(const SimStream&) = delete;
  SimStream& operator=(const SimStream&) = delete;

  bool full() const { return queued_ - done_ == kCapacity; }
  bool idle() const { return queued_ == done_; }
  /// Positions count all work that this stream was ever given.
  std::uint64_t queued() const { return queued_; }
  std::uint64_t done() const { return done_; }
  void push(const sim::Work& work) { work_[queued_++ % kCapacity] = work; }
  sim::Work pop() { return work_[done_++ % kCapacity]; }

  double time = 0;  ///< virtual: the end of what was done last
  Status failure;   ///< of the first thing that failed; what follows is not done

 private:
  SimDevice& device_;
  std::vector<sim::Work> work_;
  std::uint64_t queued_ = 0;
  std::uint64_t done_ = 0;
};

/// The latest events of a device. One that was overwritten long ago counts as past.
class SimEvents {
 public:
  static constexpr std::size_t kCapacity = 1024;

  struct Entry {
    std::uint64_t id = 0;
    SimStream* stream = nullptr;  ///< whose work it waits for; null once that is done
    std::uint64_t position = 0;   ///< in that stream
    double time = 0;              ///< virtual, once done
    std::shared_ptr<const Error> failure;
  };

  SimEvents();

  std::uint64_t next_id() const { return last_ + 1; }
  /// The place of an event, which may still hold one of long ago.
  Entry& place(std::uint64_t id) { return entries_[id % kCapacity]; }
  /// A new event in the next place. What stood there must be past.
  Entry& add();
  /// Null for what is long past.
  Entry* find(std::uint64_t id);
  /// It is past, and what came before it failed; the heap had no room to say how.
  void fail(std::uint64_t id) noexcept;
  /// The work that events of `stream` stand for will never be done.
  void abandon(const SimStream& stream) noexcept;

 private:
  std::vector<Entry> entries_;
  std::shared_ptr<const Error> abandoned_;  ///< made ahead: a destructor tells of it
  std::shared_ptr<const Error> exhausted_;  ///< made ahead: when it is told of, there is no memory
  std::uint64_t last_ = 0;
};

}  // namespace plimsoll
