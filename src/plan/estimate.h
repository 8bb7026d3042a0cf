#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "plan/candidate.h"
#include "plan/layout.h"

namespace plimsoll {

struct Estimate {
  Bytes arenas;        ///< Layout::arena_total of the candidate, to the byte
  double seconds = 0;  ///< of one full pass
};

/// Figures of many candidates, each in time linear in the blocks: a block's weights depend on its own storage type and the pass alone, so
/// they are added up from the few layouts in which all blocks are stored alike. `request` must outlive it.
class Estimator {
 public:
  explicit Estimator(const LayoutRequest& request) : request_(request) {}
  Estimate estimate(const Candidate& candidate);

 private:
  struct Uniform {
    Layout layout;
    std::vector<double> block_seconds;
  };
  const Uniform& uniform(const Candidate& candidate, ElementType type);

  const LayoutRequest& request_;
  std::map<std::tuple<std::int64_t, std::int64_t, ElementType, ElementType>, Uniform> known_;
};

}  // namespace plimsoll
