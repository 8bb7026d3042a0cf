// Sessions whose memory is taken away and given back: the same bits, the planned bytes, and every failure typed.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include <plimsoll/event.h>

#include "elastic_fixture.h"
#include "faulty_os.h"
#include "plan/layout/schedule.h"
#include "probe/self_memory.h"
#include "recover/difference.h"
#include "support/build.h"
#include "support/forwarding_os.h"

namespace plimsoll {
namespace {

using testing::kDeep;
using testing::TinyModel;
using Kind = SessionEvent::Kind;

using Elastic = testing::ElasticFixture;

// Whoever is told of a layer may print it, and who waits for a reader gives memory back meanwhile.
TEST_F(Elastic, ACallWithinACallOfASessionChangesNothing) {
  prepare(kDeep);
  const std::vector<float> expected = reference();
  int calls = 0;
  ASSERT_TRUE(open([&](const Progress& progress) {
                if (progress.phase != "pass") return;
                session_->set_budget(least());
                const Bytes planned = session_->planned_total();
                EXPECT_TRUE(session_->fit_budget().ok());
                EXPECT_EQ(session_->planned_total(), planned);
                EXPECT_EQ(pass().error().code, ErrorCode::usage);
                ++calls;
              }).ok());
  EXPECT_EQ(pass().value(), expected);
  EXPECT_GT(calls, 1);
  EXPECT_LE(session_->planned_total(), least());
}

TEST_F(Elastic, ShrinksAtEveryLayerBoundaryAndGrowsBack) {
  prepare(kDeep);
  const std::vector<float> expected = reference();
  const std::int64_t boundaries = std::ssize(first_.layers) - 1;
  std::set<bool> went_on;
  for (const int share : {95, 60, 25, 0}) {
    const Bytes budget{least().count + (most().count - least().count) * static_cast<std::uint64_t>(share) / 100};
    for (std::int64_t boundary = 0; boundary < boundaries; ++boundary) {
      std::int64_t seen = 0;
      std::map<std::string, int> computed;
      ASSERT_TRUE(open([&](const Progress& progress) {
                    if (progress.phase != "pass") return;
                    ++computed[std::string(progress.layer)];
                    if (seen++ == boundary) session_->set_budget(budget);
                  }).ok());
      const auto shrunk = pass();
      ASSERT_TRUE(shrunk.ok()) << message(shrunk.error());
      EXPECT_EQ(*shrunk, expected) << share << "%, at boundary " << boundary;
      EXPECT_EQ(kinds(), std::vector{Kind::shed});
      EXPECT_LE(session_->planned_total(), budget);
      expect_ledger_is_plan();
      const bool whole = same_values(first_, session_->plan());
      went_on.insert(whole);
      EXPECT_TRUE(whole || session_->plan().tokens_per_pass != first_.tokens_per_pass) << "where weights are moves no value";
      if (whole) {
        for (const auto& [layer, times] : computed) EXPECT_EQ(times, 1) << layer << ": a pass goes on where it was";
      }
      EXPECT_EQ(pass().value(), expected);
      session_->set_budget(most());
      EXPECT_EQ(pass().value(), expected);
      EXPECT_EQ(kinds(), (std::vector{Kind::shed, Kind::grown}));
      EXPECT_EQ(session_->planned_total(), most());
      expect_ledger_is_plan();
      EXPECT_EQ(pass().value(), expected);
      session_.reset();
      EXPECT_EQ(ledger_.current(), tables_);
      events_.clear();
    }
  }
  EXPECT_EQ(went_on.size(), 2U) << "some plans take a pass over, others begin it anew";
}

TEST_F(Elastic, EveryBudgetGivesTheSameBitsAndTheLedgerFollows) {
  threads_ = 3;  // and slots to load through: four weights a layer go around them out of step
  prepare(kDeep, 8);
  const std::vector<float> expected = reference();
  ASSERT_TRUE(open().ok());
  std::set<Bytes> totals;
  for (int step = 0; step <= 60; ++step) {
    const auto share = static_cast<std::uint64_t>((step * 37) % 61);  // up and down
    const Bytes budget{least().count + (most().count - least().count) * share / 60};
    session_->set_budget(budget);
    const auto logits = pass();
    ASSERT_TRUE(logits.ok()) << message(logits.error());
    EXPECT_EQ(*logits, expected) << format_bytes(budget);
    EXPECT_LE(session_->planned_total(), budget);
    expect_ledger_is_plan();
    totals.insert(session_->planned_total());
  }
  EXPECT_GT(totals.size(), 8U);
  for (const SessionEvent& event : events_) {
    EXPECT_TRUE(event.kind == Kind::shed || event.kind == Kind::grown);
    EXPECT_FALSE(event.rungs.empty()) << event.text;
    EXPECT_NE(event.text.find("the budget "), std::string::npos);
    EXPECT_EQ(event.text.find('\n'), std::string::npos);
  }
}

TEST_F(Elastic, ABudgetThatNoPlanFitsIsATypedErrorAndTheSessionRunsAgainLater) {
  prepare(kDeep);
  const std::vector<float> expected = reference();
  int layers_until = -1;
  ASSERT_TRUE(open([&](const Progress& progress) {
                if (progress.phase == "pass" && layers_until-- == 0) session_->set_budget(least() - kPage);
              }).ok());
  for (const int layers : {0, 3}) {
    layers_until = layers;
    const auto refused = pass();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::does_not_fit);
    ASSERT_TRUE(refused.error().memory);
    EXPECT_EQ(refused.error().memory->limit, least() - kPage);
    EXPECT_EQ(refused.error().memory->smallest_budget.front().bytes, least());
    EXPECT_FALSE(pass().ok()) << "nothing has changed";
    session_->set_budget(least());
    EXPECT_EQ(pass().value(), expected);
    expect_ledger_is_plan();
    session_->set_budget(most());
    EXPECT_EQ(pass().value(), expected);
  }
}

TEST_F(Elastic, WithoutAPlannerALowerBudgetIsATypedError) {
  prepare(kDeep);
  auto session = Session::create(*model_, first_, {os_.get(), &ledger_, nullptr, {}});
  ASSERT_TRUE(session.ok());
  session->set_budget(most() - kPage);
  const auto refused = session->run({ids_, types_, starts_});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::out_of_memory);
  session->set_budget(most());
  EXPECT_TRUE(session->run({ids_, types_, starts_}).ok());
}

