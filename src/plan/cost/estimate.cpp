#include "plan/cost/estimate.h"

#include <algorithm>

#include "plan/candidates/residency.h"
#include "plan/cost/cost.h"
#include "plan/layout/load.h"
#include "plan/layout/ring.h"
#include "plan/layout/stage_program.h"

namespace plimsoll {
namespace {

// The same pass with all matrices that can stream of `blocks` blocks in one place, and stored in one type.
Candidate all_alike(const Candidate& candidate, ElementType type, Home home, std::int64_t blocks) {
  Candidate alike = candidate;
  alike.storage = type;
  alike.narrowing.reset();
  alike.homes.reset();
  alike.streamed_blocks = home == Home::device ? 0 : blocks;
  alike.host_blocks = home == Home::host ? blocks : 0;
  return alike;
}

}  // namespace

Estimator::Estimator(const LayoutRequest& request)
    : request_(request), streamable_(streamable_blocks(*request.program, *request.binding)) {}

// The first block's type is that of the rows that are fetched of a gathered table.
Estimator::PassKey Estimator::pass_key(const Candidate& candidate, std::int64_t blocks) {
  return {candidate.tokens_per_pass, candidate.texts_per_pass, candidate.compute, block_storage(candidate, 0, blocks), candidate.table};
}

void Estimator::forget_other_sizes(const Candidate& next) {
  if (passes_.empty()) return;
  const auto& [tokens, texts, compute, first, table] = passes_.begin()->first;
  if (tokens == next.tokens_per_pass && texts == next.texts_per_pass) return;
  passes_.clear();
  variants_.clear();
  first_blocks_.clear();
}

const Estimator::Pass& Estimator::pass(const Candidate& candidate, const PassKey& key) {
  const auto [found, is_new] = passes_.try_emplace(key);
  if (is_new) {
    Schedule schedule = assign_forms(request_, all_alike(candidate, std::get<3>(key), Home::device, 0));
    found->second.activations = place_values(request_, schedule);
    found->second.inputs = schedule.pass_bytes + schedule.stage_bytes;
    found->second.copies = pass_copies(request_, candidate);
    found->second.workspace = static_cast<std::uint64_t>(request_.device->workspace_bytes(workspace_needs(request_, candidate)));
  }
  return found->second;
}

// All blocks of `request`.
Estimator::Variant Estimator::measure(const LayoutRequest& request, const Candidate& candidate, ElementType type, Home home) const {
  const Candidate alike = all_alike(candidate, type, home, std::ranges::count(streamable_, true));
  const Schedule schedule = assign_forms(request, alike);
  const std::vector<BlockTime> times = block_times(request, schedule, alike);
  const std::vector<Block>& blocks = request.program->blocks;
  Variant measured;
  measured.blocks.resize(blocks.size());
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    BlockFigures& figures = measured.blocks[b];
    figures.time = times[b];
    for (const Op& op : blocks[b].ops) {
      for (const WeightId id : op_weights(op)) {
        const PlannedWeight& planned = schedule.weights[static_cast<std::size_t>(id)];
        if (planned.home == Home::device) figures.device += align_place(planned.bytes + request.red_zone);
        if (planned.home == Home::host) figures.host += align_place(stored_bytes(request, id) + request.red_zone);
        if (planned.home != Home::disk) figures.load_slot = std::max(figures.load_slot, load_slot_bytes(request, id, planned));
      }
    }
  }
  measured.ring = measure_ring(request, alike);
  return measured;
}

const Estimator::Variant& Estimator::variant(const Candidate& candidate, const PassKey& pass, ElementType type, Home home) {
  Candidate with_table = candidate;
  with_table.table = Home::device;
  PassKey key = pass;
  std::get<Home>(key) = Home::device;
  const auto [found, is_new] = variants_.try_emplace({key, type, home, candidate.chunk_bytes, candidate.slots});
  if (is_new) found->second = measure(request_, with_table, type, home);
  return found->second;
}

