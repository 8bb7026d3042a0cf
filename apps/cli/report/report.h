#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/plan.h>

#include "report/event_log.h"
#include "report/recorder.h"
#include "rows/replaced_rows.h"

namespace plimsoll::cli {

/// A device beside the host at the end of a run.
struct DeviceFigures {
  std::string name;
  Bytes ledger_peak;
  double seconds = 0;  ///< by its own clock; zero if it has none
};

/// What a run came to. Seconds count from the start of the command.
struct RunStatistics {
  explicit RunStatistics(Os& os) : recorder(os) {}

  Recorder recorder;
  double load_seconds = 0;
  double first_result_seconds = 0;
  double busy_seconds = 0;  ///< tokenizing, computing and printing; not waiting for input
  std::int64_t rows = 0;
  std::int64_t bad_rows = 0;
  std::int64_t truncated = 0;
  std::int64_t tokens = 0;
  ReplacedRows replaced;
  EventLog events;
  Bytes ledger_peak;
  std::vector<DeviceFigures> devices;
  std::optional<Plan> last_plan;  ///< that the session ended with

  double tokens_per_second() const { return busy_seconds > 0 ? static_cast<double>(tokens) / busy_seconds : 0; }
};

/// What the host cannot do with less than; zero if that is unknown.
Bytes least_of_host(const Plan& plan);

/// What a plan takes of the process, whose own memory is that of simulated devices.
Bytes planned_of_process(const Plan& plan);

/// `run --report` (DESIGN.md section 6).
std::string report_json(const Plan& plan, const RunStatistics& statistics);

/// The line at the end of a run: precision, where the weights are by then, peak memory (that of simulated
/// devices is the process's own), speed. `plan`: the first one.
std::string summary_line(const Plan& plan, const RunStatistics& statistics);

}  // namespace plimsoll::cli
