#pragma once

#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <plimsoll/device.h>
#include <plimsoll/event.h>

#include "model_fixture.h"
#include "plan/layout/schedule.h"

namespace plimsoll::testing {

/// A session that plans again by itself, and what it told.
class ElasticFixture : public ModelFixture {
 protected:
  /// Reads the model and plans for `budget`.
  void prepare(const TinyModel& tiny, std::int64_t batch = 6, std::optional<Bytes> budget = {}, const Policy& policy = {}) {
    auto opened = Model::open(*os_, ledger_, {write(tiny), "", "", false});
    ASSERT_TRUE(opened.ok()) << message(opened.error());
    model_ = std::make_unique<Model>(std::move(opened).value());
    tables_ = ledger_.current();
    auto machine = describe_machine(*os_, threads_);
    ASSERT_TRUE(machine.ok());
    machine_ = *machine;
    open_devices();
    workload_ = {};
    workload_.longest = 24;
    workload_.batch_size = batch;
    policy_ = policy;
    first_ = plan_for(budget.value_or(mib(4096)));
    ASSERT_NE(first_.verdict, Verdict::does_not_fit);
    workload_.held_tokens = first_.tokens_per_pass;
    workload_.held_texts = first_.texts_per_pass;
    write_input(tiny, first_.texts_per_pass);
  }

  /// Another simulated device for `sims_`, with `script` (lines, each "at=POINT ACTION").
  void add_device(std::string spec, const std::string& script = "") {
    if (!script.empty()) {
      const std::string file = folder_ / ("script" + std::to_string(sims_.size()));
      std::ofstream(file) << script;
      spec += ",script=" + file;
    }
    sims_.push_back(std::move(spec));
  }

  /// Those of `sims_`, as new as if no session had used them; none of the old may be in use.
  void open_devices() {
    devices_.clear();
    machine_.accelerators.clear();
    for (const std::string& spec : sims_) {
      auto device = OpenDevice::simulate(*os_, "sim:" + std::to_string(devices_.size()), spec, threads_);
      ASSERT_TRUE(device.ok()) << message(device.error());
      auto described = (*device)->describe();
      ASSERT_TRUE(described.ok()) << message(described.error());
      machine_.accelerators.push_back(*described);
      devices_.push_back(std::move(device).value());
    }
  }

  Plan plan_for(Bytes budget) const { return plan_on(machine_, budget); }

  /// For budgets as a session asks for them.
  Plan plan_within(std::span<const DeviceBytes> budgets) const {
    Snapshot machine = machine_;
    for (std::size_t i = 0; i < devices_.size(); ++i) machine.accelerators[i].free = budgets[i + 1].bytes;
    return plan_on(std::move(machine), budgets.front().bytes);
  }

  Session::Options options(ProgressFunction progress = {}, const CancelToken* cancel = nullptr) {
    Session::Options options;
    options.os = os_.get();
    options.ledger = &ledger_;
    options.cancel = cancel;
    options.progress = std::move(progress);
    options.replan = [this](std::span<const DeviceBytes> budgets) -> Result<Plan> {
      ++replans_;
      Plan plan = plan_within(budgets);
      if (plan.verdict != Verdict::does_not_fit) limit_ledgers(plan);
      return plan;
    };
    for (const auto& device : devices_) options.devices.push_back(device.get());
    options.event = [this](const SessionEvent& event) { events_.push_back(event); };
    return options;
  }

  Status open(ProgressFunction progress = {}, const CancelToken* cancel = nullptr) {
    limit_ledgers(first_);
    PLIMSOLL_TRY(Session session, Session::create(*model_, first_, options(std::move(progress), cancel)));
    session_ = std::make_unique<Session>(std::move(session));
    return {};
  }

  Result<std::vector<float>> pass() {
    PLIMSOLL_TRY(const std::span<const float> logits, session_->run({ids_, types_, starts_}));
    return std::vector<float>(logits.begin(), logits.end());
  }

  /// Of the undisturbed session.
  std::vector<float> reference() {
    EXPECT_TRUE(open().ok());
    const auto logits = pass();
    EXPECT_TRUE(logits.ok());
    session_.reset();
    events_.clear();
    return *logits;
  }

  /// The host's, which every device gives to the bit. The model is then to be prepared again.
  std::vector<float> host_reference(const TinyModel& tiny) {
    const auto sims = std::exchange(sims_, {});
    prepare(tiny);
    std::vector<float> logits = reference();
    sims_ = sims;
    return logits;
  }

  /// Of the device that computes.
  std::string computing() const { return session_->plan().devices.at(static_cast<std::size_t>(session_->plan().schedule->device)).name; }

  std::string all_texts() const {
    std::string text;
    for (const SessionEvent& event : events_) text += event.device + ": " + event.text + "\n";
    return text;
  }

