#pragma once

#include "plan/stages/device_map.h"
#include "plan/stages/option.h"

namespace plimsoll {

/// Device maps that are made by filling devices with blocks, as accelerate does it: accelerators in their order, each with as many whole
/// blocks as it has room for (`sequential`) or as come nearest to its share of the weights (`balanced`; `balanced_low_0`: of all but the
/// first, which has what the others leave). What is left is kept in the host's memory, then on disk, for the first accelerator in use.
/// Without accelerators, the host is filled and the rest stays on disk.
class Filler {
 public:
  /// `requests` by the device that computes, `arenas` what each device may hold; all outlive it.
  Filler(const std::vector<LayoutRequest>& requests, const Policy& policy, const Budgets& arenas, const CancelToken* cancel = nullptr)
      : requests_(requests), policy_(policy), arenas_(arenas), cancel_(cancel), program_(*requests.front().program), estimator_(requests) {}

  /// For a pass and precision, and each ring for what streams; the first alone where nothing does. May not fit: then nothing that is
  /// filled so does, or `cancel` was set.
  std::vector<std::vector<StageChoice>> fill(const Candidate& shared, std::span<const RingShape> rings);

 private:
  std::vector<StageChoice> fill(const Candidate& shared, const RingShape& ring);
  /// How many blocks each device holds, one device after the other; `main` computes the rest as well.
  struct Filling {
    const Candidate& shared;
    const RingShape& ring;
    std::int32_t main = 0;
    std::vector<std::int64_t> counts;
    bool gathers = false;  ///< the word table stays where rows are fetched from
  };

  void share_weights(const Candidate& shared);
  std::uint64_t room_for_weights(std::int32_t device, const Candidate& shared);
  bool has_elsewhere(std::int32_t main) const;
  std::int64_t room_on(std::int32_t device, std::int64_t first, const Candidate& shared);
  std::int64_t share_of(std::int32_t device, std::int64_t first) const;
  std::vector<std::int64_t> counts(const Candidate& shared, std::int32_t main, std::int64_t most);
  std::vector<StageChoice> stages(const Filling& filling, std::int64_t on_host) const;
  std::vector<StageChoice> with_rest(const Filling& filling);
  std::vector<StageChoice> all_resident(Filling filling, std::int64_t left);
  bool fits_on(std::int32_t device, const std::vector<StageChoice>& stages);

  const std::vector<LayoutRequest>& requests_;
  const Policy& policy_;
  const Budgets& arenas_;
  const CancelToken* cancel_;  ///< may be null
  const Program& program_;
  StageEstimator estimator_;
  std::vector<std::uint64_t> weights_;  ///< bytes of each block
  std::vector<std::uint64_t> caps_;     ///< of weights on each device
};

}  // namespace plimsoll
