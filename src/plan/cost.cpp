#include "plan/cost.h"

#include <algorithm>

namespace plimsoll {
namespace {

// What products lose to packing rows on the way and to the reader's share of the processors (docs/performance.md).
constexpr double kStreamedCompute = 1.06;
// Handing over a slot, and starting the team of threads once more.
constexpr double kChunkSeconds = 30e-6;
// A row that is fetched from its file by itself: asking for it and copying it, many at once. An accelerator's disk is known by its rate
// alone.
constexpr double kRowSeconds = 5e-6;

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
        chunk_bytes_(static_cast<double>(std::max<std::uint64_t>(candidate.chunk_bytes, 1))),
        rate_(candidate.compute == ElementType::bfloat16 ? request.device->bfloat16_flops : request.device->float32_flops) {}

  double seconds(const Block& block) const {
    double compute = 0;
    double read = 0;
    double uploaded = 0;
    for (const Op& op : block.ops) {
      const Work work = of(op);
      const double seconds = std::max(work.flops / rate_, work.bytes / request_.device->memory_rate);
      const double bytes = streamed_bytes(op);
      const double chunks = std::max(1.0, bytes / chunk_bytes_of(op));
      compute += seconds * (bytes > 0 ? streamed_compute() : 1) + chunks * request_.device->step_seconds;
      if (bytes == 0) continue;
      if (home(op) == Home::disk) read += bytes / request_.device->disk_rate + chunks * request_.device->read_seconds;
      if (request_.is_accelerator()) uploaded += bytes / request_.device->link_rate + chunks * request_.device->step_seconds;
      else compute += chunks * kChunkSeconds;
    }
    return std::max({compute, read, uploaded}) + gather_seconds(block);
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

  double chunk_bytes_of(const Op& op) const {
    const auto* linear = std::get_if<LinearOp>(&op);
    return linear == nullptr ? 1 : std::max(chunk_bytes_, static_cast<double>(kPanelOutputs) * row_bytes(linear->weight));
  }

  double gather_seconds(const Block& block) const {
    const WeightId table = schedule_.gathered.weight;
    const auto* embed = block.ops.empty() ? nullptr : std::get_if<EmbedOp>(&block.ops.front());
    if (table == kNone || embed == nullptr || embed->words != table) return 0;
    double seconds = request_.is_accelerator() ? request_.device->step_seconds : tokens_ * kRowSeconds;
    if (planned(table).home == Home::disk) seconds += tokens_ * row_bytes(table) / request_.device->disk_rate;
    if (request_.is_accelerator()) seconds += tokens_ * row_bytes(table) / request_.device->link_rate;
    return seconds;
  }

  const LayoutRequest& request_;
  const Schedule& schedule_;
  double tokens_;
  double chunk_bytes_;
  double rate_;
};

}  // namespace

std::vector<double> block_seconds(const LayoutRequest& request, const Schedule& schedule, const Candidate& candidate) {
  const BlockCost cost(request, schedule, candidate);
  std::vector<double> list;
  for (const Block& block : request.program->blocks) list.push_back(cost.seconds(block));
  return list;
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
