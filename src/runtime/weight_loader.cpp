#include "runtime/weight_loader.h"

#include <algorithm>
#include <new>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "model/binding.h"
#include "plan/layout/forms.h"
#include "runtime/headroom.h"
#include "runtime/initializer.h"

namespace plimsoll {
namespace {

// How far the system reads ahead of the loader. By itself it looks ahead too little to keep a disk busy; the page cache of a small
// container holds this much.
constexpr std::uint64_t kReadAhead = 8U << 20U;

class Loader {
 public:
  explicit Loader(const LoadRequest& request)
      : request_(request), headroom_(*request.os), failures_(static_cast<std::size_t>(std::max(request.schedule->load_slots.count, 1))) {}

  Status run() {
    const std::vector<ScheduleStep>& steps = request_.schedule->load;
    for (std::size_t i = 0; i < request_.schedule->weights.size(); ++i)
      planned_.count += wanted(static_cast<WeightId>(i)) ? request_.schedule->weights[i].bytes : 0;
    if (planned_.count == 0) return {};
    PLIMSOLL_CHECK(headroom_.before(Bytes{request_.schedule->load_slots.total() * (is_simulated() ? 2 : 1)}));
    for (std::size_t next = 0; next < steps.size();) {
      if (request_.cancel != nullptr && request_.cancel->cancelled()) return Error{ErrorCode::cancelled, "stopped while loading weights"};
      PLIMSOLL_CHECK(look_ahead(steps, next));
      next = gather_wave(steps, next);
      PLIMSOLL_CHECK(run_wave());
      report();
    }
    return {};
  }

 private:
  // The next reads, one for each slot, with the conversions that belong to them.
  std::size_t gather_wave(const std::vector<ScheduleStep>& steps, std::size_t next) {
    reads_.clear();
    prepares_.clear();
    for (; next < steps.size(); ++next) {
      if (const auto* read = std::get_if<ReadWeightStep>(&steps[next])) {
        if (!wanted(read->weight)) continue;
        if (reads_.size() == failures_.size() || takes(read->slot)) break;
        reads_.push_back(*read);
      } else if (const auto& prepare = std::get<PrepareWeightStep>(steps[next]); wanted(prepare.weight)) {
        prepares_.push_back(prepare);
      }
    }
    return next;
  }

  // Asks for what the steps from `next` on read, until that is kReadAhead more than was read so far.
  Status look_ahead(const std::vector<ScheduleStep>& steps, std::size_t next) {
    ahead_ = std::max(ahead_, next);
    for (; ahead_ < steps.size() && asked_ < read_ + kReadAhead; ++ahead_) {
      const auto* step = std::get_if<ReadWeightStep>(&steps[ahead_]);
      if (step == nullptr || !wanted(step->weight)) continue;
      PLIMSOLL_CHECK(for_each_extent(*step, [this](std::size_t, const BoundPart& bound, std::uint64_t first, std::uint64_t bytes) {
        if (bound.tensor != nullptr) request_.model->checkpoint().file(bound.tensor->file).will_read(bound.tensor->offset + first, bytes);
        asked_ += bytes;
        return Status();
      }));
    }
    return {};
  }

  bool wanted(WeightId id) const {
    return planned(id).home != Home::disk && (request_.wanted == nullptr || (*request_.wanted)[static_cast<std::size_t>(id)]);
  }

  // True when a read of this wave has the slot: where weights are left out, neighbours may have the same.
  bool takes(std::int32_t slot) const {
    return slot >= 0 && std::any_of(reads_.begin(), reads_.end(), [slot](const ReadWeightStep& read) { return read.slot == slot; });
  }

  Status run_wave() {
    if (request_.come_to) request_.come_to({Phase::load, static_cast<double>(done_.count) / static_cast<double>(planned_.count)});
    for (const ReadWeightStep& step : reads_)
      if (!on_device(step.weight) || is_simulated()) PLIMSOLL_CHECK(headroom_.before(Bytes{form_bytes(step)}));
    request_.pool->run(static_cast<std::int64_t>(reads_.size()), [this](int /*worker*/, std::int64_t item) {
      const auto i = static_cast<std::size_t>(item);
      failures_[i] = read(reads_[i]);
    });
    for (std::size_t i = 0; i < reads_.size(); ++i) PLIMSOLL_CHECK(std::move(failures_[i]));
    for (const PrepareWeightStep& step : prepares_) {
      const PrepareStep prepared = prepare(step);
      if (on_accelerator())
        request_.target.device->copy_in(*request_.stream, device_slot(step.slot), {slot(step.slot), stored_bytes(step)});
      request_.kernels->enqueue(*request_.stream, prepared);
    }
    PLIMSOLL_CHECK(request_.kernels->synchronize(*request_.stream));
    for (const ReadWeightStep& step : reads_) {
      done_.count += form_bytes(step);
      read_ += static_cast<std::uint64_t>(step.outputs) * stored_row_bytes(weight(step.weight), parts(step.weight));
    }
    return {};
  }

  const Weight& weight(WeightId id) const { return request_.model->program().weights[static_cast<std::size_t>(id)]; }
  const PlannedWeight& planned(WeightId id) const { return request_.schedule->weights[static_cast<std::size_t>(id)]; }
  const std::vector<BoundPart>& parts(WeightId id) const { return request_.model->binding().weights[static_cast<std::size_t>(id)]; }

  bool on_accelerator() const { return request_.target.device != nullptr; }
  bool is_simulated() const { return on_accelerator() && request_.target.device->is_in_host_memory(); }

  bool on_device(WeightId id) const { return on_accelerator() && planned(id).home == Home::device; }

