#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <plimsoll/event.h>

#include "support/run_model.h"
#include "support/temporary_folder.h"
#include "support/tiny_model.h"

namespace plimsoll::testing {

/// A file of this folder, read (README.md).
struct Scenario {
  struct Sim {
    std::string spec = {};    ///< all but memory and used
    std::string memory = {};  ///< an EXPR
    Bytes used = {};
    std::string script = {};
  };
  struct Refusal {
    Acquisition kind = Acquisition::host_memory;
    std::uint64_t ordinal = 0;
  };

  TinyModel model;
  std::int64_t texts = 8;
  std::int64_t words = 10;
  std::int64_t batch = 0;
  Policy policy;
  std::string budget = "4GiB";
  std::vector<Sim> sims;
  std::map<int, std::string> shrinks;
  std::optional<Refusal> refusal;

  std::optional<Verdict> verdict;
  std::optional<std::set<std::string>> rungs;
  std::map<std::string, std::string> homes;
  std::map<std::string, std::string> computes;
  std::set<std::string> events;
  std::string answers;
  std::string error;

  /// Something happens to it: what it comes to without is not what it comes to with.
  bool is_eventful() const;
};

/// Throws std::runtime_error with the line that cannot be read.
Scenario read_scenario(const std::string& path);

/// How a scenario is run.
struct Configuration {
  const char* name = "plain";
  bool stream_everything = false;
  bool smallest_chunks = false;
  bool simulated = false;
  bool fail_once = false;
  bool two_devices = false;
};

/// Runs a scenario and checks what it says, with GoogleTest's expectations.
class ScenarioRunner {
 public:
  ScenarioRunner(Scenario scenario, const Configuration& configuration);
  void run();

 private:
  Bytes evaluate(const std::string& expression, std::size_t device) const;
  RunRequest request() const;
  std::vector<std::string> sim_specs(std::size_t sim) const;
  RunRequest unlimited() const;
  Result<RunResult> attempt(Gate::Refusal refusal);
  void check(const Result<RunResult>& result);
  void check_plan(const Plan& plan) const;
  void check_answers(const RunResult& result) const;
  void check_ledgers(const RunResult& result) const;
  void check_division(const Plan& plan) const;
  void check_error(const Error& error);
  void sweep();

  Scenario scenario_;
  Configuration configuration_;
  TemporaryFolder folder_;
  Gate gate_;
  std::unique_ptr<Os> os_;
  RunResult unlimited_;
  std::set<std::string> events_;
};

}  // namespace plimsoll::testing
