#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "plan/candidates/candidate.h"
#include "plan/cost/estimate.h"
#include "plan/layout/abridged.h"
#include "plan/layout/layout.h"
#include "plan/layout/stage_program.h"

namespace plimsoll {

/// Some consecutive blocks on `candidate.device`. All stages of a plan have the same pass and precision.
struct StageChoice {
  std::int64_t first_block = 0;
  std::int64_t blocks = 0;
  Candidate candidate;
};

/// Stages laid out to the byte. On a device that has several, each has weights and a ring of its own; values, workspace and the slots for
/// loading are used in turn. One stage of all blocks is laid out as `lay_out` does it.
struct StagedLayout {
  std::vector<Stage> stages;
  std::vector<TagBytes> arenas;  ///< by device; those that take no part have none
  double pass_seconds = 0;
  double load_seconds = 0;
};

/// `requests` are for the whole program, by the device that computes.
StagedLayout lay_out_stages(const std::vector<LayoutRequest>& requests, const std::vector<StageChoice>& choices);

/// The same figures, without laying out.
struct StagedFigures {
  std::vector<Bytes> arenas;  ///< by device
  double pass_seconds = 0;
};

/// Estimates choices of stages by the abridged program, which few stages see in different ways.
class StageEstimator {
 public:
  /// `requests`, for the whole program, outlive it.
  explicit StageEstimator(const std::vector<LayoutRequest>& requests) : requests_(requests) {}
  StagedFigures estimate(const std::vector<StageChoice>& choices);

  /// Of one stage: all that does not depend on others.
  Figures figures(const StageChoice& choice);
  /// Of what a stage takes over and hands on.
  PassCopies copies(const StageChoice& choice);

 private:
  /// Which blocks of the abridged program stand for a stage's.
  struct Cut {
    std::int32_t first = 0;
    std::int32_t blocks = 0;
    bool is_whole = false;  ///< nothing is handed on
    auto operator<=>(const Cut&) const = default;
  };
  struct Part {
    LayoutRequest request;
    std::unique_ptr<Estimator> estimator;
  };
  const Abridged& abridged();
  std::span<const std::int32_t> runs(const StageChoice& choice);
  Cut cut(const StageChoice& choice);
  Part& part(const StageChoice& choice);
  const StageCutter& cutter();
  const Program& program(const Cut& cut);
  const StageValues& crossing(const Cut& cut);

  const std::vector<LayoutRequest>& requests_;
  std::optional<Abridged> abridged_;   ///< once it is needed
  std::optional<StageCutter> cutter_;  ///< likewise
  std::map<Cut, Program> programs_;
  std::map<Cut, StageValues> crossings_;
  std::map<std::pair<std::int32_t, Cut>, Part> parts_;
};

}  // namespace plimsoll
