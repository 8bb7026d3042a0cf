#include "plan/stages.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "plan/cost.h"
#include "plan/load.h"
#include "platform/direct_block.h"

namespace plimsoll {
namespace {

constexpr std::int64_t kNobody = -1;

/// Which blocks touch each value.
struct Touched {
  std::int64_t first = kNobody;
  std::int64_t last = kNobody;
};

std::vector<Touched> touches(const Program& program) {
  std::vector<Touched> touched(program.values.size());
  for (std::int64_t b = 0; b < std::ssize(program.blocks); ++b) {
    for (const Op& op : program.blocks[static_cast<std::size_t>(b)].ops) {
      OpValues used = op_values(op);
      used.reads.push_back(used.writes);
      for (const ValueId id : used.reads) {
        Touched& value = touched[static_cast<std::size_t>(id)];
        if (value.first == kNobody) value.first = b;
        value.last = b;
      }
    }
  }
  return touched;
}

bool is_whole(const LayoutRequest& request, const StageChoice& choice) { return choice.blocks == std::ssize(request.program->blocks); }

double copy_seconds(const LayoutRequest& request, const Candidate& candidate, const Value& value) {
  if (!request.is_accelerator()) return 0;
  const std::int64_t rows = value.rows == Dim::tokens ? candidate.tokens_per_pass : candidate.texts_per_pass;
  const double element = candidate.compute == ElementType::bfloat16 && value.type == ValueType::hidden ? 2 : 4;
  return static_cast<double>(rows * value.cols) * element / request.device->link_rate + request.device->step_seconds;
}

// Moves a stage behind those that came before it on its devices.
void shift(Stage& stage, const Share& host, const Share& computing) {
  Schedule& schedule = stage.schedule;
  for (PlannedWeight& weight : schedule.weights) {
    if (weight.home == Home::device) weight.offset += computing.weights;
    if (weight.home == Home::host) weight.offset += host.weights;
  }
  schedule.ring.host_offset = block_ceiling(host.ring);
  schedule.ring.device_offset = block_ceiling(computing.ring);
  schedule.gathered.host_offset += schedule.ring.host_offset;
}

/// What stages come to on each device, one stage after the other.
class Devices {
 public:
  explicit Devices(const std::vector<LayoutRequest>& requests) : requests_(requests), shares_(requests.size()) {}

  const Share& on(std::int32_t device) const { return shares_[static_cast<std::size_t>(device)]; }

  void add(std::int32_t device, const Share& host, const Share& computing) {
    shares_.front() = join(shares_.front(), host);
    if (device == 0) return;
    Share& there = shares_[static_cast<std::size_t>(device)];
    there = join(there, computing);
  }

  std::vector<TagBytes> arenas() const {
    std::vector<TagBytes> list;
    for (const Share& share : shares_) list.push_back(arenas_of(share));
    add_host_arenas(requests_.front(), list.front());
    return list;
  }

