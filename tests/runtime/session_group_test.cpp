// Several sessions on one ledger: together within the budget, each with the bits that it has alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include <plimsoll/classifier.h>
#include <plimsoll/device.h>
#include <plimsoll/session_group.h>

#include "model_fixture.h"

namespace plimsoll {
namespace {

using testing::kDeep;
using testing::TinyModel;

const TinyModel kOther{.hidden = 128, .layers = 5, .heads = 4, .intermediate = 512, .words = 2000, .seed = 7};

/// Two models and what they answer alone.
class Group : public testing::ModelFixture {
 protected:
  static constexpr std::int64_t kTexts = 4;
  using Answers = std::vector<std::vector<float>>;

  struct Part {
    TinyModel tiny;
    std::string folder;
    std::unique_ptr<Model> model;
    Plan alone;
    Answers expected;
  };

  void add_model(const TinyModel& tiny) {
    Part part{tiny, folder_ / ("model" + std::to_string(parts_.size())), nullptr, {}, {}};
    std::filesystem::create_directories(part.folder);
    write_tiny_model(part.folder, tiny);
    const testing::RunResult alone =
        run({.model = part.folder, .texts = testing::texts(tiny, kTexts), .batch_size = kTexts, .budget = mib(4096), .sims = sims_});
    part.alone = alone.plan;
    part.expected = alone.logits;
    parts_.push_back(std::move(part));
  }

  /// A group that may have `host` and, of the device if there is one, `there`; models are opened anew on its ledger.
  void make_group(Bytes host, Bytes there = {}) {
    group_.reset();
    for (Part& part : parts_) part.model.reset();
    EXPECT_EQ(ledger_.current(), Bytes{});
    ledger_.set_limit(mib(4096));
    devices_.clear();
    auto machine = describe_machine(*os_, 2);
    ASSERT_TRUE(machine.ok());
    machine->memory.budget = host;
    for (const std::string& spec : sims_) {
      auto device = OpenDevice::simulate(*os_, "sim:0", spec, 2);
      ASSERT_TRUE(device.ok()) << message(device.error());
      machine->accelerators.push_back((*device)->describe().value());
      machine->accelerators.back().budget = there;
      devices_.push_back(std::move(device).value());
    }
    for (Part& part : parts_) {
      auto opened = Model::open(*os_, ledger_, {part.folder, "", "", false});
      ASSERT_TRUE(opened.ok());
      part.model = std::make_unique<Model>(std::move(opened).value());
    }
    SessionGroup::Options options{.os = os_.get(), .ledger = &ledger_, .devices = {}, .machine = *machine};
    for (const auto& device : devices_) options.devices.push_back(device.get());
    group_ = std::make_unique<SessionGroup>(std::move(options));
  }

  Result<Session*> add(std::size_t number, bool rebalance = false, const Policy& policy = {}) {
    Part& part = parts_[number];
    return group_->add({.model = part.model.get(), .workload = part.alone.workload, .policy = policy, .rebalance = rebalance});
  }
  Result<Session*> add_there(std::size_t number) { return add(number, false, {.device = "sim:0"}); }

  void expect_answers(std::size_t number, Session& session) {
    const Part& part = parts_[number];
    Classifier classifier(*part.model, session, part.alone.workload.longest);
    Answers logits;
    const auto run_pass = [&] {
      const auto answers = classifier.run();
      ASSERT_TRUE(answers.ok()) << message(answers.error());
      for (const Answer& answer : *answers) logits.emplace_back(answer.logits.begin(), answer.logits.end());
    };
    for (const testing::Text& text : testing::texts(part.tiny, kTexts)) {
      auto added = classifier.add({text.text});
      ASSERT_TRUE(added.ok()) << message(added.error());
      if (*added == Classifier::Added::yes) continue;
      run_pass();
      ASSERT_EQ(classifier.add({text.text}).value(), Classifier::Added::yes);
    }
    run_pass();
    EXPECT_TRUE(logits == part.expected) << "not the bits of model " << number;
  }

  static Bytes least(const Plan& plan, std::string_view device = "cpu") {
    for (const DeviceBytes& one : plan.smallest_budget) {
      if (one.device == device) return one.bytes;
    }
    return {};
  }
  static Bytes whole(const Plan& plan, std::size_t device = 0) { return plan.devices.at(device).planned_total(); }

  static bool streams(const Session& session) {
    return std::ranges::any_of(session.plan().layers, [](const LayerPlan& layer) { return layer.home == "disk"; });
  }

