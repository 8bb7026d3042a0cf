#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "plan/stages/option.h"

namespace plimsoll {

/// Divides a program among devices: consecutive blocks, on every accelerator once and on the host wherever there is need; in any order of
/// few devices, of many in that of their rates. Each stage keeps what its device has room for and streams the rest. Looks at every place
/// where the program can be cut (of a deep network, at some thirty; of a very deep one, at some fifteen), by figures of single blocks that
/// are added up; for every stage at a few rings, with the least streamed that fits.
class Splitter {
 public:
  /// `requests` by the device that computes; all outlive it. `may_use` by device: whether it may compute.
  Splitter(const std::vector<LayoutRequest>& requests, const Policy& policy, std::vector<bool> may_use,
           const CancelToken* cancel = nullptr);
  ~Splitter();

  /// The stages with the least predicted seconds for a pass and precision whose arenas, and what stages take besides
  /// on the host, are within `arenas` on every device, or nothing: also once `cancel` is set.
  std::optional<std::vector<StageChoice>> split(const Candidate& shared, const Budgets& arenas);

  /// Whether there are any: sooner known than the fastest are found. `shared` outlives the splitter.
  bool can_split(const Candidate& shared, const Budgets& arenas);

 private:
  enum class Goal : std::uint8_t { fastest, least };  // time, or the host's memory
  class Search;

  const std::vector<LayoutRequest>& requests_;
  const Policy& policy_;
  const CancelToken* cancel_;         ///< may be null
  std::vector<std::int32_t> order_;   ///< devices, the fastest first, the host last
  std::vector<std::int64_t> starts_;  ///< of units, and the number of all blocks: a program is cut between units alone
  StageEstimator estimator_;
  std::map<const Candidate*, std::unique_ptr<Search>> least_;
};

}  // namespace plimsoll