TEST_F(Elastic, CancelWinsOverAFallingBudget) {
  prepare(kDeep);
  CancelToken cancel;
  ASSERT_TRUE(open(
                  [&](const Progress& progress) {
                    if (progress.phase != "pass") return;
                    session_->set_budget(least());
                    cancel.cancel();
                  },
                  &cancel)
                  .ok());
  const auto stopped = pass();
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  EXPECT_TRUE(events_.empty());
}

TEST_F(Elastic, AHigherBudgetWhoseMemoryCannotBeHadChangesNothing) {
  prepare(kDeep);
  const std::vector<float> expected = reference();
  limits_ledger_ = false;
  for (const bool by_ledger : {true, false}) {
    ASSERT_TRUE(open().ok());
    const Bytes tight{(least().count + most().count) / 2};
    session_->set_budget(tight);
    EXPECT_EQ(pass().value(), expected);
    const Bytes before = session_->planned_total();
    events_.clear();
    session_->set_budget(most());
    if (by_ledger) ledger_.set_limit(ledger_.current());
    else gate_.refuse({.ordinal = 1, .kind = static_cast<int>(Acquisition::host_memory)});
    const auto logits = pass();
    gate_.refuse({});
    ASSERT_TRUE(logits.ok()) << message(logits.error());
    EXPECT_EQ(*logits, expected);
    EXPECT_EQ(session_->planned_total(), before);
    EXPECT_EQ(kinds(), std::vector{Kind::recovered});
    expect_ledger_is_plan();
    EXPECT_EQ(pass().value(), expected);
    EXPECT_EQ(events_.size(), 1U) << "a budget is tried once";
    ledger_.set_limit(Bytes{std::uint64_t{1} << 40U});
    session_->set_budget(most() + kPage);
    EXPECT_EQ(pass().value(), expected);
    EXPECT_EQ(session_->planned_total(), most());
    session_.reset();
    events_.clear();
  }
}

