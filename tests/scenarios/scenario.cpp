#include "scenarios/scenario.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace plimsoll::testing {
namespace {

const std::set<ErrorCode> kMemory = {ErrorCode::does_not_fit, ErrorCode::out_of_memory};

// "whole-64KiB": the word, then what is added or taken away.
std::pair<std::string, std::string> split_sum(const std::string& expression) {
  const std::size_t sign = expression.find_first_of("+-");
  if (sign == std::string::npos) return {expression, ""};
  return {expression.substr(0, sign), expression.substr(sign)};
}

// Of a machine that has no accelerator: two that each hold most of a small model.
constexpr const char* kBeside = "memory=6MiB";

std::string share(std::size_t found, std::size_t all) { return found == 0 ? "none" : found == all ? "all" : "some"; }

}  // namespace

ScenarioRunner::ScenarioRunner(Scenario scenario, const Configuration& configuration)
    : scenario_(std::move(scenario)), configuration_(configuration), os_(make_os(gate_)) {
  write_tiny_model(folder_.path(), scenario_.model);
  scenario_.policy.stream_everything = configuration.stream_everything;
  scenario_.policy.smallest_chunks = configuration.smallest_chunks;
  if (configuration.simulated && scenario_.sims.empty()) scenario_.sims.push_back({.memory = "4GiB"});
  if (configuration.simulated && scenario_.policy.device.empty()) scenario_.policy.device = "sim:0";
}

Bytes ScenarioRunner::evaluate(const std::string& expression, std::size_t device) const {
  const auto [word, change] = split_sum(expression);
  const DevicePlan& planned = unlimited_.plan.devices.at(device);
  Bytes size = parse_bytes(word).value_or(Bytes{});
  if (word == "whole") size = planned.planned_total();
  for (const DeviceBytes& least : unlimited_.plan.smallest_budget) {
    if (word == "smallest" && least.device == planned.name) size = least.bytes;
  }
  EXPECT_GT(size, Bytes{}) << expression;
  if (change.empty()) return size;
  const Bytes by = parse_bytes(change.substr(1)).value();
  return change[0] == '+' ? size + by : size - by;
}

RunRequest ScenarioRunner::unlimited() const {
  RunRequest request{.model = folder_.path(), .batch_size = scenario_.batch, .policy = scenario_.policy, .budget = mib(16384)};
  request.policy.allow.clear();
  for (std::int64_t i = 0; i < scenario_.texts; ++i)
    request.texts.push_back({tiny_text(scenario_.model, scenario_.words - i % 2, static_cast<std::uint64_t>(i))});
  for (const Scenario::Sim& sim : scenario_.sims) request.sims.push_back("memory=4GiB" + sim.spec);
  return request;
}

RunRequest ScenarioRunner::request() const {
  RunRequest request = unlimited();
  request.policy.allow = scenario_.policy.allow;
  request.budget = evaluate(scenario_.budget, 0);
  request.sims.clear();
  for (std::size_t i = 0; i < scenario_.sims.size(); ++i) {
    for (std::string& spec : sim_specs(i)) request.sims.push_back(std::move(spec));
  }
  if (configuration_.two_devices) {
    request.policy.device.clear();
    request.policy.device_map.kind = DeviceMap::Kind::balanced;
    if (request.sims.empty()) request.sims.assign(2, kBeside);
  }
  request.before_pass = [this](Session& session, int pass) {
    if (const auto found = scenario_.shrinks.find(pass); found != scenario_.shrinks.end()) session.set_budget(evaluate(found->second, 0));
  };
  return request;
}

// One, or two halves of it, of which the second has the script.
std::vector<std::string> ScenarioRunner::sim_specs(std::size_t number) const {
  const Scenario::Sim& sim = scenario_.sims[number];
  const std::uint64_t parts = configuration_.two_devices ? 2 : 1;
  const Bytes memory{evaluate(sim.memory, number + 1).count / parts};
  const Bytes used{sim.used.count / parts};
  std::vector<std::string> specs(parts, "memory=" + std::to_string(memory.count) + ",used=" + std::to_string(used.count) + sim.spec);
  if (!sim.script.empty()) specs.back() += ",script=" + folder_.write("script" + std::to_string(number), sim.script);
  return specs;
}

Result<RunResult> ScenarioRunner::attempt(Gate::Refusal refusal) {
  events_.clear();
  RunRequest asked = request();
  asked.event = [this](const SessionEvent& event) { events_.emplace(event_name(event.kind)); };
  gate_.refuse(refusal);
  auto result = run_model(*os_, asked);
  return result;
}

void ScenarioRunner::run() {
  auto unlimited_result = run_model(*os_, unlimited());
  ASSERT_TRUE(unlimited_result.ok()) << message(unlimited_result.error());
  unlimited_ = std::move(unlimited_result).value();
  if (configuration_.fail_once) return sweep();
  Gate::Refusal refusal;
  if (scenario_.refusal) refusal = {scenario_.refusal->ordinal, false, static_cast<int>(scenario_.refusal->kind)};
  const auto result = attempt(refusal);
  if (scenario_.refusal) {
    EXPECT_EQ(gate_.refused(), 1U) << "it was never asked for that often";
  }
  gate_.refuse({});
  check(result);
}

