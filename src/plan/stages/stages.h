#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "plan/candidates/candidate.h"
#include "plan/cost/estimate.h"
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

/// Estimates choices of stages, each stage's program made once for all devices; the last few are kept.
class StageEstimator {
 public:
  /// `requests` outlive it.
  explicit StageEstimator(const std::vector<LayoutRequest>& requests) : requests_(requests) {}
  StagedFigures estimate(const std::vector<StageChoice>& choices);

  /// Of one stage: all that does not depend on others.
  Figures figures(const StageChoice& choice);
  /// Of what a stage takes over and hands on.
  PassCopies copies(const StageChoice& choice);

 private:
  using Range = std::pair<std::int64_t, std::int64_t>;  // first block and how many
  struct Part {
    LayoutRequest request;
    std::unique_ptr<Estimator> estimator;
  };
  Part& part(const StageChoice& choice);
  const StageCutter& cutter();
  const Program& program(const StageChoice& choice);
  const StageValues& crossing(const StageChoice& choice);

  const std::vector<LayoutRequest>& requests_;
  std::optional<StageCutter> cutter_;  ///< once it is needed
  std::map<Range, Program> programs_;
  std::map<Range, StageValues> crossings_;
  std::map<std::pair<std::int32_t, Range>, Part> parts_;
};

}  // namespace plimsoll
