#include "scenarios/brute_force.h"

#include <algorithm>

#include "plan/candidates/residency.h"

namespace plimsoll::testing {
namespace {

// The next assignment of homes to blocks, counted like a number; false after the last.
bool advance(std::vector<Home>& homes, const std::vector<Home>& choices) {
  for (Home& home : homes) {
    const auto at = std::ranges::find(choices, home);
    if (at + 1 != choices.end()) {
      home = *(at + 1);
      return true;
    }
    home = choices.front();
  }
  return false;
}

}  // namespace

BruteForce::BruteForce(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy)
    : model_(model), workload_(workload), policy_(policy) {
  devices_.push_back(describe_cpu(machine, model.program(), name_bytes(model.labels())));
  for (const Accelerator& accelerator : machine.accelerators) devices_.push_back(describe_accelerator(machine, accelerator));
  for (const DeviceDescription& device : devices_) {
    requests_.push_back({&model.program(), &model.binding(), &device, devices_.data(), workload, model.table_bytes(), 0});
    budgets_.push_back(device.free);
  }
  streamable_ = streamable_blocks(model.program(), model.binding());
  has_table_ = gatherable_table(model.program(), model.binding()) != kNone;
}

bool BruteForce::finds_plan() {
  for (std::int32_t d = 0; d < std::ssize(devices_); ++d) {
    if (may_compute(d) && fits_whole(d)) return true;
  }
  if (!policy_.device.empty() && policy_.device != "auto") return false;
  const bool native = std::ranges::all_of(devices_, [](const DeviceDescription& device) { return device.native_bfloat16; });
  return std::ranges::any_of(smallest_passes(native), [&](const Candidate& shared) {
    const bool partly_narrowed = shared.narrowing && shared.narrowed_blocks < std::ssize(streamable_);
    return !partly_narrowed && fits_divided(shared, {}, 0);
  });
}

bool BruteForce::may_compute(std::int32_t device) const {
  const std::string& name = devices_[static_cast<std::size_t>(device)].name;
  if (!policy_.device.empty() && policy_.device != "auto") return policy_.device == name;
  return device > 0 || devices_.size() == 1 || !forbids(policy_, Rung::cpu);
}

bool BruteForce::fits(const std::vector<StageChoice>& stages) {
  const StagedFigures found = estimator_.estimate(stages);
  const Bytes beside = devices_[0].runtime + stage_runtime(model_.program(), stages.size());
  for (std::size_t d = 0; d < devices_.size(); ++d) {
    const Bytes runtime = d == 0 ? beside : found.arenas[d].count > 0 ? devices_[d].runtime : Bytes{};
    if (found.arenas[d] + runtime > budgets_[d]) return false;
  }
  return true;
}

// Of each precision that is permitted, the least pass that is.
std::vector<Candidate> BruteForce::smallest_passes(bool native_bfloat16) const {
  std::vector<Candidate> smallest;
  for (const Candidate& candidate : resident_candidates(model_.program(), model_.binding(), workload_, policy_, native_bfloat16)) {
    const bool same = !smallest.empty() && smallest.back().storage == candidate.storage && smallest.back().compute == candidate.compute &&
                      smallest.back().narrowing == candidate.narrowing && smallest.back().narrowed_blocks == candidate.narrowed_blocks;
    if (same) smallest.back() = candidate;
    else smallest.push_back(candidate);
  }
  return smallest;
}

// Every home of every block, every home of the word table, every ring.
std::vector<Candidate> BruteForce::placements(const Candidate& shared, std::int32_t device, std::int64_t first, std::int64_t count) const {
  const bool partly_narrowed = shared.narrowing && shared.narrowed_blocks < std::ssize(streamable_);
  const bool may_stream = !forbids(policy_, Rung::stream) && !partly_narrowed;
  const bool may_gather = first == 0 && has_table_ && !forbids(policy_, Rung::gather);
  std::vector<Home> everywhere = {Home::device};
  if (device > 0) everywhere.push_back(Home::host);
  if (policy_.use_disk) everywhere.push_back(Home::disk);
  std::vector<Candidate> list;
  std::vector<Home> homes(static_cast<std::size_t>(count), Home::device);
  do {
    Candidate candidate = shared;
    candidate.device = device;
    bool possible = true;
    for (std::int64_t b = 0; b < count; ++b) {
      const Home home = homes[static_cast<std::size_t>(b)];
      possible = possible && (home == Home::device || streamable_[static_cast<std::size_t>(first + b)]);
      candidate.streamed_blocks += home != Home::device ? 1 : 0;
      candidate.host_blocks += home == Home::host ? 1 : 0;
    }
    if (!possible) continue;
    candidate.homes = std::make_shared<const std::vector<Home>>(homes);
    for (const Home table : everywhere) {
      if (table != Home::device && !may_gather) continue;
      candidate.table = table;
      const std::span<const RingShape> rings = candidate.streamed_blocks > 0 ? ring_shapes(policy_) : ring_shapes(policy_).first(1);
      for (const RingShape& ring : rings) {
        if (candidate.streamed_blocks > 0) {
          candidate.chunk_bytes = ring.chunk_bytes;
          candidate.slots = ring.slots;
        }
        list.push_back(candidate);
      }
    }
  } while (may_stream ? advance(homes, everywhere) : false);
  return list;
}

bool BruteForce::fits_whole(std::int32_t device) {
  const std::int64_t blocks = std::ssize(streamable_);
  for (const Candidate& shared : smallest_passes(devices_[static_cast<std::size_t>(device)].native_bfloat16)) {
    for (const Candidate& candidate : placements(shared, device, 0, blocks)) {
      if (fits({{0, blocks, candidate}})) return true;
    }
  }
  return false;
}

// Every way to go on from `first` with devices that have no part yet; the first block alone may be on one that has another part later.
bool BruteForce::fits_divided(const Candidate& shared, const std::vector<StageChoice>& stages, std::int64_t first) {
  const std::int64_t blocks = std::ssize(streamable_);
  if (!stages.empty() && !fits(stages)) return false;  // more stages take more
  if (first == blocks) return true;
  for (std::int32_t device = 0; device < std::ssize(devices_); ++device) {
    if (!may_compute(device) || budgets_[static_cast<std::size_t>(device)] == Bytes{}) continue;
    const bool taken = std::ranges::any_of(stages, [&](const StageChoice& stage) {
      const bool first_block_alone = stage.first_block == 0 && stage.blocks == 1 && &stage != &stages.back();  // not one stage in two
      return stage.candidate.device == device && !first_block_alone;
    });
    if (taken) continue;
    for (std::int64_t count = 1; first + count <= blocks; ++count) {
      if (count == blocks) continue;  // not divided
      std::vector<StageChoice> longer = stages;
      longer.push_back({first, count, {}});
      for (const Candidate& candidate : placements(shared, device, first, count)) {
        if (candidate.streamed_blocks > 0 && candidate.chunk_bytes != 1) continue;  // the least ring that there is
        longer.back().candidate = candidate;
        if (fits_divided(shared, longer, first + count)) return true;
      }
    }
  }
  return false;
}

}  // namespace plimsoll::testing
