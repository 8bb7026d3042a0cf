#include "plan/estimate.h"

#include <algorithm>

#include "plan/cost.h"

namespace plimsoll {

const Estimator::Uniform& Estimator::uniform(const Candidate& candidate, ElementType type) {
  const auto [found, is_new] = known_.try_emplace({candidate.tokens_per_pass, candidate.texts_per_pass, type, candidate.compute});
  Uniform& known = found->second;
  if (is_new) {
    Candidate alike = candidate;
    alike.storage = type;
    alike.narrowing.reset();
    known.layout = lay_out(request_, alike);
    known.block_seconds = block_seconds(*request_.program, known.layout, alike, request_.workload, *request_.device);
  }
  return known;
}

Estimate Estimator::estimate(const Candidate& candidate) {
  const auto blocks = static_cast<std::int64_t>(request_.program->blocks.size());
  const Uniform& wide = uniform(candidate, candidate.storage);
  const Uniform& narrow = uniform(candidate, block_storage(candidate, blocks - 1, blocks));
  std::uint64_t weights = 0;
  std::uint64_t slot = 0;
  Estimate sum;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const Uniform& own = block_storage(candidate, b, blocks) == candidate.storage ? wide : narrow;
    const auto i = static_cast<std::size_t>(b);
    weights += own.layout.block_bytes[i];
    slot = std::max(slot, own.layout.block_slot_bytes[i]);
    sum.seconds += own.block_seconds[i];
  }
  TagBytes arenas = wide.layout.arenas;
  arenas[static_cast<std::size_t>(MemoryTag::weights)] = round_to_pages(Bytes{weights});
  arenas[static_cast<std::size_t>(MemoryTag::staging)] =
      round_to_pages(Bytes{slot} * static_cast<std::uint64_t>(wide.layout.schedule.slots));
  for (const Bytes bytes : arenas) sum.arenas += bytes;
  return sum;
}

}  // namespace plimsoll
