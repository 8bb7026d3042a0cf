#include "scenarios/seeded_case.h"

#include <cmath>

#include <gtest/gtest.h>

namespace plimsoll::testing {
namespace {

constexpr Bytes kPlenty = mib(16384);

Bytes scaled(Bytes bytes, std::uint64_t tenths) { return Bytes{bytes.count * tenths / 10}; }

/// What a plan takes of a device with unlimited memory, and the least that would do.
struct Range {
  Bytes least;
  Bytes whole;
};

Range range_on(const RunRequest& asked, const std::string& device) {
  Gate gate;
  const auto os = make_os(gate);
  RunRequest request = asked;
  request.budget = kPlenty;
  request.policy.device = device;
  for (std::string& sim : request.sims) sim = "memory=4GiB" + sim.substr(sim.find(','));
  Range range;
  request.planned = [&](const Model&, const Snapshot&, const Workload&, const Plan& plan) {
    for (const DevicePlan& one : plan.devices) {
      if (one.name == device) range.whole = one.planned_total();
    }
    for (const DeviceBytes& one : plan.smallest_budget) {
      if (one.device == device) range.least = one.bytes;
    }
  };
  const auto result = run_model(*os, request);
  EXPECT_TRUE(result.ok()) << message(result.error());
  return range;
}

}  // namespace

SeededCase::SeededCase(std::uint64_t seed) : random_(seed) {
  for (int i = 0; i < 4; ++i) static_cast<void>(random_());
  draw_model();
  draw_policy();
  draw_budgets();
  draw_event();
}

void SeededCase::draw_model() {
  tiny_.hidden = one_of<std::int64_t>({64, 128, 192});
  tiny_.intermediate = tiny_.hidden * one_of<std::int64_t>({1, 2, 4});
  tiny_.layers = 1 + static_cast<std::int64_t>(below(3));
  tiny_.words = one_of<std::int64_t>({40, 500, 3000});
  tiny_.labels = 1 + static_cast<std::int64_t>(below(5));
  tiny_.dtype = one_of({"F32", "F32", "BF16", "F16"});
  tiny_.seed = random_();
  write_tiny_model(folder_.path(), tiny_);
  const std::uint64_t texts = 1 + below(12);
  for (std::uint64_t i = 0; i < texts; ++i) texts_.push_back({tiny_text(tiny_, 1 + static_cast<std::int64_t>(below(30)), i)});
  batch_ = one_of<std::int64_t>({0, 1, 2, 4, 8});
}

void SeededCase::draw_policy() {
  for (const Rung rung : {Rung::gather, Rung::microbatch, Rung::stream, Rung::cpu}) {
    if (one_in(6)) policy_.forbid.push_back(rung);
  }
  for (const Rung rung : {Rung::bfloat16, Rung::float16}) {
    if (one_in(10)) policy_.allow.push_back(rung);
  }
  policy_.use_disk = !one_in(5);
}

Bytes SeededCase::between(Bytes low, Bytes high) {
  const double share = static_cast<double>(below(10001)) / 10000;
  const double bytes = static_cast<double>(low.count) * std::pow(static_cast<double>(high.count) / static_cast<double>(low.count), share);
  return round_to_pages(Bytes{static_cast<std::uint64_t>(bytes)});
}

void SeededCase::draw_budgets() {
  const std::uint64_t sims = one_of<std::uint64_t>({0, 0, 1, 1, 2});
  for (std::uint64_t i = 0; i < sims; ++i)
    sims_.push_back({"sim:" + std::to_string(i), mib(64),
                     one_of({",link=1GB/s,compute=10TFLOP/s", ",link=100MB/s,compute=100GFLOP/s", ",link=1000GB/s"})});
  RunRequest asked = request();
  const Range host = range_on(asked, "cpu");
  budget_ = between(scaled(host.least, 6), scaled(host.whole, 12));
  for (Device& sim : sims_) {
    const Range there = range_on(asked, sim.name);
    sim.memory = between(scaled(there.least, 5), scaled(there.whole, 12));
  }
  if (!sims_.empty() && one_in(4)) policy_.device = one_of<std::string>({"cpu", "sim:0"});
}

void SeededCase::draw_event() {
  const std::uint64_t kind = below(8);
  if (kind == 0) {
    event_ = Event::shrink;
    shrunk_ = between(Bytes{budget_.count / 2}, budget_);
  }
  if (sims_.empty() || kind == 0 || kind > 3) return;
  struck_ = below(sims_.size());
  const std::string when = one_of<std::string>({"load:0", "load:0.5", "pass:1", "layer:1"});
  if (kind == 1) {
    event_ = Event::lost;
    script_ = "at=" + when + " lost\n";
  } else if (kind == 2) {
    event_ = Event::failed;
    script_ = "at=" + when + " fail=" + one_of<std::string>({"copy:1", "launch:1", "copy:3"}) + "\n";
  } else {
    event_ = Event::neighbour;
    script_ = "at=pass:1 others=+1GiB\n";
  }
}

RunRequest SeededCase::reference() const {
  RunRequest request{.model = folder_.path(), .texts = texts_, .policy = {.device = "cpu"}, .budget = kPlenty};
  return request;
}

RunRequest SeededCase::request() const {
  RunRequest request{.model = folder_.path(), .texts = texts_, .batch_size = batch_, .policy = policy_, .budget = budget_};
  for (std::size_t i = 0; i < sims_.size(); ++i) {
    request.sims.push_back("memory=" + std::to_string(sims_[i].memory.count) + sims_[i].spec);
    if (!script_.empty() && i == struck_) request.sims.back() += ",script=" + folder_.write("script", script_);
  }
  if (event_ == Event::shrink) {
    request.before_pass = [this](Session& session, int pass) {
      if (pass == 1) session.set_budget(shrunk_);
    };
  }
  return request;
}

RunRequest SeededCase::with_budget(const DeviceBytes& budget) const {
  RunRequest other = request();
  if (budget.device == "cpu") other.budget = budget.bytes;
  for (std::size_t i = 0; i < sims_.size(); ++i) {
    if (sims_[i].name == budget.device) other.sims[i] = "memory=" + std::to_string(budget.bytes.count) + sims_[i].spec;
  }
  return other;
}

Snapshot SeededCase::after_event(Snapshot machine) const {
  if (event_ == Event::shrink) machine.memory.budget = shrunk_;
  if (event_ == Event::lost) machine.accelerators[struck_].free = Bytes{};
  return machine;
}

std::string SeededCase::description() const {
  std::string text = "layers=" + std::to_string(tiny_.layers) + " hidden=" + std::to_string(tiny_.hidden) + " " + tiny_.dtype +
                     " texts=" + std::to_string(texts_.size()) + " batch=" + std::to_string(batch_) + " budget=" + format_bytes(budget_) +
                     " device=" + policy_.device;
  for (const Device& sim : sims_) text += " " + sim.name + "=" + format_bytes(sim.memory) + sim.spec;
  if (!policy_.use_disk) text += " disk 0";
  for (const Rung rung : policy_.forbid) text += " forbid " + std::string(rung_name(rung));
  for (const Rung rung : policy_.allow) text += " allow " + std::string(rung_name(rung));
  if (event_ == Event::shrink) text += " shrink to " + format_bytes(shrunk_);
  if (!script_.empty()) text += " " + sims_[struck_].name + ": " + script_;
  return text;
}

}  // namespace plimsoll::testing
