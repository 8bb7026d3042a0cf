#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/os.h>

#include "device/cpu/isa.h"
#include "device/device.h"
#include "device/sim/sim_clock.h"
#include "device/sim/sim_faults.h"
#include "device/sim/sim_heap.h"
#include "device/sim/sim_script.h"
#include "device/sim/sim_spec.h"
#include "device/sim/sim_stream.h"
#include "platform/thread_pool.h"

namespace plimsoll {

/// A GPU that is not there: memory from a heap of exactly the size it was given, results from the CPU kernels and equal to theirs in every
/// bit, time from a clock of its own, faults and neighbours from a script.
///
/// It does work as late as it may: when a stream is synchronized, when another one waits for it, when memory or kernels are given back,
/// when a stream's queue is full. So a wait or a synchronize that is missing shows as a wrong result. Copies and steps whose addresses are
/// not in its memory are `internal` errors that name the operand. The bytes behind its memory are the host's, mapped and untouched until
/// used; no budget counts them.
///
/// A copy of the host's memory that is not wholly within a pin is pageable: it goes at a rate of its own and the host waits for it, with
/// all that its stream has to do before.
class SimDevice final : public Device {
 public:
  struct Options {
    Os* os = nullptr;
    ThreadPool* pool = nullptr;  ///< computes
    CpuFeatures features;
    SimSpec spec;
    std::string name = "sim:0";
    const CancelToken* cancel = nullptr;  ///< ends waits for a shared heap; may be null
  };
  /// Reads the script and opens the heap. Fails with `usage`, `not_found`, `io`, or `out_of_memory` where the context does not fit. What
  /// the options point to must outlive the device.
  static Result<std::unique_ptr<SimDevice>> create(Options options);

  const std::string& name() const override { return options_.name; }
  bool is_in_host_memory() const override { return true; }
  Result<DeviceMemoryState> memory() override;
  std::vector<Holder> holders() override { return heap_->holders(); }
  Result<std::unique_ptr<DeviceMemory>> allocate(Bytes size) override;
  /// Refused by the script or the Gate: the host's pages themselves stay as they are.
  Result<std::unique_ptr<HostPin>> pin(std::span<std::byte> pages) override;
  Result<std::unique_ptr<Stream>> make_stream(StreamKind kind) override;
  Result<std::unique_ptr<Kernels>> make_kernels(const WorkspaceNeeds& needs, std::span<std::byte> workspace) override;
  void copy_in(Stream& stream, std::byte* to, std::span<const std::byte> from) override;
  void copy_out(Stream& stream, std::span<std::byte> to, const std::byte* from) override;
  Event record(Stream& stream) override;
  void wait(Stream& stream, Event event) override;
  Status synchronize(Stream& stream) override;
  void at(const Moment& moment) override;
  Event host_reads(Bytes size) override;

  const SimSpec& spec() const { return options_.spec; }
  /// The host's virtual time, and how long each queue has worked.
  double seconds() const { return clock_.host(); }
  double busy(SimQueue queue) const { return clock_.busy(queue); }
  bool lost() const { return lost_; }

 private:
  friend class SimStream;
  friend class SimKernels;
  friend class SimMemory;
  friend class SimPin;

  explicit SimDevice(Options options) : options_(std::move(options)), clock_(options_.spec.rates) {}

  void launch(SimStream& stream, const Step& step, SimKernels& kernels);
  void push(SimStream& stream, const sim::Work& work);
  void copy(SimStream& stream, sim::Copy copy, std::span<const std::byte> host);
  void run(SimStream& stream, std::uint64_t until);
  void run_all();
  void execute(SimStream& stream, const sim::Work& work);
  Status perform(SimStream& stream, const sim::Work& work, const sim::Copy& copy);
  Status perform(SimStream& stream, const sim::Work& work, const sim::Launch& launch);
  Status perform(SimStream& stream, const sim::Work& work, const sim::Wait& wait);
  Status perform(SimStream& stream, const sim::Work& work, const sim::Record& record);
  void forget(SimStream& stream);
  void forget(std::span<const std::byte> memory);
  bool holds(std::span<const std::byte> range) const;
  bool is_pinned(std::span<const std::byte> range) const;

  void apply(const sim::Action& action);
  void act(const sim::ChangeOthers& action);
  void act(const sim::Fail& action);
  void act(const sim::Lose& action);
  void act(const sim::Hang& action);
  void act(const sim::Slow& action);
  Error refused_allocation(Bytes size);
  Error lost_error() const;

  Options options_;
  std::unique_ptr<SimHeap> heap_;
  SimScript script_;
  sim::Faults faults_;
  SimClock clock_;
  SimEvents events_;
  std::vector<SimStream*> streams_;
  std::vector<std::span<const std::byte>> allocations_;  ///< by address
  std::vector<std::span<const std::byte>> pinned_;
  Status script_failure_;  ///< of an action, until synchronize tells of it
  std::atomic<bool> lost_ = false;
  std::atomic<bool> hangs_ = false;  ///< takes work and does none
};

}  // namespace plimsoll
