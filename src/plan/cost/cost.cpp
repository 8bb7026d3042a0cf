#include "plan/cost/cost.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "plan/layout/ring.h"
#include "plan/layout/stage_program.h"

namespace plimsoll {
namespace {

// What products lose to packing rows on the way and to the reader's share of the processors (docs/performance.md).
constexpr double kStreamedCompute = 1.06;
// Handing over a slot, and starting the team of threads once more.
constexpr double kChunkSeconds = 30e-6;
// A row that is fetched from its file by itself: asking for it and copying it, many at once. An accelerator's disk is known by its rate
// alone.
constexpr double kRowSeconds = 5e-6;

// Of the rate that a disk reaches with reads always on their way, what so many slots keep: computing and reading are not even, and where
// little is read ahead, the disk rests whenever a product takes longer than usual (docs/performance.md).
double reading_share(std::int32_t slots) {
  const double ahead = std::max(slots - 1, 1);
  return ahead / (ahead + 0.75);
}

struct Work {
  double flops = 0;
  double bytes = 0;
};

class BlockCost {
 public:
  BlockCost(const LayoutRequest& request, const Schedule& schedule, const Candidate& candidate)
      : request_(request),
        schedule_(schedule),
        tokens_(static_cast<double>(candidate.tokens_per_pass)),
        chunk_bytes_(candidate.chunk_bytes),
        ring_(ring_time(request, candidate)),
        disk_rate_(request.is_accelerator() ? request.device->disk_rate : request.device->disk_rate * reading_share(candidate.slots)),
        rate_(candidate.compute == ElementType::bfloat16 ? request.device->bfloat16_flops : request.device->float32_flops) {}

  BlockTime time(const Block& block) const {
    BlockTime time;
    std::vector<double> cut;  // bytes of its chunks
    for (const Op& op : block.ops) {
      const Work work = of(op);
      const double seconds = std::max(work.flops / rate_, work.bytes / request_.device->memory_rate);
      const double bytes = streamed_bytes(op);
      const double chunks = bytes > 0 ? add_chunks(op, cut) : 0;
      time.compute += seconds * (bytes > 0 ? streamed_compute() : 1) + std::max(chunks, 1.0) * request_.device->step_seconds;
      if (bytes == 0) continue;
      if (home(op) == Home::disk) time.read += bytes / disk_rate_ + chunks * request_.device->read_seconds;
      if (request_.is_accelerator()) time.upload += bytes / request_.device->link_rate + chunks * request_.device->step_seconds;
      else time.compute += chunks * kChunkSeconds;
    }
    share(cut, time);
    gather(block, time);
    return time;
  }

 private:
  const PlannedValue& value(ValueId id) const { return schedule_.values[static_cast<std::size_t>(id)]; }
  const PlannedWeight& planned(WeightId id) const { return schedule_.weights[static_cast<std::size_t>(id)]; }
  const Weight& weight(WeightId id) const { return request_.program->weights[static_cast<std::size_t>(id)]; }
  double row_bytes(WeightId id) const {
    return static_cast<double>(stored_row_bytes(weight(id), request_.binding->weights[static_cast<std::size_t>(id)]));
  }

  double value_bytes(ValueId id) const {
    return static_cast<double>(value(id).rows * value(id).cols) * static_cast<double>(element_bytes(value(id).type));
  }

  Work of(const Op& op) const {
    Work work;
    const OpValues used = op_values(op);
    for (const ValueId id : used.reads) work.bytes += value_bytes(id);
    work.bytes += value_bytes(used.writes);
    for (const WeightId id : op_weights(op)) work.bytes += static_cast<double>(planned(id).bytes);
    if (const auto* linear = std::get_if<LinearOp>(&op)) {
      const Weight& matrix = weight(linear->weight);
      work.flops = 2.0 * static_cast<double>(value(linear->out).rows) * static_cast<double>(matrix.outputs * matrix.inputs);
    } else if (const auto* attention = std::get_if<AttentionOp>(&op)) {
      work.flops = 4.0 * tokens_ * static_cast<double>(request_.workload.longest * attention->heads * attention->head_dim);
    } else if (const auto* embed = std::get_if<EmbedOp>(&op)) {
      work.bytes = 4 * value_bytes(embed->out);  // tables are gathered, not swept
    }
    return work;
  }

  // An accelerator's products pack nothing, and its copies take nothing from them.
  double streamed_compute() const { return request_.is_accelerator() ? 1 : kStreamedCompute; }

  Home home(const Op& op) const {
    const auto* linear = std::get_if<LinearOp>(&op);
    return linear == nullptr ? Home::device : planned(linear->weight).home;
  }

  double streamed_bytes(const Op& op) const {
    const auto* linear = std::get_if<LinearOp>(&op);
    if (home(op) == Home::device) return 0;
    return static_cast<double>(weight(linear->weight).outputs) * row_bytes(linear->weight);
  }