 private:
  const std::vector<LayoutRequest>& requests_;
  std::vector<Share> shares_;
};

}  // namespace

Program stage_program(const Program& program, std::int64_t first, std::int64_t count) {
  Program stage;
  stage.values = program.values;
  stage.ids = program.ids;
  stage.position_ids = program.position_ids;
  stage.type_ids = program.type_ids;
  stage.text_starts = program.text_starts;
  stage.logits = program.logits;
  stage.head_dim = program.head_dim;
  stage.blocks.assign(program.blocks.begin() + first, program.blocks.begin() + first + count);
  for (const Weight& weight : program.weights) stage.weights.push_back({{}, weight.role, weight.outputs, weight.inputs, {}, {}});
  for (const Block& block : stage.blocks) {
    for (const Op& op : block.ops) {
      for (const WeightId id : op_weights(op)) stage.weights[static_cast<std::size_t>(id)] = program.weights[static_cast<std::size_t>(id)];
    }
  }
  const std::vector<Touched> touched = touches(program);
  for (std::size_t i = 0; i < stage.values.size(); ++i) {
    const bool handed_on = touched[i].first != touched[i].last;
    if (handed_on && stage.values[i].lifetime == Lifetime::op) stage.values[i].lifetime = Lifetime::stage;
  }
  return stage;
}

StageValues stage_values(const Program& program, std::int64_t first, std::int64_t count) {
  const std::vector<Touched> touched = touches(program);
  std::vector<bool> read(program.values.size());
  std::vector<bool> written(program.values.size());
  for (std::int64_t b = first; b < first + count; ++b) {
    for (const Op& op : program.blocks[static_cast<std::size_t>(b)].ops) {
      const OpValues used = op_values(op);
      for (const ValueId id : used.reads) {
        if (!written[static_cast<std::size_t>(id)]) read[static_cast<std::size_t>(id)] = true;
      }
      written[static_cast<std::size_t>(used.writes)] = true;
    }
  }
  StageValues values;
  for (std::size_t i = 0; i < read.size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    if (read[i]) values.inputs.push_back(id);
    if (written[i] && (touched[i].last >= first + count || id == program.logits)) values.outputs.push_back(id);
  }
  return values;
}

StagedLayout lay_out_stages(const std::vector<LayoutRequest>& requests, const std::vector<StageChoice>& choices) {
  StagedLayout staged;
  Devices devices(requests);
  StageEstimator estimator(requests);
  for (const StageChoice& choice : choices) {
    const std::int32_t device = choice.candidate.device;
    LayoutRequest request = requests[static_cast<std::size_t>(device)];
    const Program& whole = *request.program;
    Program part;
    if (!is_whole(request, choice)) {
      part = stage_program(whole, choice.first_block, choice.blocks);
      request.program = &part;
    }
    Layout layout = lay_out(request, choice.candidate);
    Stage stage{choice.first_block, choice.blocks, std::move(layout.schedule)};
    shift(stage, devices.on(0), devices.on(device));
    const std::vector<double> seconds = block_seconds(request, stage.schedule, choice.candidate);
    staged.pass_seconds += std::accumulate(seconds.begin(), seconds.end(), estimator.hand_over_seconds(choice));
    staged.load_seconds += load_seconds(request, stage.schedule);
    devices.add(device, layout.host, layout.device);
    staged.stages.push_back(std::move(stage));
  }
  staged.arenas = devices.arenas();
  return staged;
}

StageEstimator::Part& StageEstimator::part(const StageChoice& choice) {
  const std::int32_t device = choice.candidate.device;
  auto& known = parts_[{device, choice.first_block, choice.blocks}];
  if (known != nullptr) return *known;
  known = std::make_unique<Part>();
  known->request = requests_[static_cast<std::size_t>(device)];
  if (!is_whole(known->request, choice)) {
    known->program = stage_program(*known->request.program, choice.first_block, choice.blocks);
    known->request.program = &known->program;
  }
  known->estimator = std::make_unique<Estimator>(known->request);
  return *known;
}

Figures StageEstimator::figures(const StageChoice& choice) { return part(choice).estimator->figures(choice.candidate); }

double StageEstimator::hand_over_seconds(const StageChoice& choice) {
  const LayoutRequest& request = requests_[static_cast<std::size_t>(choice.candidate.device)];
  if (is_whole(request, choice)) return 0;
  const Program& program = *request.program;
  const StageValues values = stage_values(program, choice.first_block, choice.blocks);
  double seconds = 0;
  for (const std::vector<ValueId>* list : {&values.inputs, &values.outputs}) {
    for (const ValueId id : *list) {
      const Value& value = program.values[static_cast<std::size_t>(id)];
      if (value.lifetime == Lifetime::op) seconds += copy_seconds(request, choice.candidate, value);
    }
  }
  return seconds;
}

StagedFigures StageEstimator::estimate(const std::vector<StageChoice>& choices) {
  StagedFigures staged;
  Devices devices(requests_);
  for (const StageChoice& choice : choices) {
    const Figures figures = this->figures(choice);
    const Shares shares = shares_of(part(choice).request, choice.candidate, figures);
    devices.add(choice.candidate.device, shares.host, shares.device);
    staged.pass_seconds += figures.seconds + hand_over_seconds(choice);
  }
  for (const TagBytes& arenas : devices.arenas()) staged.arenas.push_back(arena_total(arenas));
  return staged;
}

}  // namespace plimsoll