  std::vector<std::string> sims_;
  Ledger ledger_{"cpu", mib(4096)};
  std::vector<Part> parts_;
  std::vector<std::unique_ptr<OpenDevice>> devices_;
  std::unique_ptr<SessionGroup> group_;
};

TEST_F(Group, WhatIsMissingIsToldWhereASessionIsAdded) {
  sims_ = {"memory=64MiB"};
  add_model(kDeep);
  make_group(mib(1024), mib(64));
  OpenDevice* device = devices_.front().get();
  const Snapshot without = describe_machine(*os_, 2).value();
  Snapshot with = without;
  with.accelerators.push_back(device->describe().value());
  for (const SessionGroup::Options& options :
       {SessionGroup::Options{.os = nullptr, .ledger = &ledger_, .machine = without},
        SessionGroup::Options{.os = os_.get(), .ledger = nullptr, .machine = without},
        SessionGroup::Options{.os = os_.get(), .ledger = &ledger_, .devices = {nullptr}, .machine = with},
        SessionGroup::Options{.os = os_.get(), .ledger = &ledger_, .devices = {device}, .machine = without}}) {
    group_ = std::make_unique<SessionGroup>(options);
    const auto refused = add(0);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::usage) << message(refused.error());
    EXPECT_EQ(group_->planned_total(), Bytes{});
  }
  make_group(mib(1024), mib(64));
  const auto nameless = group_->add({});
  ASSERT_FALSE(nameless.ok());
  EXPECT_EQ(nameless.error().code, ErrorCode::usage);
  EXPECT_TRUE(add(0).ok());
}

TEST_F(Group, TheSecondIsPlannedInWhatIsLeftAndGrowsWhenTheFirstGoes) {
  add_model(kDeep);
  add_model(kOther);
  const Bytes budget = whole(parts_[0].alone) + least(parts_[1].alone) + kib(64);
  make_group(budget);
  const auto first = add(0);
  ASSERT_TRUE(first.ok()) << message(first.error());
  const auto second = add(1);
  ASSERT_TRUE(second.ok()) << message(second.error());
  EXPECT_EQ((*first)->planned_total(), whole(parts_[0].alone));
  EXPECT_TRUE(streams(**second));
  EXPECT_LE(group_->planned_total(), budget);
  EXPECT_EQ(ledger_.current(), (*first)->plan().devices[0].arena_total() + (*second)->plan().devices[0].arena_total());
  for (int i = 0; i < 2; ++i) {
    expect_answers(0, **first);
    expect_answers(1, **second);
  }
  group_->remove(**first);
  parts_[0].model.reset();
  EXPECT_EQ(ledger_.current(), (*second)->plan().devices[0].arena_total());
  expect_answers(1, **second);
  EXPECT_FALSE(streams(**second)) << "what the first had is used";
}

TEST_F(Group, WithRebalanceTheFirstShedsAndTakesItsMemoryBackLater) {
  add_model(kDeep);
  add_model(kOther);
  const Bytes budget = whole(parts_[0].alone) + kib(64);
  make_group(budget);
  Session& first = *add(0).value();
  expect_answers(0, first);
  const auto refused = add(1);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::does_not_fit);
  EXPECT_EQ(first.planned_total(), whole(parts_[0].alone)) << "as it was";
  expect_answers(0, first);
  const auto second = add(1, true);
  ASSERT_TRUE(second.ok()) << message(second.error());
  EXPECT_LT(first.planned_total(), whole(parts_[0].alone));
  EXPECT_LE(group_->planned_total(), budget);
  expect_answers(0, first);
  expect_answers(1, **second);
  EXPECT_LE(ledger_.peak(), budget);
  group_->remove(**second);
  parts_[1].model.reset();
  expect_answers(0, first);
  EXPECT_EQ(first.planned_total(), whole(parts_[0].alone));
}

TEST_F(Group, WhoCannotDoWithLessKeepsWhatItHas) {
  add_model(kDeep);
  add_model(kOther);
  make_group(least(parts_[0].alone) + least(parts_[1].alone) - kib(64));
  Session& first = *add(0).value();
  const auto second = add(1, true);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::does_not_fit);
  expect_answers(0, first);
  EXPECT_LE(ledger_.peak(), least(parts_[0].alone) + least(parts_[1].alone));
}

TEST_F(Group, SessionsRunInTheirOwnThreads) {
  add_model(kDeep);
  add_model(kOther);
  const Bytes budget{(whole(parts_[0].alone).count + whole(parts_[1].alone).count) * 3 / 4};
  make_group(budget);
  Session& first = *add(0).value();
  Session& second = *add(1, true).value();
  std::thread beside([&] {
    for (int i = 0; i < 6; ++i) expect_answers(1, second);
  });
  for (int i = 0; i < 6; ++i) expect_answers(0, first);
  beside.join();
  EXPECT_LE(group_->planned_total(), budget);
  EXPECT_LE(ledger_.peak(), budget);
}

