#include "plan/layout/ring.h"

#include <algorithm>
#include <utility>

#include "plan/candidates/description.h"
#include "plan/candidates/residency.h"
#include "platform/direct_block.h"

namespace plimsoll {
namespace {

// Visits every tensor of every weight that could stream: of a weight in block b, its part p, which begins with output `first` of the
// weight, in chunks of at most `most` rows.
template <typename Visit>
void for_each_streamable_part(const LayoutRequest& request, const Candidate& candidate, Visit visit) {
  const Program& program = *request.program;
  for (std::int64_t b = 0; b < std::ssize(program.blocks); ++b) {
    for (const Op& op : program.blocks[static_cast<std::size_t>(b)].ops) {
      for (const WeightId id : op_weights(op)) {
        const Weight& weight = program.weights[static_cast<std::size_t>(id)];
        const std::vector<BoundPart>& parts = request.binding->weights[static_cast<std::size_t>(id)];
        if (!can_stream(weight, parts)) continue;
        std::int64_t first = 0;
        for (std::size_t p = 0; p < weight.parts.size(); ++p) {
          visit(b, id, static_cast<std::int32_t>(p), first,
                rows_per_chunk(stored_row_bytes(weight, parts), weight.parts[p].rows, candidate.chunk_bytes));
          first += weight.parts[p].rows;
        }
      }
    }
  }
}

/// The order in which things numbered from 0 on go around through slots, number i through slot i % slots, again and again: what may come
/// in once `done` is through. Always in ascending order, so that behind the last of a round come the first of the next.
class Succession {
 public:
  Succession(std::int32_t count, std::int32_t slots) : count_(count), slots_(slots), done_(static_cast<std::size_t>(slots), false) {}

  template <typename Emit>
  void after(std::int32_t done, Emit emit) {
    if (done + slots_ < count_) return emit(done + slots_);
    done_[static_cast<std::size_t>(done % slots_)] = true;
    for (; next_ < std::min(slots_, count_) && done_[static_cast<std::size_t>(next_)]; ++next_) emit(next_);
    if (done + 1 < count_) return;
    std::fill(done_.begin(), done_.end(), false);
    next_ = 0;
  }

 private:
  std::int32_t count_;
  std::int32_t slots_;
  std::vector<bool> done_;  // of each slot: its last of this round is through
  std::int32_t next_ = 0;   // of the next round
};

/// Host slots on their way to a device. A slot is read into again only some uploads later, when its copy is likely to be done, so that
/// the host does not wait for the device; sooner where the next upload needs what comes into it.
class HostSlots {
 public:
  HostSlots(std::int32_t chunks, std::int32_t slots)
      : order_(chunks, slots), behind_(static_cast<std::size_t>(slots / 2)), sent_for_(std::min(chunks, slots)) {}

  /// Before the next upload.
  template <typename Emit>
  void prepare(Emit emit) {
    while (sent_for_ <= uploaded_) release(emit);
  }

  template <typename Emit>
  void uploaded(std::int32_t number, Emit emit) {
    ++uploaded_;
    copying_.push_back(number);
    while (copying_.size() > behind_) release(emit);
  }

  /// At the end of a round, `ahead` of the next are uploaded already: the rest of this one is released.
  template <typename Emit>
  void finish(std::int32_t ahead, Emit emit) {
    while (copying_.size() > std::min(behind_, static_cast<std::size_t>(ahead))) release(emit);
  }

 private:
  template <typename Emit>
  void release(Emit emit) {
    const std::int32_t number = copying_.front();
    copying_.erase(copying_.begin());
    order_.after(number, [&](std::int32_t next) {
      ++sent_for_;
      emit(next);
    });
  }

