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

/// Seconds that a back end waits for work that does not end before it gives its device up as lost.
inline constexpr double kDevicePatience = 30;

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
  Bytes free;     ///< what could be allocated at once, were it in one piece
  Bytes others;   ///< held by other processes
  Bytes ours;     ///< allocated by this process, its context included
  Bytes context;  ///< what the back end itself keeps in the device's memory
};

/// A range of a device's memory, given back by the destructor, which must run before its Device's and waits for all that is queued there.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  /// Addresses on the device; only steps and copies of the same device may follow them.
  virtual std::span<std::byte> bytes() const = 0;
};

/// Pages of the host that a device copies from and to without help of the host. Unpinned by the destructor, which must run before the pages
/// are given back or move and before its Device's, and waits for all that is queued there.
class HostPin {
 public:
  HostPin() = default;
  HostPin(const HostPin&) = delete;
  HostPin& operator=(const HostPin&) = delete;
  virtual ~HostPin() = default;
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

enum class Phase : std::uint8_t { load, pass };

/// Where a session is: what scripts of simulated events are timed by.
struct Moment {
  Phase phase = Phase::load;
  double loaded = 0;        ///< load: the fraction of the bytes that are there, 0 to 1
  std::int64_t pass = 1;    ///< pass: counted from 1
  std::int64_t layer = -1;  ///< pass: the layer about to run, counted from 0 as in tensor names; -1 before the first
};

/// Memory, copies and kernels of one device. One thread at a time, but for `name` and `memory`; outlives all that it made. Work of one
/// stream, copies and steps alike, happens in order; between streams only `wait` orders: what else runs first is open, and a device may
/// leave work undone until something waits for it. Errors of copies and steps may surface only at `synchronize`, which discards what was
/// queued since the last one. A stream that waits for what failed fails with the same error. Codes: `io` a copy or launch that failed and
/// may be tried again, `device_lost` (gone, or silent for `kDevicePatience`) everything from then on, `internal` and `unsupported` as the
/// kernels say. A stream is synchronized before it is destroyed: what is still queued then may or may not happen.
class Device {
 public:
  virtual ~Device() = default;

  virtual const std::string& name() const = 0;
  /// Whether its memory is this process's own, which limits of the process hold for.
  virtual bool is_in_host_memory() const { return false; }
  /// Any thread. Fails with `io` or `device_lost`.
  virtual Result<DeviceMemoryState> memory() = 0;
  /// The other processes with most of its memory, largest first, as far as the device itself can tell.
  virtual std::vector<Holder> holders() { return {}; }
  /// Fails with `out_of_memory`, figures attached.
  virtual Result<std::unique_ptr<DeviceMemory>> allocate(Bytes size) = 0;

  /// Makes the copies of `pages` asynchronous and fast for as long as the pin lives; others own the pages. Memory that is not wholly within
  /// a pin may still be copied, slower, and the host may have to wait for it: a refusal is no reason not to go on. Several devices may pin
  /// the same pages. Fails with `out_of_memory` or `device_lost`. By default there is nothing to do.
  virtual Result<std::unique_ptr<HostPin>> pin(std::span<std::byte> /*pages*/) { return std::make_unique<HostPin>(); }

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
  /// Blocks until the stream is done; the first error of what was queued on it, then none. The same as that of its Kernels.
  virtual Status synchronize(Stream& stream) = 0;

  /// The session has come to `moment`. Called in order before the work of that moment is queued; a later load or a repeated pass goes back.
  virtual void at(const Moment& /*moment*/) {}
  /// The host begins to read `size` bytes from disk, to copy them here: wait for the event before that copy. Only a device that keeps a
  /// clock of its own gives one that is not long past: the bytes themselves are there when the host says so.
  virtual Event host_reads(Bytes /*size*/) { return {}; }
};

}  // namespace plimsoll
