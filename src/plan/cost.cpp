#include "plan/cost.h"

#include <algorithm>

namespace plimsoll {
namespace {

struct Work {
  double flops = 0;
  double bytes = 0;
};

class OpCost {
 public:
  OpCost(const Program& program, const Layout& layout, const Candidate& candidate, const Workload& workload)
      : program_(program),
        layout_(layout),
        tokens_(static_cast<double>(candidate.tokens_per_pass)),
        longest_(static_cast<double>(workload.longest)) {}

  Work of(const Op& op) const {
    Work work;
    const OpValues used = op_values(op);
    for (const ValueId id : used.reads) work.bytes += value_bytes(id);
    work.bytes += value_bytes(used.writes);
    for (const WeightId id : op_weights(op))
      work.bytes += static_cast<double>(layout_.schedule.weights[static_cast<std::size_t>(id)].bytes);
    if (const auto* linear = std::get_if<LinearOp>(&op)) {
      const Weight& weight = program_.weights[static_cast<std::size_t>(linear->weight)];
      work.flops = 2.0 * rows(linear->out) * static_cast<double>(weight.outputs * weight.inputs);
    } else if (const auto* attention = std::get_if<AttentionOp>(&op)) {
      work.flops = 4.0 * tokens_ * longest_ * static_cast<double>(attention->heads * attention->head_dim);
    } else if (const auto* embed = std::get_if<EmbedOp>(&op)) {
      work.bytes = 4 * value_bytes(embed->out);  // tables are gathered, not swept
    }
    return work;
  }

 private:
  double rows(ValueId id) const { return static_cast<double>(layout_.schedule.values[static_cast<std::size_t>(id)].rows); }
  double value_bytes(ValueId id) const {
    const PlannedValue& value = layout_.schedule.values[static_cast<std::size_t>(id)];
    return static_cast<double>(value.rows * value.cols) * static_cast<double>(element_bytes(value.type));
  }

  const Program& program_;
  const Layout& layout_;
  double tokens_;
  double longest_;
};

}  // namespace

std::vector<double> block_seconds(const Program& program, const Layout& layout, const Candidate& candidate, const Workload& workload,
                                  const DeviceDescription& device) {
  const OpCost cost(program, layout, candidate, workload);
  const double rate = candidate.compute == ElementType::bfloat16 ? device.bfloat16_flops : device.float32_flops;
  std::vector<double> list;
  for (const Block& block : program.blocks) {
    double seconds = 0;
    for (const Op& op : block.ops) {
      const Work work = cost.of(op);
      seconds += std::max(work.flops / rate, work.bytes / device.memory_rate) + device.step_seconds;
    }
    list.push_back(seconds);
  }
  return list;
}

double load_seconds(const Binding& binding, const Layout& layout, const DeviceDescription& device) {
  double written = 0;
  for (const PlannedWeight& weight : layout.schedule.weights) written += static_cast<double>(weight.bytes);
  return static_cast<double>(binding.stored_bytes.count) / device.disk_rate + 2 * written / device.memory_rate;
}

double workload_seconds(double pass, const Candidate& candidate, const Workload& workload) {
  const auto tokens = static_cast<double>(candidate.tokens_per_pass);
  if (workload.total_tokens <= 0) return pass / tokens;
  const double by_tokens = static_cast<double>(workload.total_tokens) / tokens;
  const double by_texts = static_cast<double>(workload.texts) / static_cast<double>(candidate.texts_per_pass);
  return pass * std::max({1.0, by_tokens, by_texts});
}

}  // namespace plimsoll