void ScenarioRunner::check(const Result<RunResult>& result) {
  const bool plain = std::string_view(configuration_.name) == "plain";
  if (plain) {
    ASSERT_EQ(result.ok(), scenario_.error.empty()) << (result.ok() ? "it worked" : message(result.error()));
  }
  if (!result.ok()) {
    // Without events, only a plan that does not fit excuses.
    EXPECT_TRUE(plain || scenario_.is_eventful() || result.error().code == ErrorCode::does_not_fit) << message(result.error());
    return check_error(result.error());
  }
  check_answers(*result);
  if (events_.empty()) check_ledgers(*result);
  if (configuration_.two_devices && scenario_.sims.empty() && events_.empty()) check_division(result->plan);
  if (!plain) return;
  check_plan(result->plan);
  for (const std::string& event : scenario_.events) EXPECT_TRUE(events_.contains(event)) << event;
}

void ScenarioRunner::check_plan(const Plan& plan) const {
  if (scenario_.verdict) {
    EXPECT_EQ(verdict_name(plan.verdict), verdict_name(*scenario_.verdict));
  }
  std::set<std::string> rungs;
  for (const Sacrifice& sacrifice : plan.sacrifices) rungs.emplace(rung_name(sacrifice.rung));
  if (scenario_.rungs) {
    EXPECT_EQ(rungs, *scenario_.rungs);
  }
  const auto count = [&](std::string LayerPlan::*place, const std::string& name) {
    const auto is_there = [&](const LayerPlan& layer) { return layer.*place == name; };
    return share(static_cast<std::size_t>(std::ranges::count_if(plan.layers, is_there)), plan.layers.size());
  };
  for (const auto& [place, wanted] : scenario_.homes) EXPECT_EQ(count(&LayerPlan::home, place), wanted) << "home " << place;
  for (const auto& [place, wanted] : scenario_.computes) EXPECT_EQ(count(&LayerPlan::compute, place), wanted) << "compute " << place;
}

void ScenarioRunner::check_answers(const RunResult& result) const {
  ASSERT_EQ(result.ids, unlimited_.ids);
  ASSERT_EQ(result.logits.size(), unlimited_.logits.size());
  if (scenario_.answers != "close") {
    EXPECT_EQ(result.logits, unlimited_.logits) << "not the same bits";
    return;
  }
  for (std::size_t i = 0; i < result.logits.size(); ++i) {
    for (std::size_t k = 0; k < result.logits[i].size(); ++k) EXPECT_NEAR(result.logits[i][k], unlimited_.logits[i][k], 0.1);
  }
}

void ScenarioRunner::check_ledgers(const RunResult& result) const {
  EXPECT_EQ(result.ledger_peak_by_tag, result.plan.devices.front().arenas);
  ASSERT_EQ(result.device_peaks.size() + 1, result.plan.devices.size());
  for (std::size_t i = 0; i < result.device_peaks.size(); ++i)
    EXPECT_EQ(result.device_peaks[i], result.plan.devices[i + 1].arenas) << result.plan.devices[i + 1].name;
}

void ScenarioRunner::check_division(const Plan& plan) const {
  std::set<std::string> computing;
  for (const LayerPlan& layer : plan.layers) computing.insert(layer.compute);
  EXPECT_EQ(computing, (std::set<std::string>{"sim:0", "sim:1"})) << "nothing is divided: nothing was tested";
}

void ScenarioRunner::check_error(const Error& error) {
  const std::string code(error_code_name(error.code));
  if (std::string_view(configuration_.name) == "plain") {
    EXPECT_EQ(code, scenario_.error) << message(error);
  } else EXPECT_TRUE(kMemory.contains(error.code) || code == scenario_.error) << message(error);
  EXPECT_FALSE(error.what.empty());
  if (error.code != ErrorCode::does_not_fit || scenario_.is_eventful() || !error.memory) return;
  for (const DeviceBytes& least : error.memory->smallest_budget) {
    RunRequest enough = request();
    if (least.device == "cpu") enough.budget = least.bytes;
    else enough.sims.at(static_cast<std::size_t>(least.device.back() - '0')) = "memory=" + std::to_string(least.bytes.count);
    const auto result = run_model(*os_, enough);
    ASSERT_TRUE(result.ok()) << "the budget that was named: " << message(result.error());
    check_answers(*result);
  }
}

// One acquisition in a few, so that all of a run are touched by some.
void ScenarioRunner::sweep() {
  static constexpr std::uint64_t kMostRuns = 8;
  static_cast<void>(attempt({}));
  std::uint64_t all = 0;
  for (std::size_t kind = 0; kind < kAcquisitionKinds; ++kind) all += gate_.seen(static_cast<Acquisition>(kind));
  ASSERT_GT(all, 0U);
  const std::uint64_t stride = std::max<std::uint64_t>(1, all / kMostRuns);
  for (std::uint64_t n = 1; n <= all; n += stride) {
    const auto result = attempt({n, false, -1});
    gate_.refuse({});
    if (result.ok()) {
      check_answers(*result);
      continue;
    }
    const ErrorCode code = result.error().code;
    EXPECT_NE(code, ErrorCode::internal) << n << ": " << message(result.error());
    EXPECT_NE(code, ErrorCode::corrupt_file) << n << ": " << message(result.error());
    EXPECT_NE(code, ErrorCode::usage) << n << ": " << message(result.error());
  }
  const auto after = attempt({});
  if (scenario_.error.empty() && !scenario_.is_eventful()) {
    ASSERT_TRUE(after.ok()) << message(after.error());
  }
  if (after.ok()) check_answers(*after);
}

}  // namespace plimsoll::testing