// Each may have what the third gave back; not both.
TEST_F(Group, TwoThatGrowAtOnceStayWithinTheGroup) {
  for (int i = 0; i < 3; ++i) add_model(kDeep);
  const std::uint64_t one = whole(parts_[0].alone).count;
  const std::uint64_t less = least(parts_[0].alone).count;
  for (std::uint64_t round = 0; round < 12; ++round) {
    const Bytes budget{one + less + (one - less) * round / 12};
    make_group(budget);
    Session& third = *add(2).value();
    Session& first = *add(0, true).value();
    Session& second = *add(1, true).value();
    group_->remove(third);
    std::thread beside([&] { expect_answers(1, second); });
    expect_answers(0, first);
    beside.join();
    EXPECT_LE(group_->planned_total(), budget);
  }
}

TEST_F(Group, ADeviceIsSharedInTheSameWay) {
  sims_ = {"memory=64MiB,link=1GB/s,compute=10TFLOP/s"};
  add_model(kDeep);
  add_model(kOther);
  const Bytes there = whole(parts_[0].alone, 1) + kib(64);
  ASSERT_GT(there, kib(64)) << "or nothing is tested";
  make_group(mib(4096), there);
  Session& first = *add(0).value();
  Session& second = *add(1, true).value();
  EXPECT_LT(first.planned_total("sim:0"), whole(parts_[0].alone, 1));
  EXPECT_GT(second.planned_total("sim:0"), Bytes{});
  EXPECT_LE(group_->planned_total("sim:0"), there);
  expect_answers(0, first);
  expect_answers(1, second);
  EXPECT_LE(devices_[0]->ledger().peak(), there);
  group_->remove(second);
  expect_answers(0, first);
  EXPECT_EQ(first.planned_total("sim:0"), whole(parts_[0].alone, 1));
}

// A device does one thing at a time, whichever threads its sessions are in.
TEST_F(Group, SessionsOnADeviceTakeTurns) {
  sims_ = {"memory=64MiB,link=1GB/s,compute=10TFLOP/s"};
  for (int i = 0; i < 2; ++i) add_model(TinyModel{.layers = 4, .intermediate = 128});
  make_group(mib(4096), mib(64));
  Session& first = *add_there(0).value();
  Session& second = *add_there(1).value();
  std::thread beside([&] {
    for (int i = 0; i < 300; ++i) expect_answers(1, second);
  });
  for (int i = 0; i < 300; ++i) expect_answers(0, first);
  beside.join();
}

// A larger plan that is no faster is not moved to, and its memory is free for others.
TEST_F(Group, WhatWasPromisedAndNotTakenIsLeft) {
  sims_ = {"memory=256MiB,compute=100MFLOP/s,link=900GB/s,disk=900GB/s,latency=0us"};
  for (int i = 0; i < 2; ++i) add_model(kDeep);
  make_group(mib(4096), mib(256));
  const Bytes full = add_there(0).value()->planned_total("sim:0");
  make_group(mib(4096), Bytes{full.count * 3 / 2});
  Session& first = *add_there(0).value();
  ASSERT_EQ(first.planned_total("sim:0"), full);
  Session& second = *add_there(1).value();
  const Bytes less = second.planned_total("sim:0");
  ASSERT_LT(less, full);
  group_->remove(first);
  expect_answers(1, second);
  if (second.planned_total("sim:0") != less) GTEST_SKIP() << "the larger plan is faster here";
  const auto again = add_there(0);
  ASSERT_TRUE(again.ok()) << message(again.error());
  EXPECT_EQ((*again)->planned_total("sim:0"), full);
}

TEST_F(Group, WhateverFailsWhileOneIsAddedTheFirstGoesOn) {
  add_model(TinyModel{.hidden = 128, .layers = 3, .intermediate = 512});
  add_model(TinyModel{.hidden = 128, .layers = 2, .intermediate = 512, .seed = 5});
  const Bytes budget = whole(parts_[0].alone) + whole(parts_[1].alone) - mib(1);
  int refused = 0;
  for (std::uint64_t ordinal = 1;; ordinal += 3) {
    make_group(budget);
    Session& first = *add(0).value();
    gate_.refuse({.ordinal = ordinal, .persistent = true});
    const auto second = add(1, true);
    const bool fired = gate_.refused() > 0;
    gate_.refuse({});
    if (!second.ok()) {
      EXPECT_NE(second.error().code, ErrorCode::internal) << message(second.error());
    }
    expect_answers(0, first);
    EXPECT_LE(group_->planned_total(), budget);
    if (!fired) break;
    ++refused;
  }
  EXPECT_GT(refused, 3);
}

}  // namespace
}  // namespace plimsoll
