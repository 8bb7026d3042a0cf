#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <plimsoll/bytes.h>
#include <plimsoll/result.h>

#include "device/step.h"

namespace plimsoll {

/// What a back end computes with, as values. The planner reads this and never a device.
struct WorkspaceNeeds {
  std::int64_t largest_inputs = 0;  ///< widest K of a linear layer
  std::int64_t longest_text = 0;    ///< tokens
  std::int64_t head_dim = 0;
  int threads = 1;
  std::int64_t tokens = 0;  ///< most rows of one linear step; 0 counts as unbounded
};

/// An ordered queue of work on one device. Back ends derive their own (a CUDA stream, a simulated queue).
class Stream {
 public:
  virtual ~Stream() = default;
};

/// A point in a stream: everything queued on it up to there. A value; zero is a point long past.
struct Event {
  std::uint64_t id = 0;
};

/// What a device says of its memory now.
struct DeviceMemoryState {
  Bytes total;
  Bytes free;    ///< what could be allocated at once, were it in one piece
  Bytes others;  ///< held by other processes
  Bytes ours;    ///< allocated by this process, its context included
  Bytes context; ///< what the back end itself keeps in the device's memory
};

/// A range of a device's memory, given back by the destructor, which must run before its Device's.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  /// Addresses on the device; only steps and copies of the same device may follow them.
  virtual std::span<std::byte> bytes() const = 0;
};

/// Runs steps. Errors of a step may surface only at `synchronize`, which discards what was queued since the last one.
/// One thread at a time. Everything is acquired when the back end is created; a step allocates nothing.
class Kernels {
 public:
  virtual ~Kernels() = default;
  virtual void enqueue(Stream& stream, const Step& step) = 0;
  virtual Status synchronize(Stream& stream) = 0;
};

/// Which way a stream's copies go, so that a device can give each way an engine of its own.
enum class StreamKind : std::uint8_t { compute, copy_in, copy_out };

/// Memory, copies and kernels of one device. One thread at a time. Copies of one stream happen in order; between streams only
/// `wait` orders. Like those of steps, errors of copies may surface only at `synchronize`, which discards what was queued since
/// the last one. A device that is lost fails everything from then on with `out_of_memory` or `internal` naming it.
class Device {
 public:
  virtual ~Device() = default;

  virtual const std::string& name() const = 0;
  virtual Result<DeviceMemoryState> memory() = 0;
  /// Fails with `out_of_memory`, figures attached.
  virtual Result<std::unique_ptr<DeviceMemory>> allocate(Bytes size) = 0;

  virtual Result<std::unique_ptr<Stream>> make_stream(StreamKind kind) = 0;
  /// `workspace` is memory of this device. Fails with `unsupported` or `out_of_memory`.
  virtual Result<std::unique_ptr<Kernels>> make_kernels(const WorkspaceNeeds& needs, std::span<std::byte> workspace) = 0;

  /// `from` is host memory and must stay as it is until the stream has passed the copy.
  virtual void copy_in(Stream& stream, std::byte* to, std::span<const std::byte> from) = 0;
  /// `to` is host memory; filled once the stream has passed the copy.
  virtual void copy_out(Stream& stream, std::span<std::byte> to, const std::byte* from) = 0;
  virtual Event record(Stream& stream) = 0;
  /// What is queued on `stream` from now on happens after `event`.
  virtual void wait(Stream& stream, Event event) = 0;
  /// Blocks until the stream is done; the first error of what was queued on it, then none.
  virtual Status synchronize(Stream& stream) = 0;
};

}  // namespace plimsoll