TEST_F(Elastic, MemoryThatIsGoneBeforeTheFirstPassIsPlannedAround) {
  prepare(kDeep);
  const std::vector<float> expected = reference();
  const Bytes arenas = first_.devices.front().arena_total();
  limits_ledger_ = false;
  for (const int share : {95, 60, 40}) {
    const Bytes limit{least().count - first_.devices.front().runtime.count +
                      (arenas.count - least().count) * static_cast<std::uint64_t>(share) / 100};
    ledger_.set_limit(limit);
    const Status opened = open();
    ASSERT_TRUE(opened.ok()) << message(opened.error());
    EXPECT_EQ(pass().value(), expected);
    EXPECT_LE(ledger_.peak(), arenas);
    EXPECT_LE(ledger_.current(), limit);
    expect_ledger_is_plan();
    ASSERT_FALSE(events_.empty());
    EXPECT_EQ(events_.front().kind, Kind::replanned);
    EXPECT_GT(events_.front().requested, events_.front().free);
    EXPECT_LE(events_.size(), 4U);
    session_.reset();
    events_.clear();
  }
}

TEST_F(Elastic, APlanMadeAnewForAnotherModelOrWorkloadIsRefusedAndTheSessionGoesOn) {
  prepare(kDeep);
  const std::vector<float> expected = reference();
  const std::string folder = folder_ / "other";
  std::filesystem::create_directories(folder);
  testing::write_tiny_model(folder, TinyModel{});
  const auto other = Model::open(*os_, ledger_, {folder, "", "", false});
  ASSERT_TRUE(other.ok()) << message(other.error());
  const Workload held = workload_;
  std::vector<std::pair<const Model*, Workload>> wrong = {{&*other, held}};
  const auto add = [&](const auto& change) { change(wrong.emplace_back(model_.get(), held).second); };
  add([](Workload& workload) { workload.longest = 4; });
  add([](Workload& workload) { workload.held_tokens = workload.held_texts = 0, workload.longest = 4; });
  add([](Workload& workload) { workload.held_tokens = workload.held_texts = 0, workload.batch_size = 1; });
  add([](Workload& workload) { --workload.held_texts; });
  add([](Workload& workload) { workload.held_tokens += 1; });
  add([](Workload& workload) { workload.longest_text_bytes = mib(1).count; });
  for (const auto& [model, workload] : wrong) {
    bool misled = false;
    Session::Options options = this->options();
    const auto replan = options.replan;
    options.replan = [&, chosen = model, asked = workload](std::span<const DeviceBytes> budgets) {
      return misled ? make_plan(*chosen, machine_, asked, policy_) : replan(budgets);
    };
    limits_ledger_ = false;
    ledger_.set_limit(mib(4096));
    auto session = Session::create(*model_, first_, options);
    ASSERT_TRUE(session.ok()) << message(session.error());
    session_ = std::make_unique<Session>(std::move(session).value());
    misled = true;
    session_->set_budget(least());
    const auto refused = pass();
    ASSERT_FALSE(refused.ok()) << workload.longest << " " << workload.held_tokens << " " << workload.held_texts;
    EXPECT_EQ(refused.error().code, ErrorCode::usage) << message(refused.error());
    session_->set_budget(most());
    EXPECT_EQ(pass().value(), expected);
    misled = false;
    session_->set_budget(least());
    EXPECT_EQ(pass().value(), expected);
    session_.reset();
  }
}

TEST_F(Elastic, AttemptsAreBoundedAndTheErrorHasFigures) {
  prepare(kDeep);
  limits_ledger_ = false;
  ledger_.set_limit(tables_ + mib(1));
  Session::Options stubborn = options();
  stubborn.replan = [this](std::span<const DeviceBytes>) -> Result<Plan> {
    ++replans_;
    return first_;
  };
  const auto session = Session::create(*model_, first_, stubborn);
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code, ErrorCode::out_of_memory);
  ASSERT_TRUE(session.error().memory);
  EXPECT_GT(session.error().memory->requested, session.error().memory->free);
  EXPECT_EQ(replans_, 4);
  EXPECT_EQ(events_.size(), 4U);
  EXPECT_EQ(ledger_.current(), tables_);

  events_.clear();
  const Status opened = open();
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::does_not_fit) << message(opened.error());
  EXPECT_EQ(ledger_.current(), tables_);
}

