#pragma once

#include <vector>

#include "plan/candidates/candidate.h"

namespace plimsoll {

/// Every way to place every pass and precision where `device` computes: what a planner has to choose from.
inline std::vector<Candidate> candidates(const Program& program, const Binding& binding, const Workload& workload, const Policy& policy,
                                         bool native_bfloat16, std::int32_t device = 0) {
  const Movable movable = find_movable(program, binding);
  std::vector<Candidate> list;
  for (const Candidate& resident : resident_candidates(program, binding, workload, policy, native_bfloat16, device)) {
    const std::vector<Candidate> placed = placements(resident, movable, policy);
    list.insert(list.end(), placed.begin(), placed.end());
  }
  return list;
}

}  // namespace plimsoll
