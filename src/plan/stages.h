#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "plan/candidate.h"
#include "plan/estimate.h"
#include "plan/layout.h"

namespace plimsoll {

/// Blocks [first, first + count) of `program` as a program of their own. Values and weights keep their numbers; weights of other blocks
/// have their shapes alone. What blocks hand on to each other has Lifetime::stage, wherever the program is cut.
Program stage_program(const Program& program, std::int64_t first, std::int64_t count);

/// What blocks [first, first + count) take over from the pass's input and earlier blocks, and what they hand on to later ones or the
/// pass's answers: in the order of their numbers.
struct StageValues {
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};
StageValues stage_values(const Program& program, std::int64_t first, std::int64_t count);

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

/// Estimates choices of stages, each stage's program made once.
class StageEstimator {
 public:
  /// `requests` outlive it.
  explicit StageEstimator(const std::vector<LayoutRequest>& requests) : requests_(requests) {}
  StagedFigures estimate(const std::vector<StageChoice>& choices);

  /// Of one stage: all that does not depend on others.
  Figures figures(const StageChoice& choice);
  /// Seconds to bring what a stage takes over to its device, and away what it hands on.
  double hand_over_seconds(const StageChoice& choice);

 private:
  struct Part {
    Program program;
    LayoutRequest request;
    std::unique_ptr<Estimator> estimator;
  };
  Part& part(const StageChoice& choice);

  const std::vector<LayoutRequest>& requests_;
  std::map<std::tuple<std::int32_t, std::int64_t, std::int64_t>, std::unique_ptr<Part>> parts_;
};

}  // namespace plimsoll