/// Does something else at the moment at which the machine's memory is looked at.
class WatchedOs final : public testing::ForwardingOs {
 public:
  std::function<void()> at_look;
  Result<std::string> read_text(const std::string& path, std::size_t limit) override {
    if (path == "/proc/meminfo" && at_look) std::exchange(at_look, {})();
    return ForwardingOs::read_text(path, limit);
  }
};

// What is planned with is what is remembered, or a session would never look again.
TEST_F(Elastic, ABudgetThatChangesWhileAPlanIsLookedForIsNotLost) {
  os_.reset();
  auto watched = std::make_unique<WatchedOs>();
  WatchedOs& os = *watched;
  os_ = std::move(watched);
  prepare(kDeep);
  const std::vector<float> expected = reference();
  static constexpr Bytes kAll{std::numeric_limits<std::uint64_t>::max()};
  ASSERT_TRUE(open().ok());
  session_->set_budget(least());
  EXPECT_EQ(pass().value(), expected);
  session_->set_budget(kAll);
  os.at_look = [&] { session_->set_budget(least()); };
  EXPECT_EQ(pass().value(), expected);
  session_->set_budget(kAll);
  EXPECT_EQ(pass().value(), expected);
  EXPECT_EQ(session_->planned_total(), most());
  // Back before anything was given up for it.
  session_->set_budget(least());
  os.at_look = [&] { session_->set_budget(kAll); };
  EXPECT_EQ(pass().value(), expected);
  EXPECT_EQ(session_->planned_total(), most());
  for (const SessionEvent& event : events_) EXPECT_EQ(event.text.find("TiB"), std::string::npos) << event.text;
  session_.reset();
}

TEST_F(Elastic, NoBudgetIsMoreThanTheMachineHas) {
  os_.reset();
  auto changing = std::make_unique<testing::ChangingMachine>(mib(4096));
  testing::ChangingMachine& machine = *changing;
  os_ = std::move(changing);
  prepare(kDeep);
  ASSERT_TRUE(open().ok());
  session_->set_budget(least());
  ASSERT_TRUE(pass().ok());
  machine.set_available(least() + kib(256));
  session_->set_budget(Bytes{std::uint64_t{1} << 40U});
  ASSERT_TRUE(pass().ok());
  EXPECT_LE(session_->planned_total(), least() + kib(256));
  session_.reset();
}

TEST_F(Elastic, AnAllowedPrecisionIsATypeForAllOfAPass) {
  prepare(kDeep, 6, {}, {.allow = {Rung::float16}, .forbid = {Rung::stream, Rung::gather, Rung::microbatch}});
  const Bytes tight{least().count + (most().count - least().count) / 3};
  const Plan narrow = plan_for(tight);
  ASSERT_EQ(narrow.verdict, Verdict::fits_degraded);
  const Plan wide = std::exchange(first_, narrow);
  const std::vector<float> expected = reference();
  first_ = wide;
  const std::vector<float> before = reference();
  EXPECT_NE(before, expected) << "or nothing was tested";
  int layers_until = 4;
  ASSERT_TRUE(open([&](const Progress& progress) {
                if (progress.phase == "pass" && layers_until-- == 0) session_->set_budget(tight);
              }).ok());
  EXPECT_EQ(pass().value(), expected);
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_.front().rungs, std::vector{Rung::float16});
  session_->set_budget(most());
  EXPECT_EQ(pass().value(), before);
}

TEST_F(Elastic, AProcessHoldsLessAfterAShed) {
  if (testing::kSanitized) GTEST_SKIP() << "sanitizers change what a process holds";
  prepare({.hidden = 384, .layers = 8, .intermediate = 1536});
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(pass().ok());
  const Bytes before = probe::read_self_memory(*os_).anonymous;
  const Bytes planned = session_->planned_total();
  session_->set_budget(least());
  ASSERT_TRUE(pass().ok());
  const Bytes after = probe::read_self_memory(*os_).anonymous;
  const Bytes given_back = planned - session_->planned_total();
  EXPECT_GT(given_back, mib(20));
  EXPECT_GE(before, after + Bytes{given_back.count * 9 / 10}) << format_bytes(before) << " before, " << format_bytes(after) << " after";
}