const Estimator::BlockFigures& Estimator::first_block(const Candidate& candidate, const PassKey& pass, ElementType type, Home home) {
  if (!candidate.gathers()) return variant(candidate, pass, type, home).blocks.front();
  const auto [found, is_new] = first_blocks_.try_emplace({pass, type, home, candidate.chunk_bytes, candidate.slots});
  if (!is_new) return found->second;
  if (!first_program_) first_program_ = stage_program(*request_.program, 0, 1);
  LayoutRequest request = request_;
  request.program = &*first_program_;
  found->second = measure(request, candidate, type, home).blocks.front();
  return found->second;
}

std::vector<Home> Estimator::homes(const Candidate& candidate, std::span<const std::int32_t> runs) {
  if (runs.data() != ordered_.data() || runs.size() != ordered_.size()) {
    ordered_ = runs;
    order_.clear();
    for (std::size_t b = 0; b < runs.size(); ++b)
      if (streamable_[static_cast<std::size_t>(runs[b] - runs.front())]) order_.push_back(static_cast<std::int64_t>(b));
    sort_by_residency(order_);
  }
  return block_homes(candidate, order_, runs.size());
}

Figures Estimator::figures(const Candidate& candidate, std::span<const std::int32_t> runs) {
  forget_other_sizes(candidate);
  const std::int64_t blocks = std::ssize(runs);
  const PassKey key = pass_key(candidate, blocks);
  const std::vector<Home> homes = this->homes(candidate, runs);
  Figures sum;
  const SlotRing* ring = nullptr;
  const Variant* found[2][3] = {};  // of blocks stored as asked for, and narrowed; by home
  const BlockFigures* before = nullptr;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const auto i = static_cast<std::size_t>(b);
    const ElementType type = block_storage(candidate, b, blocks);
    const Variant*& known = found[type == candidate.storage ? 0 : 1][static_cast<std::size_t>(homes[i])];
    if (known == nullptr) known = &variant(candidate, key, type, homes[i]);
    const BlockFigures& figures =
        b == 0 ? first_block(candidate, key, type, homes[i]) : known->blocks[static_cast<std::size_t>(runs[i] - runs.front())];
    sum.device += figures.device;
    sum.host += figures.host;
    sum.load_slot = std::max(sum.load_slot, figures.load_slot);
    if (&figures == before) ++sum.times.back().blocks;
    else sum.times.push_back({figures.time});
    before = &figures;
    // A ring that reads from disk has all that one of the host's memory has.
    if (homes[i] == Home::disk || (homes[i] == Home::host && ring == nullptr)) ring = &known->ring;
  }
  if (ring != nullptr) sum.ring = *ring;
  const Pass& shared = pass(candidate, key);
  sum.activations = shared.activations;
  sum.inputs = shared.inputs;
  sum.workspace = shared.workspace;
  sum.copies = shared.copies;
  return sum;
}

void Figures::add(const Figures& next) {
  device += next.device;
  host += next.host;
  load_slot = std::max(load_slot, next.load_slot);
  widen(next.ring);
  activations = std::max(activations, next.activations);
  inputs = std::max(inputs, next.inputs);
  workspace = std::max(workspace, next.workspace);
}

void Figures::widen(const SlotRing& other) {
  const auto widened = [](const Slots& a, const Slots& b) { return Slots{std::max(a.bytes, b.bytes), std::max(a.count, b.count)}; };
  ring.host = widened(ring.host, other.host);
  ring.device = widened(ring.device, other.device);
  ring.prepared_bytes = std::max(ring.prepared_bytes, other.prepared_bytes);
}

Shares shares_of(const LayoutRequest& request, const Candidate& candidate, const Figures& figures) {
  Shares shares;
  Share& computing = request.is_accelerator() ? shares.device : shares.host;
  shares.host.weights = figures.host;
  shares.host.activations = figures.inputs;
  computing.weights += figures.device;
  computing.activations = figures.activations;
  computing.workspace = figures.workspace;
  const Slots load = load_slots(request, figures.load_slot, figures.device + figures.host);
  measure_staging(request, candidate, figures.ring, load, shares.host, shares.device);
  return shares;
}

}  // namespace plimsoll
