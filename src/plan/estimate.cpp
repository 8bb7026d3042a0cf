#include "plan/estimate.h"

#include <algorithm>

#include "plan/cost.h"
#include "plan/load.h"
#include "plan/residency.h"
#include "plan/ring.h"

namespace plimsoll {

Estimator::Estimator(const LayoutRequest& request) : request_(request), order_(residency_order(*request.program, *request.binding)) {}

// The first block's type is that of the rows that are fetched of a gathered table.
Estimator::PassKey Estimator::pass_key(const Candidate& candidate) const {
  const ElementType first = block_storage(candidate, 0, std::ssize(request_.program->blocks));
  return {candidate.tokens_per_pass, candidate.texts_per_pass, candidate.compute, first, candidate.table};
}

const Estimator::Pass& Estimator::pass(const Candidate& candidate) {
  const auto [found, is_new] = passes_.try_emplace(pass_key(candidate));
  if (is_new) {
    Schedule schedule = assign_forms(request_, candidate);
    found->second.activations = place_values(request_, schedule);
    found->second.inputs = schedule.pass_bytes;
    found->second.workspace = static_cast<std::uint64_t>(request_.device->workspace_bytes(workspace_needs(request_, candidate)));
  }
  return found->second;
}

const Estimator::Variant& Estimator::variant(const Candidate& candidate, ElementType type, Home home) {
  const auto [found, is_new] = variants_.try_emplace({pass_key(candidate), type, home, candidate.chunk_bytes, candidate.slots});
  Variant& known = found->second;
  if (!is_new) return known;
  Candidate alike = candidate;
  alike.storage = type;
  alike.narrowing.reset();
  alike.streamed_blocks = home == Home::device ? 0 : std::ssize(order_);
  alike.host_blocks = home == Home::host ? std::ssize(order_) : 0;
  const Schedule schedule = assign_forms(request_, alike);
  const std::vector<double> seconds = block_seconds(request_, schedule, alike);
  const std::vector<Block>& blocks = request_.program->blocks;
  known.blocks.resize(blocks.size());
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    BlockFigures& figures = known.blocks[b];
    figures.seconds = seconds[b];
    for (const Op& op : blocks[b].ops) {
      for (const WeightId id : op_weights(op)) {
        const PlannedWeight& planned = schedule.weights[static_cast<std::size_t>(id)];
        if (planned.home == Home::device) figures.device += align_place(planned.bytes + request_.red_zone);
        if (planned.home == Home::host) figures.host += align_place(stored_bytes(request_, id) + request_.red_zone);
        if (planned.home != Home::disk) figures.load_slot = std::max(figures.load_slot, load_slot_bytes(request_, id, planned));
      }
    }
  }
  known.ring = measure_ring(request_, alike);
  return known;
}

Estimate Estimator::estimate(const Candidate& candidate) {
  const std::int64_t blocks = std::ssize(request_.program->blocks);
  const std::vector<Home> homes = block_homes(candidate, order_, static_cast<std::size_t>(blocks));
  BlockFigures sum;
  const SlotRing* ring = nullptr;
  const Variant* found[2][3] = {};  // of blocks stored as asked for, and narrowed; by home
  for (std::int64_t b = 0; b < blocks; ++b) {
    const auto i = static_cast<std::size_t>(b);
    const ElementType type = block_storage(candidate, b, blocks);
    const Variant*& known = found[type == candidate.storage ? 0 : 1][static_cast<std::size_t>(homes[i])];
    if (known == nullptr) known = &variant(candidate, type, homes[i]);
    const Variant& own = *known;
    const BlockFigures& figures = own.blocks[i];
    sum.device += figures.device;
    sum.host += figures.host;
    sum.load_slot = std::max(sum.load_slot, figures.load_slot);
    sum.seconds += figures.seconds;
    // A ring that reads from disk has all that one of the host's memory has.
    if (homes[i] == Home::disk || (homes[i] == Home::host && ring == nullptr)) ring = &own.ring;
  }
  const Staging staging =
      measure_staging(request_, candidate, ring != nullptr ? *ring : SlotRing{}, {sum.load_slot, request_.host->threads});
  const Pass& shared = pass(candidate);
  const auto pages = [](std::uint64_t bytes) { return round_to_pages(Bytes{bytes}); };
  const Bytes computing = pages(sum.device) + pages(shared.activations) + pages(shared.workspace);
  Estimate estimate;
  estimate.seconds = sum.seconds;
  estimate.host = pages(sum.host) + pages(staging.host) + round_to_pages(request_.tables) + round_to_pages(io_bytes(request_.workload));
  (request_.is_accelerator() ? estimate.device : estimate.host) += computing;
  if (request_.is_accelerator()) {
    estimate.host += pages(shared.inputs);
    estimate.device += pages(staging.device);
  }
  return estimate;
}

}  // namespace plimsoll