  void expect_ledger_is_plan() const {
    const std::vector<DevicePlan>& planned = session_->plan().devices;
    EXPECT_EQ(ledger_.current(), planned.front().arena_total());
    EXPECT_EQ(session_->planned_total(), planned.front().planned_total());
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      EXPECT_EQ(devices_[i]->ledger().current(), planned[i + 1].arena_total());
      EXPECT_EQ(session_->planned_total(planned[i + 1].name), planned[i + 1].planned_total());
    }
  }

  void expect_nothing_is_held() const {
    EXPECT_EQ(ledger_.current(), tables_);
    for (const auto& device : devices_) EXPECT_EQ(device->ledger().current(), Bytes{});
  }

  Bytes most() const { return first_.devices.front().planned_total(); }
  Bytes most_there() const { return first_.devices.at(1).planned_total(); }
  Bytes least() const { return first_.smallest_budget.front().bytes; }
  std::vector<SessionEvent::Kind> kinds() const {
    std::vector<SessionEvent::Kind> list;
    for (const SessionEvent& event : events_) list.push_back(event.kind);
    return list;
  }

  Ledger ledger_{"cpu", Bytes{std::uint64_t{1} << 40U}};
  std::unique_ptr<Model> model_;
  std::vector<std::string> sims_;  ///< specifications of simulated devices
  std::vector<std::unique_ptr<OpenDevice>> devices_;
  Bytes tables_;
  Snapshot machine_;
  Workload workload_;
  Policy policy_;
  Plan first_;
  int threads_ = 2;
  bool limits_ledger_ = true;
  int replans_ = 0;
  std::vector<SessionEvent> events_;
  std::unique_ptr<Session> session_;
  std::vector<std::int32_t> ids_;
  std::vector<std::int32_t> types_;
  std::vector<std::int32_t> starts_;

 private:
  Plan plan_on(Snapshot machine, Bytes budget) const {
    machine.memory.budget = budget;
    auto plan = make_plan(*model_, machine, workload_, policy_);
    EXPECT_TRUE(plan.ok());
    return std::move(plan).value();
  }

  void limit_ledgers(const Plan& plan) {
    if (!limits_ledger_) return;
    ledger_.set_limit(plan.devices.front().arena_total());
    for (std::size_t i = 0; i < devices_.size(); ++i) devices_[i]->ledger().set_limit(plan.devices[i + 1].arena_total());
  }

  void write_input(const TinyModel& tiny, std::int64_t texts) {
    starts_ = {0};
    ids_.clear();
    for (std::int64_t b = 0; b < texts; ++b) {
      const std::int64_t length = 1 + (b * 7 + 5) % workload_.longest;
      for (std::int64_t i = 0; i < length; ++i) ids_.push_back(static_cast<std::int32_t>((b * 131 + i * 17) % (tiny.words + 5)));
      starts_.push_back(static_cast<std::int32_t>(ids_.size()));
    }
    types_.assign(ids_.size(), 0);
  }
};

/// What a session may do when acquisitions are refused: answer right or fail with a type, leak nothing, answer right when asked again.
class RefusalFixture : public ElasticFixture {
 protected:
  struct Outcome {
    bool fired = false;
    bool answered = false;
  };

  Outcome attempt(Gate::Refusal refusal, const std::vector<float>& expected, const std::function<Result<std::vector<float>>()>& work) {
    Outcome outcome;
    gate_.refuse(refusal);
    const auto result = work();
    outcome.fired = gate_.refused() > 0;
    gate_.refuse({});
    outcome.answered = result.ok();
    if (result.ok()) {
      EXPECT_EQ(*result, expected) << refusal.ordinal;
      expect_ledger_is_plan();
    } else {
      EXPECT_NE(result.error().code, ErrorCode::internal) << message(result.error());
      EXPECT_NE(result.error().code, ErrorCode::usage) << message(result.error());
    }
    if (session_) {
      const auto again = pass();
      EXPECT_TRUE(again.ok()) << refusal.ordinal << ": " << message(again.error());
      EXPECT_EQ(again.ok() ? *again : expected, expected);
      if (again.ok()) expect_ledger_is_plan();
    }
    session_.reset();
    expect_nothing_is_held();
    events_.clear();
    return outcome;
  }

  /// Every ordinal, once and persistently, until none is left. How many fired, and how many of those were survived.
  std::pair<int, int> sweep(const std::vector<float>& expected, const std::function<Status()>& before,
                            const std::function<Result<std::vector<float>>()>& work) {
    int fired = 0;
    int survived = 0;
    for (const bool persistent : {false, true}) {
      for (std::uint64_t ordinal = 1;; ++ordinal) {
        EXPECT_TRUE(before().ok());
        const Outcome outcome = attempt({.ordinal = ordinal, .persistent = persistent}, expected, work);
        if (!outcome.fired) break;
        ++fired;
        survived += outcome.answered ? 1 : 0;
      }
    }
    return {fired, survived};
  }

  Result<std::vector<float>> open_and_pass() {
    PLIMSOLL_CHECK(open());
    return pass();
  }
};

}  // namespace plimsoll::testing