  Succession order_;
  std::size_t behind_;
  std::int32_t sent_for_;  // in all: they are sent for in the order in which they are uploaded
  std::int32_t uploaded_ = 0;
  std::vector<std::int32_t> copying_;  // numbers, the oldest first
};

// Fetch, upload, compute, free.
constexpr std::size_t kMostStepsOfChunk = 4;
static_assert(sizeof(Chunk) + sizeof(std::int32_t) + kMostStepsOfChunk * sizeof(ScheduleStep) <= kChunkBytes);

/// Appends a pass's steps. Chunks go around through their slots; a pass ends with the first chunks of the next on their way.
class PassBuilder {
 public:
  PassBuilder(const Program& program, Schedule& schedule)
      : program_(program),
        schedule_(schedule),
        ring_(schedule.ring),
        count_(static_cast<std::int32_t>(ring_.chunks.size())),
        reads_(ring_.disk_chunks, ring_.host.count),
        host_slots_(ring_.disk_chunks, ring_.host.count),
        uploads_(count_, ring_.device.count) {
    for (std::int32_t chunk = 0; chunk < count_; ++chunk) {
      if (disk_number(chunk) >= 0) from_disk_.push_back(chunk);
      if (chunk < ring_.device.count) primed_from_disk_ = static_cast<std::int32_t>(from_disk_.size());
    }
  }

  void build() {
    prime();
    schedule_.pass.reserve(1 + program_.op_count() + kMostStepsOfChunk * ring_.chunks.size());
    if (schedule_.gathered.weight != kNone) schedule_.pass.emplace_back(GatherTableStep{});
    for (std::size_t block = 0; block < program_.blocks.size(); ++block) {
      for (std::size_t op = 0; op < program_.blocks[block].ops.size(); ++op)
        compute(static_cast<std::int32_t>(block), static_cast<std::int32_t>(op), program_.blocks[block].ops[op]);
    }
    host_slots_.finish(primed_from_disk_, [&](std::int32_t number) { fetch(schedule_.pass, number); });
  }

 private:
  std::int32_t disk_number(std::int32_t chunk) const { return ring_.disk_numbers[static_cast<std::size_t>(chunk)]; }

  // As a pass leaves it: slots of the device full, and those of the host with what follows.
  void prime() {
    for (std::int32_t d = 0; d < std::min(ring_.disk_chunks, ring_.host.count); ++d) fetch(schedule_.prime, d);
    for (std::int32_t chunk = 0; chunk < std::min(count_, ring_.device.count); ++chunk) upload(schedule_.prime, chunk);
  }

  void fetch(std::vector<ScheduleStep>& steps, std::int32_t number) const {
    steps.emplace_back(FetchStep{from_disk_[static_cast<std::size_t>(number)]});
  }

  void upload(std::vector<ScheduleStep>& steps, std::int32_t chunk) {
    const auto emit = [&](std::int32_t number) { fetch(steps, number); };
    const std::int32_t number = disk_number(chunk);
    if (number >= 0) host_slots_.prepare(emit);
    steps.emplace_back(UploadStep{chunk});
    if (number >= 0) host_slots_.uploaded(number, emit);
  }

  void compute(std::int32_t block, std::int32_t op, const Op& kind) {
    const auto* linear = std::get_if<LinearOp>(&kind);
    if (linear == nullptr || schedule_.weights[static_cast<std::size_t>(linear->weight)].home == Home::device) {
      schedule_.pass.emplace_back(ComputeStep{block, op, -1});
      return;
    }
    for (; next_ < count_ && ring_.chunks[static_cast<std::size_t>(next_)].weight == linear->weight; ++next_) {
      schedule_.pass.emplace_back(ComputeStep{block, op, next_});
      schedule_.pass.emplace_back(FreeStep{next_});
      if (ring_.device.count > 0) {
        uploads_.after(next_, [&](std::int32_t chunk) { upload(schedule_.pass, chunk); });
      } else {
        reads_.after(next_, [&](std::int32_t number) { fetch(schedule_.pass, number); });
      }
    }
  }