  // As cut_chunks cuts each tensor. Gives how many there are of the op.
  double add_chunks(const Op& op, std::vector<double>& cut) const {
    const WeightId id = std::get<LinearOp>(op).weight;
    const std::size_t before = cut.size();
    const std::int64_t most = rows_per_chunk(stored_row_bytes(weight(id), request_.binding->weights[static_cast<std::size_t>(id)]),
                                             std::numeric_limits<std::int64_t>::max(), chunk_bytes_);
    for (const WeightPart& part : weight(id).parts) {
      for (std::int64_t row = 0; row < part.rows; row += std::min(most, part.rows - row))
        cut.push_back(static_cast<double>(std::min(most, part.rows - row)) * row_bytes(id));
    }
    return static_cast<double>(cut.size() - before);
  }

  void share(const std::vector<double>& cut, BlockTime& time) const {
    if (cut.empty()) return;
    const double bytes = std::accumulate(cut.begin(), cut.end(), 0.0);
    const auto behind = [&](std::int32_t slots) {
      return std::accumulate(cut.begin() + std::min<std::ptrdiff_t>(slots, std::ssize(cut)), cut.end(), 0.0) / bytes;
    };
    time.chunks = static_cast<double>(cut.size());
    time.first = cut.front() / bytes;
    time.last = cut.back() / bytes;
    time.read_behind = behind(ring_.reads_ahead());
    time.upload_behind = behind(ring_.slots);
  }

  void gather(const Block& block, BlockTime& time) const {
    const WeightId table = schedule_.gathered.weight;
    const auto* embed = block.ops.empty() ? nullptr : std::get_if<EmbedOp>(&block.ops.front());
    if (table == kNone || embed == nullptr || embed->words != table) return;
    const double bytes = tokens_ * row_bytes(table);
    const double read = planned(table).home == Home::disk ? bytes / request_.device->disk_rate : 0;
    if (request_.is_accelerator()) {
      time.gather_read = read;
      time.gather_upload = bytes / request_.device->link_rate + request_.device->step_seconds;
    } else {
      time.compute += read + tokens_ * kRowSeconds;
    }
  }

  const LayoutRequest& request_;
  const Schedule& schedule_;
  double tokens_;
  std::uint64_t chunk_bytes_;
  RingTime ring_;
  double disk_rate_;  // of chunks
  double rate_;
};

}  // namespace

std::vector<BlockTime> block_times(const LayoutRequest& request, const Schedule& schedule, const Candidate& candidate) {
  const BlockCost cost(request, schedule, candidate);
  std::vector<BlockTime> list;
  for (const Block& block : request.program->blocks) list.push_back(cost.time(block));
  return list;
}

PassCopies pass_copies(const LayoutRequest& request, const Candidate& candidate) {
  if (!request.is_accelerator()) return {};
  const Program& program = *request.program;
  const StageValues crossing = request.crossing != nullptr ? *request.crossing : stage_values(program, 0, std::ssize(program.blocks));
  const auto seconds = [&](const std::vector<ValueId>& values) {
    double sum = 0;
    for (const ValueId id : values) {
      const Value& value = program.values[static_cast<std::size_t>(id)];
      const std::int64_t rows = value.rows == Dim::tokens ? candidate.tokens_per_pass : candidate.texts_per_pass;
      const double element = candidate.compute == ElementType::bfloat16 && value.type == ValueType::hidden ? 2 : 4;
      sum += static_cast<double>(rows * value.cols) * element / request.device->link_rate + request.device->step_seconds;
    }
    return sum;
  };
  return {seconds(crossing.inputs), seconds(crossing.outputs)};
}

RingTime ring_time(const LayoutRequest& request, const Candidate& candidate) { return {candidate.slots, request.is_accelerator()}; }

double pass_seconds(const LayoutRequest& request, const Schedule& schedule, const Candidate& candidate) {
  std::vector<TimedBlocks> blocks;
  for (const BlockTime& time : block_times(request, schedule, candidate)) blocks.push_back({time});
  return pass_seconds(blocks, ring_time(request, candidate), pass_copies(request, candidate));
}

double load_seconds(const LayoutRequest& request, const Schedule& schedule) {
  double read = 0;
  double written = 0;
  for (std::size_t i = 0; i < schedule.weights.size(); ++i) {
    if (schedule.weights[i].home == Home::disk) continue;  // or of another stage
    const Weight& weight = request.program->weights[i];
    read += static_cast<double>(weight.outputs) * static_cast<double>(stored_row_bytes(weight, request.binding->weights[i]));
    written += static_cast<double>(schedule.weights[i].bytes);
  }
  const double uploaded = request.is_accelerator() ? written / request.device->link_rate : 0;
  return read / request.device->disk_rate + 2 * written / request.host->memory_rate + uploaded;
}

double workload_seconds(double pass, const Candidate& candidate, const Workload& workload) {
  const auto tokens = static_cast<double>(candidate.tokens_per_pass);
  if (workload.total_tokens <= 0) return pass / tokens;
  const double by_tokens = static_cast<double>(workload.total_tokens) / tokens;
  const double by_texts = static_cast<double>(workload.texts) / static_cast<double>(candidate.texts_per_pass);
  return pass * std::max({1.0, by_tokens, by_texts});
}

}  // namespace plimsoll
