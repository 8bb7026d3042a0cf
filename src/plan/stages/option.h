#pragma once

#include <numeric>
#include <vector>

#include <plimsoll/cancel.h>

#include "plan/stages/stages.h"

namespace plimsoll {

/// What devices have for a plan, by their number: 0 the host.
using Budgets = std::vector<Bytes>;

/// A way to run with its figures.
struct Option {
  std::vector<StageChoice> stages;
  std::vector<Bytes> totals;  ///< by device, runtime included; zero: takes no part
  double pass = 0;            ///< seconds of one full pass
  double seconds = 0;         ///< of the workload

  /// What all stages have in common: the pass and the precision.
  const Candidate& shared() const { return stages.front().candidate; }
  Bytes total(std::int32_t device) const { return totals[static_cast<std::size_t>(device)]; }
  Bytes sum() const { return std::accumulate(totals.begin(), totals.end(), Bytes{}); }
  /// Blocks that are copied in every pass.
  std::int64_t streamed() const {
    const auto add = [](std::int64_t sum, const StageChoice& stage) { return sum + stage.candidate.streamed_blocks; };
    return std::accumulate(stages.begin(), stages.end(), std::int64_t{0}, add);
  }
};

/// What a process takes besides arenas for stages beyond the first: their programs, readers and schedules.
inline Bytes stage_runtime(const Program& program, std::size_t stages) {
  return round_to_pages((kib(64) + Bytes{1536} * program.op_count()) * (stages - 1));
}

/// Leaves out of ways to run on one device, with one pass and precision, those that no budget makes the best, the nearest to fitting
/// or the smallest: another takes no more of anything. The order of the others stays.
void drop_beaten(std::vector<Option>& options);

/// Looked at wherever planning goes on for long; what it gives then is left unused.
inline bool is_cancelled(const CancelToken* cancel) { return cancel != nullptr && cancel->cancelled(); }

/// On every device, or on all but one.
inline bool fits(const Option& option, const Budgets& budgets, std::int32_t but = -1) {
  for (std::int32_t d = 0; d < std::ssize(budgets); ++d) {
    if (d != but && option.total(d) > budgets[static_cast<std::size_t>(d)]) return false;
  }
  return true;
}

}  // namespace plimsoll
