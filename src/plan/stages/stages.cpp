#include "plan/stages/stages.h"

#include <algorithm>
#include <utility>

#include "plan/cost/cost.h"
#include "plan/layout/load.h"
#include "platform/direct_block.h"

namespace plimsoll {
namespace {

// Of programs that are kept, each with the shapes of the abridged program's weights: where no two layers are alike, some ten megabytes.
constexpr std::size_t kMostBlocks = 2048;

bool is_whole(const LayoutRequest& request, const StageChoice& choice) { return choice.blocks == std::ssize(request.program->blocks); }

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

StagedLayout lay_out_stages(const std::vector<LayoutRequest>& requests, const std::vector<StageChoice>& choices) {
  StagedLayout staged;
  Devices devices(requests);
  for (const StageChoice& choice : choices) {
    const std::int32_t device = choice.candidate.device;
    LayoutRequest request = requests[static_cast<std::size_t>(device)];
    const Program& whole = *request.program;
    Program part;
    const StageValues crossing = stage_values(whole, choice.first_block, choice.blocks);
    request.crossing = &crossing;
    if (!is_whole(request, choice)) {
      part = stage_program(whole, choice.first_block, choice.blocks);
      request.program = &part;
    }
    Layout layout = lay_out(request, choice.candidate);
    Stage stage{choice.first_block, choice.blocks, std::move(layout.schedule)};
    shift(stage, devices.on(0), devices.on(device));
    staged.pass_seconds += pass_seconds(request, stage.schedule, choice.candidate);
    staged.load_seconds += load_seconds(request, stage.schedule);
    devices.add(device, layout.host, layout.device);
    staged.stages.push_back(std::move(stage));
  }
  staged.arenas = devices.arenas();
  return staged;
}

const Abridged& StageEstimator::abridged() {
  if (!abridged_) abridged_ = abridge(*requests_.front().program, *requests_.front().binding);
  return *abridged_;
}

std::span<const std::int32_t> StageEstimator::runs(const StageChoice& choice) {
  return std::span(abridged().runs).subspan(static_cast<std::size_t>(choice.first_block), static_cast<std::size_t>(choice.blocks));
}

StageEstimator::Cut StageEstimator::cut(const StageChoice& choice) {
  if (choice.blocks == 0) return {};
  const std::span<const std::int32_t> runs = this->runs(choice);
  return {runs.front(), runs.back() - runs.front() + 1, is_whole(requests_.front(), choice)};
}

const StageCutter& StageEstimator::cutter() {
  if (!cutter_) cutter_.emplace(abridged().program);
  return *cutter_;
}

const Program& StageEstimator::program(const Cut& cut) {
  if (cut.is_whole) return abridged().program;
  const auto [found, is_new] = programs_.try_emplace(cut);
  if (is_new) found->second = cutter().program(cut.first, cut.blocks);
  return found->second;
}

const StageValues& StageEstimator::crossing(const Cut& cut) {
  const auto [found, is_new] = crossings_.try_emplace(cut);
  if (is_new) found->second = cutter().values(cut.first, cut.blocks);
  return found->second;
}

StageEstimator::Part& StageEstimator::part(const StageChoice& choice) {
  const std::int32_t device = choice.candidate.device;
  const Cut cut = this->cut(choice);
  if (const auto known = parts_.find({device, cut}); known != parts_.end()) return known->second;
  const std::size_t most = std::max<std::size_t>(kMostBlocks / abridged().program.blocks.size(), 2);
  if (!cut.is_whole && programs_.size() >= most && !programs_.contains(cut)) {
    parts_.clear();
    programs_.clear();
    crossings_.clear();
  }
  Part& known = parts_[{device, cut}];
  known.request = requests_[static_cast<std::size_t>(device)];
  known.request.program = &program(cut);
  known.request.binding = &abridged().binding;
  known.request.crossing = &crossing(cut);
  known.estimator = std::make_unique<Estimator>(known.request);
  return known;
}

Figures StageEstimator::figures(const StageChoice& choice) { return part(choice).estimator->figures(choice.candidate, runs(choice)); }

PassCopies StageEstimator::copies(const StageChoice& choice) {
  LayoutRequest request = requests_[static_cast<std::size_t>(choice.candidate.device)];
  request.program = &abridged().program;
  request.binding = &abridged().binding;
  request.crossing = &crossing(cut(choice));
  return pass_copies(request, choice.candidate);
}

StagedFigures StageEstimator::estimate(const std::vector<StageChoice>& choices) {
  StagedFigures staged;
  Devices devices(requests_);
  for (const StageChoice& choice : choices) {
    const Part& known = part(choice);
    const Figures figures = known.estimator->figures(choice.candidate, runs(choice));
    const Shares shares = shares_of(known.request, choice.candidate, figures);
    devices.add(choice.candidate.device, shares.host, shares.device);
    staged.pass_seconds += pass_seconds(figures.times, ring_time(known.request, choice.candidate), figures.copies);
  }
  for (const TagBytes& arenas : devices.arenas()) staged.arenas.push_back(arena_total(arenas));
  return staged;
}

}  // namespace plimsoll