  const Program& program_;
  Schedule& schedule_;
  const SlotRing& ring_;
  std::int32_t count_;
  Succession reads_;  // where the host computes
  HostSlots host_slots_;
  Succession uploads_;
  std::vector<std::int32_t> from_disk_;  // chunks, by their number among those from disk
  std::int32_t primed_from_disk_ = 0;    // of the chunks that a pass finds on the device
  std::int32_t next_ = 0;
};

}  // namespace

std::int64_t rows_per_chunk(std::uint64_t row_bytes, std::int64_t rows, std::uint64_t chunk_bytes) {
  const std::uint64_t panel_bytes = std::max<std::uint64_t>(row_bytes, 1) * static_cast<std::uint64_t>(kPanelOutputs);
  const auto panels = static_cast<std::int64_t>(std::max<std::uint64_t>(chunk_bytes / panel_bytes, 1));
  return std::min(rows, panels * kPanelOutputs);
}

SlotRing measure_ring(const LayoutRequest& request, const Candidate& candidate) {
  SlotRing ring;
  if (candidate.streamed_blocks == 0) return ring;
  std::uint64_t largest = 0;
  for_each_streamable_part(request, candidate, [&](std::int64_t b, WeightId id, std::int32_t, std::int64_t, std::int64_t most) {
    const Weight& weight = request.program->weights[static_cast<std::size_t>(id)];
    const std::vector<BoundPart>& parts = request.binding->weights[static_cast<std::size_t>(id)];
    largest = std::max(largest, static_cast<std::uint64_t>(most) * stored_row_bytes(weight, parts));
    const ElementType storage = block_storage(candidate, b, std::ssize(request.program->blocks));
    if (storage == ElementType::float32 || storage == parts.front().type) return;
    const auto bytes = static_cast<std::uint64_t>(weight_bytes({storage, WeightLayout::rows}, most, weight.inputs));
    ring.prepared_bytes = std::max(ring.prepared_bytes, align_place(bytes));
  });
  const bool reads = candidate.host_blocks < candidate.streamed_blocks;
  ring.host = {slot_bytes(largest), reads ? candidate.slots : 0};
  if (request.is_accelerator()) {
    ring.host.count *= 2;
    ring.device = {align_place(largest), candidate.slots};
  }
  return ring;
}

void cut_chunks(const LayoutRequest& request, const Candidate& candidate, Schedule& schedule) {
  if (candidate.streamed_blocks == 0) return;
  SlotRing& ring = schedule.ring;
  const auto home_of = [&](WeightId id) { return schedule.weights[static_cast<std::size_t>(id)].home; };
  const auto rows_of = [&](WeightId id, std::int32_t p) {
    return request.program->weights[static_cast<std::size_t>(id)].parts[static_cast<std::size_t>(p)].rows;
  };
  std::size_t chunks = 0;
  for_each_streamable_part(request, candidate, [&](std::int64_t, WeightId id, std::int32_t p, std::int64_t, std::int64_t most) {
    if (home_of(id) != Home::device) chunks += static_cast<std::size_t>((rows_of(id, p) + most - 1) / most);
  });
  ring.chunks.reserve(chunks);
  ring.disk_numbers.reserve(chunks);
  for_each_streamable_part(request, candidate, [&](std::int64_t, WeightId id, std::int32_t p, std::int64_t first, std::int64_t most) {
    const Home home = home_of(id);
    if (home == Home::device) return;
    const std::int64_t rows = rows_of(id, p);
    for (std::int64_t row = 0; row < rows; row += most) {
      ring.chunks.push_back({id, p, static_cast<std::int32_t>(first + row), static_cast<std::int32_t>(std::min(most, rows - row)),
                             static_cast<std::int32_t>(row)});
      ring.disk_numbers.push_back(home == Home::disk ? ring.disk_chunks++ : -1);
    }
  });
}

void schedule_pass(const Program& program, Schedule& schedule) { PassBuilder(program, schedule).build(); }

}  // namespace plimsoll