  std::byte* place(WeightId id) const {
    const std::span<std::byte> weights =
        on_device(id) ? request_.target.arenas->bytes(MemoryTag::weights) : request_.reservation->bytes(MemoryTag::weights);
    return weights.data() + planned(id).offset;
  }
  std::byte* device_slot(std::int32_t number) const {
    const std::uint64_t offset = static_cast<std::uint64_t>(number) * request_.schedule->load_slots.bytes;
    return request_.target.arenas->bytes(MemoryTag::staging).data() + offset;
  }
  std::size_t stored_bytes(const PrepareWeightStep& step) const {
    return static_cast<std::size_t>(step.outputs) * stored_row_bytes(weight(step.weight), parts(step.weight));
  }
  std::byte* slot(std::int32_t number) const {
    return request_.reservation->bytes(MemoryTag::staging).data() +
           static_cast<std::uint64_t>(number) * request_.schedule->load_slots.bytes;
  }

  std::uint64_t form_bytes(const ReadWeightStep& step) const {
    const auto outputs = static_cast<std::uint64_t>(weight(step.weight).outputs);
    return planned(step.weight).bytes * static_cast<std::uint64_t>(step.outputs) / outputs;
  }

  // Visits what a step reads: of the weight's part p, the bytes [first, first + bytes) of its tensor.
  template <typename Visit>
  Status for_each_extent(const ReadWeightStep& step, Visit visit) const {
    const Weight& w = weight(step.weight);
    const std::vector<BoundPart>& bound = parts(step.weight);
    const std::int64_t row = w.role == WeightRole::vector ? 1 : w.inputs;
    std::int64_t first = step.first_output * w.inputs;
    const std::int64_t end = first + step.outputs * w.inputs;
    std::int64_t part_first = 0;
    for (std::size_t p = 0; p < w.parts.size() && first < end; ++p) {
      const std::int64_t part_end = part_first + w.parts[p].rows * row;
      if (first < part_end) {
        const std::int64_t count = std::min(end, part_end) - first;
        const std::uint64_t size = element_bytes(bound[p].type);
        PLIMSOLL_CHECK(visit(p, bound[p], static_cast<std::uint64_t>(first - part_first) * size, static_cast<std::uint64_t>(count) * size));
        first += count;
      }
      part_first = part_end;
    }
    return {};
  }

  // In any thread of the pool, where nobody else would catch it.
  Status read(const ReadWeightStep& step) const try {
    const Weight& w = weight(step.weight);
    const std::uint64_t before = static_cast<std::uint64_t>(step.first_output * w.inputs) * element_bytes(parts(step.weight).front().type);
    std::byte* out = step.slot < 0 ? place(step.weight) + before : slot(step.slot);
    return for_each_extent(step, [&](std::size_t p, const BoundPart& bound, std::uint64_t first, std::uint64_t bytes) {
      const std::span<std::byte> to(out, bytes);
      out += bytes;
      if (bound.tensor != nullptr) return request_.model->checkpoint().read(*bound.tensor, first, to);
      const float deviation = w.if_missing ? w.if_missing->deviation : 0;
      const auto element = static_cast<std::int64_t>(first / sizeof(float));
      fill_initial(w.parts[p].tensor, deviation, element, {reinterpret_cast<float*>(to.data()), bytes / sizeof(float)});
      return Status();
    });
  } catch (const std::bad_alloc&) {
    return heap_exhausted();
  }

  PrepareStep prepare(const PrepareWeightStep& step) const {
    const Weight& w = weight(step.weight);
    PrepareStep result;
    result.source = on_accelerator() ? device_slot(step.slot) : slot(step.slot);
    result.source_type = parts(step.weight).front().type;
    result.outputs = step.outputs;
    result.inputs = w.inputs;
    result.first_output = step.first_output;
    result.total_outputs = w.outputs;
    result.form = planned(step.weight).form;
    result.destination = place(step.weight);
    return result;
  }

  void report() const {
    if (reads_.empty() || request_.progress == nullptr || !*request_.progress) return;
    (*request_.progress)({"load", weight(reads_.back().weight).name, done_, planned_, request_.ledger->current()});
  }

  const LoadRequest& request_;
  Headroom headroom_;
  std::vector<Status> failures_;  // of each read of a wave
  std::vector<ReadWeightStep> reads_;
  std::vector<PrepareWeightStep> prepares_;
  std::size_t ahead_ = 0;    // the step that is asked for next
  std::uint64_t asked_ = 0;  // bytes of files
  std::uint64_t read_ = 0;
  Bytes done_;
  Bytes planned_;
};

Bytes touched_by_stage(const Model& model, const Schedule& schedule) {
  std::uint64_t end = 0;
  for (const ScheduleStep& step : schedule.load) {
    const auto* read = std::get_if<ReadWeightStep>(&step);
    if (read == nullptr || read->slot < 0) continue;
    const auto id = static_cast<std::size_t>(read->weight);
    const std::uint64_t bytes =
        static_cast<std::uint64_t>(read->outputs) * stored_row_bytes(model.program().weights[id], model.binding().weights[id]);
    end = std::max(end, static_cast<std::uint64_t>(read->slot) * schedule.load_slots.bytes + bytes);
  }
  return Bytes{end};
}

}  // namespace

Status load_weights(const LoadRequest& request) { return Loader(request).run(); }

Bytes touched_by_loading(const Model& model, const Plan& plan) {
  Bytes most;
  for (const Stage& stage : *plan.stages) most = std::max(most, touched_by_stage(model, stage.schedule));
  return most;
}

}  // namespace plimsoll