using Refusals = testing::RefusalFixture;

TEST_F(Refusals, AtEveryPointOfOpening) {
  prepare({.layers = 3});
  const std::vector<float> expected = reference();
  const auto [fired, survived] = sweep(
      expected, [] { return Status(); }, [this] { return open_and_pass(); });
  EXPECT_GT(fired, 40);
  EXPECT_GT(survived, 8) << "memory that is refused once is planned around";
}

TEST_F(Refusals, AtEveryPointOfSheddingAndGrowing) {
  prepare(kDeep);
  const std::vector<float> expected = reference();
  const Bytes tight{(least().count + most().count) / 2};
  const auto shed = sweep(
      expected, [this] { return open(); },
      [&] {
        session_->set_budget(tight);
        return pass();
      });
  EXPECT_GT(shed.first, 20);
  EXPECT_GT(shed.second, 5);
  const auto grown = sweep(
      expected,
      [&]() -> Status {
        PLIMSOLL_CHECK(open());
        session_->set_budget(tight);
        PLIMSOLL_CHECK(pass());
        session_->set_budget(most());
        return {};
      },
      [this] { return pass(); });
  EXPECT_GT(grown.first, 20);
  EXPECT_GT(grown.second, grown.first / 4) << "what a higher budget promised can be done without";
}

TEST_F(Refusals, AgainInsideTheRecovery) {
  prepare({.hidden = 16, .layers = 1, .heads = 2, .intermediate = 16});
  const std::vector<float> expected = reference();
  int pairs = 0;
  int survived = 0;
  for (std::uint64_t first = 1;; ++first) {
    bool fired = false;
    for (std::uint64_t second = 1;; ++second) {
      bool armed = false;
      std::uint64_t refused = 0;
      Session::Options fragile = options();
      const auto plan = fragile.replan;
      fragile.replan = [&](std::span<const DeviceBytes> budgets) {
        if (!std::exchange(armed, true)) gate_.refuse({.ordinal = second});
        return plan(budgets);
      };
      gate_.refuse({.ordinal = first});
      ledger_.set_limit(first_.devices.front().arena_total());
      auto session = Session::create(*model_, first_, fragile);
      refused = gate_.refused();
      gate_.refuse({});
      fired = armed || refused > 0;
      if (session.ok()) {
        const auto logits = session->run({ids_, types_, starts_});
        EXPECT_TRUE(logits.ok() && std::equal(logits->begin(), logits->end(), expected.begin()));
        survived += armed && refused > 0 ? 1 : 0;
      } else {
        EXPECT_NE(session.error().code, ErrorCode::internal) << message(session.error());
        session = session.error();
      }
      if (session.ok()) session = Error{};
      EXPECT_EQ(ledger_.current(), tables_);
      EXPECT_LE(events_.size(), 4U);
      events_.clear();
      if (!armed || refused == 0) break;
      ++pairs;
    }
    if (!fired) break;
  }
  EXPECT_GT(pairs, 30);
  EXPECT_GT(survived, 5);
}

TEST_F(Elastic, APassWhoseReadsFailIsBegunAgainOnce) {
  auto real = std::exchange(os_, nullptr);
  auto faulty = std::make_unique<testing::FaultyOs>(*real);
  const auto faults = faulty->faults;
  os_ = std::move(faulty);
  prepare(kDeep, 6, {}, {.stream_everything = true});
  const std::vector<float> expected = reference();
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(pass().value(), expected);
  faults->failures = 7;  // of four tries each by two readers: one chunk fails for good
  EXPECT_EQ(pass().value(), expected);
  faults->failures = 0;
  EXPECT_EQ(kinds(), std::vector{Kind::recovered});
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_NE(events_.front().text.find("begun again"), std::string::npos) << events_.front().text;

  faults->failures = 1 << 20;
  const auto broken = pass();
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(broken.error().code, ErrorCode::io);
  EXPECT_EQ(events_.size(), 2U) << "once";
  faults->failures = 0;
  EXPECT_EQ(pass().value(), expected);
  session_.reset();
  model_.reset();
}

}  // namespace
}  // namespace plimsoll
