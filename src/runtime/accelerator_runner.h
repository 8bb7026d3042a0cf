#pragma once

#include <memory>
#include <span>
#include <vector>

#include "model/binding.h"
#include "plan/stages/stages.h"
#include "runtime/device_arenas.h"
#include "runtime/runner.h"
#include "stream/slot_reader.h"

namespace plimsoll {

/// Walks the pass of a schedule on a device that is not the host: what it takes over is copied there from the host's values, weights that
/// do not stay there follow through slots, from the host's memory or by way of host slots from disk, while the device computes. The host
/// waits for the device only at the end of a pass and where a host slot is to be read into again. What it is made of outlives it.
class AcceleratorRunner final : public Runner {
 public:
  /// `device` and its `arenas` outlive the runner, like the options.
  static Result<std::unique_ptr<AcceleratorRunner>> create(const RunnerOptions& options, Device& device, const DeviceArenas& arenas);
  ~AcceleratorRunner() override;
  AcceleratorRunner(const AcceleratorRunner&) = delete;
  AcceleratorRunner& operator=(const AcceleratorRunner&) = delete;

  Status prime(std::int32_t block) override;
  /// The device's values do not outlive a pass: `first_block` is 0, and one that `layer_done` stops begins anew (0). It is told of a block
  /// when its work is queued.
  Result<std::int32_t> run(PassSize size, std::int32_t first_block, const LayerFunction& layer_done) override;

 private:
  AcceleratorRunner(const RunnerOptions& options, Device& device, const DeviceArenas& arenas)
      : options_(options),
        device_(device),
        arenas_(arenas),
        values_(stage_values(options.model->program(), options.first_block, std::ssize(options.program().blocks))) {}
  Status open();
  Result<bool> walk(PassSize size, const LayerFunction& layer_done);
  void copy_inputs(PassSize size);
  Status finish(PassSize size);
  void abandon();
  Status take(const FetchStep& step, PassSize size);
  Status take(const UploadStep& step, PassSize size);
  Status take(const FreeStep& step, PassSize size);
  Status take(const GatherTableStep& step, PassSize size);
  Status take(const ComputeStep& step, PassSize size);
  Status collect_rows(std::span<const std::int32_t> ids, std::byte* out);
  std::span<const std::byte> host_rows(const Chunk& chunk) const;
  void compute_chunk(const LinearOp& op, std::int32_t chunk, PassSize size);

  /// Addresses on the device, and those of a pass's inputs and answers on the host.
  StepBuilder there() const;
  StepBuilder here() const { return {options_.program(), *options_.schedule, *options_.host}; }
  const SlotRing& ring() const { return options_.schedule->ring; }
  std::int32_t disk_number(std::int32_t chunk) const { return ring().disk_numbers[static_cast<std::size_t>(chunk)]; }
  std::size_t host_slot(std::int32_t chunk) const { return static_cast<std::size_t>(disk_number(chunk) % ring().host.count); }
  std::size_t device_slot(std::int32_t chunk) const { return static_cast<std::size_t>(chunk % ring().device.count); }
  std::byte* device_slots_begin() const { return arenas_.bytes(MemoryTag::staging).data() + ring().device_offset; }
  std::byte* device_place(std::int32_t chunk) const { return device_slots_begin() + device_slot(chunk) * ring().device.bytes; }

  RunnerOptions options_;
  Device& device_;
  const DeviceArenas& arenas_;
  StageValues values_;
  std::unique_ptr<SlotReader> reader_;
  struct HostSlot {
    std::unique_ptr<Stream> copies;  ///< one for each, so that waiting for one slot waits for no other
    Event read;                      ///< a device that keeps a clock: when the disk has it
    bool copying = false;
  };
  struct DeviceSlot {
    Event arrived;
    Event freed;
  };
  std::vector<HostSlot> host_slots_;
  std::vector<DeviceSlot> device_slots_;
  std::unique_ptr<Stream> from_memory_;
  std::unique_ptr<Stream> to_memory_;
  bool primed_ = false;
};

}  // namespace plimsoll
