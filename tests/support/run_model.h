#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/classifier.h>
#include <plimsoll/measure.h>

namespace plimsoll::testing {

/// A text with an optional pair, owned.
struct Text {
  std::string text;
  std::optional<std::string> pair = std::nullopt;
};

struct RunRequest {
  std::string model = {};
  std::vector<Text> texts = {};
  std::int64_t max_length = 0;
  std::int64_t batch_size = 0;
  int threads = 2;
  Policy policy = {};
  const CancelToken* cancel = nullptr;
  std::optional<Bytes> budget = std::nullopt;  ///< instead of what the machine has
  std::vector<std::string> sims = {};          ///< simulated devices: sim:0, sim:1, ...
  int cudas = 0;                               ///< or GPUs: cuda:0, cuda:1, ...
  std::optional<Bytes> device_budget = {};     ///< of each GPU
  /// Told of what is planned from, and of the plan, before anything is reserved; may be empty.
  std::function<void(const Model&, const Snapshot&, const Workload&, const Plan&)> planned = {};
  std::function<void(Session&, int)> before_pass = {};  ///< told of each pass, from 1; may be empty
  std::function<void(const SessionEvent&)> event = {};  ///< told of what the session does to go on; may be empty
};

struct RunResult {
  Plan plan;
  std::vector<std::vector<float>> logits;
  std::vector<std::vector<std::int32_t>> ids;
  std::vector<bool> truncated;
  Bytes ledger_peak;
  TagBytes ledger_peak_by_tag{};
  std::vector<TagBytes> device_peaks;  ///< of the simulated devices
  std::vector<double> device_seconds;  ///< by their own clocks
};

/// The whole line, as the command walks it: open, count, plan, reserve, load, classify. When all is done the ledger must be
/// empty again; that is checked here (`internal` if not).
Result<RunResult> run_model(Os& os, const RunRequest& request);

}  // namespace plimsoll::testing
