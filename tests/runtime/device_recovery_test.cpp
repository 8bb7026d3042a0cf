// Devices that have less memory than they said, fail, or are lost under a session: the same bits elsewhere, or a typed error.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <thread>

#include "device/device.h"
#include "elastic_fixture.h"
#include "faulty_os.h"

namespace plimsoll {
namespace {

using testing::kDeep;
using testing::TinyModel;
using Kind = SessionEvent::Kind;

using DeviceRecovery = testing::ElasticFixture;

TEST_F(DeviceRecovery, MemoryThatIsTakenBetweenPlanAndReservationIsPlannedAround) {
  const std::vector<float> expected = host_reference(kDeep);
  add_device("memory=64MiB,link=1000GB/s");
  prepare(kDeep);
  const Bytes most = most_there();
  for (const std::uint64_t share : {99U, 50U, 20U, 0U}) {
    const Bytes taken = mib(64) - Bytes{most.count * share / 100};
    sims_.clear();
    add_device("memory=64MiB,link=1000GB/s", "at=load:0 others=+" + std::to_string(taken.count) + "\n");
    prepare(kDeep);
    ASSERT_EQ(first_.schedule->device, 1) << "or nothing is tested";
    ASSERT_TRUE(open().ok()) << share;
    EXPECT_EQ(pass().value(), expected) << share;
    expect_ledger_is_plan();
    ASSERT_EQ(kinds(), std::vector{Kind::replanned}) << all_texts();
    EXPECT_EQ(events_.front().device, "sim:0");
    EXPECT_GT(events_.front().requested, events_.front().free);
    EXPECT_NE(events_.front().text.find("sim:0"), std::string::npos) << events_.front().text;
    session_.reset();
    expect_nothing_is_held();
    events_.clear();
  }
}

TEST_F(DeviceRecovery, MemoryThatIsTakenBesideTheReservationIsToldAndChangesNothing) {
  const std::vector<float> expected = host_reference(kDeep);
  add_device("memory=64MiB", "at=load:0.5 others=+63MiB\n");
  prepare(kDeep);
  ASSERT_TRUE(open().ok());
  ASSERT_EQ(kinds(), std::vector{Kind::kept}) << all_texts();
  EXPECT_EQ(events_.front().device, "sim:0");
  EXPECT_EQ(events_.front().requested, most_there());
  EXPECT_EQ(events_.front().free, most_there()) << "all that the others left";
  EXPECT_EQ(pass().value(), expected);
  EXPECT_EQ(session_->planned_total("sim:0"), most_there());
  EXPECT_EQ(events_.size(), 1U);
}

TEST_F(DeviceRecovery, AttemptsAreBoundedAndTheErrorHasFigures) {
  const std::vector<float> expected = host_reference(kDeep);
  add_device("memory=64MiB", "at=load:0 fail=alloc:2+\n");
  prepare(kDeep, 6, {}, {.device = "sim:0"});
  replans_ = 0;
  const Status opened = open();
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::out_of_memory) << message(opened.error());
  ASSERT_TRUE(opened.error().memory);
  EXPECT_EQ(opened.error().memory->device, "sim:0");
  EXPECT_GT(opened.error().memory->requested, Bytes{});
  EXPECT_LE(replans_, 4);
  expect_nothing_is_held();
  events_.clear();

  prepare(kDeep);
  ASSERT_EQ(first_.schedule->device, 1);
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(computing(), "cpu");
  EXPECT_EQ(pass().value(), expected);
  EXPECT_LE(events_.size(), 4U);
}

TEST_F(DeviceRecovery, ACopyOrLaunchThatFailsOnceIsDoneAgain) {
  const std::vector<float> expected = host_reference(kDeep);
  for (const char* when : {"load:0", "load:0.5", "pass:1", "layer:2", "pass:2,layer:1"}) {
    for (const char* fault : {"copy:1", "launch:2"}) {
      sims_.clear();
      add_device("memory=64MiB", std::string("at=") + when + " fail=" + fault + "\n");
      prepare(kDeep, 6, {}, {.stream_everything = true});
      ASSERT_EQ(first_.schedule->device, 1);
      ASSERT_TRUE(open().ok());
      EXPECT_EQ(pass().value(), expected) << when << " " << fault;
      EXPECT_EQ(pass().value(), expected) << when << " " << fault;
      ASSERT_EQ(kinds(), std::vector{Kind::recovered}) << when << " " << fault << "\n" << all_texts();
      EXPECT_EQ(events_.front().device, "sim:0");
      EXPECT_EQ(computing(), "sim:0");
      expect_ledger_is_plan();
      session_.reset();
      expect_nothing_is_held();
      events_.clear();
    }
  }
}

TEST_F(DeviceRecovery, ADeviceThatFailsTwiceOrIsLostIsNotUsedAgain) {
  const std::vector<float> expected = host_reference(kDeep);
  for (const bool streamed : {false, true}) {
    for (const char* when : {"load:0", "load:0.5", "load:1", "pass:1", "layer:0", "layer:3", "pass:2", "pass:2,layer:2"}) {
      for (const char* fault : {"lost", "fail=copy:1+", "fail=launch:1+"}) {
        sims_.clear();
        add_device("memory=64MiB", std::string("at=") + when + " " + fault + "\n");
        prepare(kDeep, 6, {}, {.stream_everything = streamed});
        ASSERT_EQ(first_.schedule->device, 1);
        const Status opened = open();
        ASSERT_TRUE(opened.ok()) << when << " " << fault << ": " << message(opened.error());
        for (int i = 0; i < 3; ++i) EXPECT_EQ(pass().value(), expected) << when << " " << fault;
        EXPECT_EQ(computing(), "cpu") << when << " " << fault;
        expect_ledger_is_plan();
        EXPECT_EQ(devices_[0]->ledger().current(), Bytes{});
        ASSERT_EQ(events_.size(), std::string(fault) == "lost" ? 1U : 2U) << when << " " << fault << "\n" << all_texts();
        EXPECT_EQ(events_.back().device, "sim:0");
        EXPECT_NE(events_.back().text.find("not used again"), std::string::npos) << events_.back().text;
        EXPECT_EQ(events_.back().rungs.front(), Rung::cpu);
        session_->set_budget("sim:0", mib(63));
        EXPECT_EQ(pass().value(), expected);
        EXPECT_EQ(computing(), "cpu") << "not used again";
        session_.reset();
        expect_nothing_is_held();
        events_.clear();
      }
    }
  }
}

TEST_F(DeviceRecovery, AnotherDeviceTakesOver) {
  const std::vector<float> expected = host_reference(kDeep);
  add_device("memory=64MiB", "at=pass:1,layer:2 lost\n");
  add_device("memory=64MiB,compute=900GFLOP/s");
  prepare(kDeep);
  ASSERT_TRUE(open().ok());
  const std::string first = computing();
  EXPECT_EQ(pass().value(), expected);
  EXPECT_EQ(first, "sim:0");
  EXPECT_EQ(computing(), "sim:1") << all_texts();
  expect_ledger_is_plan();
  EXPECT_EQ(pass().value(), expected);
}

TEST_F(DeviceRecovery, WithoutAnotherDeviceALossIsATypedErrorAndSoItStays) {
  for (const char* when : {"load:0.5", "layer:1"}) {
    sims_.clear();
    add_device("memory=64MiB", std::string("at=") + when + " lost\n");
    prepare(kDeep, 6, {}, {.device = "sim:0"});
    Status failed = open();
    if (failed.ok()) {
      const auto logits = pass();
      ASSERT_FALSE(logits.ok());
      failed = logits.error();
    }
    EXPECT_EQ(failed.error().code, ErrorCode::device_lost) << message(failed.error());
    EXPECT_EQ(failed.error().where, "sim:0");
    if (session_) {
      EXPECT_FALSE(pass().ok());
    }
    session_.reset();
    expect_nothing_is_held();
  }
}

TEST_F(DeviceRecovery, PartsThatAreDoneStayDone) {
  const std::vector<float> expected = host_reference(kDeep);
  add_device("memory=64MiB", "at=pass:9,layer:2 lost\n");
  prepare(kDeep, 6, {}, {.device = "sim:0", .forbid = {Rung::gather, Rung::stream}});
  std::map<std::string, int> computed;
  ASSERT_TRUE(open([&](const Progress& progress) {
                if (progress.phase == "pass") ++computed[std::string(progress.layer)];
              }).ok());
  const auto least = [&](const char* device, Bytes there) {
    for (const DeviceBytes& one : plan_within(std::vector<DeviceBytes>{{"cpu", mib(4096)}, {"sim:0", there}}).smallest_budget) {
      if (one.device == device) return one.bytes;
    }
    return Bytes{};
  };
  const Bytes least_there = least("sim:0", mib(64));
  policy_.device = "cpu";
  session_->set_budget("cpu", least("cpu", Bytes{}));
  policy_.device = "sim:0";
  session_->set_budget("sim:0", least_there);
  EXPECT_EQ(pass().value(), expected);
  EXPECT_EQ(session_->plan().texts_per_pass, 1) << "or there are no parts";
  EXPECT_EQ(computed["embeddings"], 6);
  computed.clear();
  policy_.device = "auto";
  EXPECT_EQ(pass().value(), expected);
  EXPECT_EQ(computing(), "cpu");
  EXPECT_EQ(kinds(), (std::vector{Kind::shed, Kind::recovered})) << all_texts();
  EXPECT_EQ(session_->plan().texts_per_pass, 1);
  EXPECT_EQ(computed["embeddings"], 7);
  EXPECT_EQ(computed["classifier"], 6) << "each text once";
}

// Two devices of which neither has room for all.
class TwoDevicesRecovery : public DeviceRecovery {
 protected:
  void divide(const std::string& first_script, const std::string& second_script) {
    session_.reset();
    events_.clear();
    sims_.clear();
    add_device("link=1GB/s,compute=10TFLOP/s,memory=9MiB", first_script);
    add_device("link=1GB/s,compute=10TFLOP/s,memory=9MiB", second_script);
    prepare(kDeep);
    ASSERT_EQ(used(), (std::set<std::string>{"sim:0", "sim:1"})) << "or nothing is tested";
  }
  std::set<std::string> used() const {
    std::set<std::string> names;
    for (const LayerPlan& layer : session_ ? session_->plan().layers : first_.layers) names.insert(layer.compute);
    return names;
  }
};

TEST_F(TwoDevicesRecovery, OneThatIsLostIsDoneWithoutAndTheOtherGoesOn) {
  const std::vector<float> expected = host_reference(kDeep);
  for (const int lost : {0, 1}) {
    for (const char* when : {"load:0", "load:0.5", "load:1", "pass:1", "layer:0", "layer:3", "layer:7", "pass:2", "pass:2,layer:5"}) {
      const std::string script = std::string("at=") + when + " lost\n";
      divide(lost == 0 ? script : "", lost == 1 ? script : "");
      const std::string name = "sim:" + std::to_string(lost);
      const Status opened = open();
      ASSERT_TRUE(opened.ok()) << when << ": " << message(opened.error());
      for (int i = 0; i < 3; ++i) EXPECT_EQ(pass().value(), expected) << when << " " << lost;
      EXPECT_EQ(used().count(name), 0U) << when << " " << lost;
      EXPECT_EQ(used().count("sim:" + std::to_string(1 - lost)), 1U) << when << " " << lost;
      expect_ledger_is_plan();
      EXPECT_EQ(devices_[static_cast<std::size_t>(lost)]->ledger().current(), Bytes{});
      ASSERT_EQ(events_.size(), 1U) << when << " " << lost << "\n" << all_texts();
      EXPECT_EQ(events_.front().device, name);
      session_.reset();
      expect_nothing_is_held();
    }
  }
}

TEST_F(TwoDevicesRecovery, CopiesAndLaunchesThatFailOnceAreDoneAgainOnTheSameDevices) {
  const std::vector<float> expected = host_reference(kDeep);
  for (const char* when : {"load:0", "load:0.5", "pass:1", "layer:5", "pass:2,layer:6"}) {
    for (const char* fault : {"copy:1", "launch:2"}) {
      divide("", std::string("at=") + when + " fail=" + fault + "\n");
      const std::string where = std::string(when) + " " + fault;
      ASSERT_TRUE(open().ok()) << where;
      for (int i = 0; i < 3; ++i) EXPECT_EQ(pass().value(), expected) << where;
      ASSERT_EQ(kinds(), std::vector{Kind::recovered}) << where << "\n" << all_texts();
      EXPECT_EQ(events_.front().device, "sim:1") << where;
      EXPECT_EQ(used(), (std::set<std::string>{"sim:0", "sim:1"})) << where;
      expect_ledger_is_plan();
    }
  }
}

TEST_F(TwoDevicesRecovery, MemoryThatOthersTakeFirstIsPlannedAround) {
  const std::vector<float> expected = host_reference(kDeep);
  for (const char* taken : {"1MiB", "4MiB", "9MiB"}) {
    divide("", std::string("at=load:0 others=+") + taken + "\n");
    ASSERT_TRUE(open().ok()) << taken;
    EXPECT_EQ(pass().value(), expected) << taken;
    expect_ledger_is_plan();
    for (const SessionEvent& event : events_) EXPECT_EQ(event.device, "sim:1") << taken;
  }
}

TEST_F(TwoDevicesRecovery, BudgetsOfBothGoUpAndDownWithTheSameBits) {
  const std::vector<float> expected = host_reference(kDeep);
  divide("", "");
  ASSERT_TRUE(open().ok());
  std::set<std::set<std::string>> seen;
  for (std::uint64_t step = 0; step <= 16; ++step) {
    const std::array<Bytes, 2> there = {kib(576) * ((step * 7) % 17), kib(576) * ((step * 11) % 17)};
    ASSERT_TRUE(session_->set_budget("sim:0", there[0]));
    ASSERT_TRUE(session_->set_budget("sim:1", there[1]));
    const auto logits = pass();
    ASSERT_TRUE(logits.ok()) << message(logits.error());
    EXPECT_EQ(*logits, expected) << step;
    EXPECT_LE(session_->planned_total("sim:0"), there[0]);
    EXPECT_LE(session_->planned_total("sim:1"), there[1]);
    expect_ledger_is_plan();
    seen.insert(used());
  }
  EXPECT_GE(seen.size(), 3U) << "budgets must lead to different devices, or nothing was tested";
}

// Up and down, with the device's memory as the one that changes.
TEST_F(DeviceRecovery, EveryBudgetOfADeviceGivesTheSameBitsAndTheLedgersFollow) {
  const std::vector<float> expected = host_reference(kDeep);
  for (const bool only_there : {false, true}) {
    sims_.clear();
    add_device(only_there ? "memory=64MiB,link=100MB/s" : "memory=64MiB,link=2GB/s");
    prepare(kDeep, 6, {}, {.device = only_there ? "sim:0" : "auto"});
    const Bytes least = only_there ? first_.smallest_budget.back().bytes : Bytes{};
    ASSERT_TRUE(open().ok());
    std::set<std::pair<std::string, Bytes>> plans;
    for (std::uint64_t step = 0; step <= 40; ++step) {
      const Bytes budget = least + Bytes{(most_there() - least).count * ((step * 23) % 41) / 40};
      ASSERT_TRUE(session_->set_budget("sim:0", budget));
      const auto logits = pass();
      ASSERT_TRUE(logits.ok()) << message(logits.error());
      EXPECT_EQ(*logits, expected) << format_bytes(budget);
      EXPECT_LE(session_->planned_total("sim:0"), budget);
      expect_ledger_is_plan();
      plans.emplace(computing(), session_->planned_total("sim:0"));
    }
    EXPECT_GT(plans.size(), only_there ? 6U : 2U);
    EXPECT_EQ(plans.begin()->first, only_there ? "sim:0" : "cpu") << "with next to nothing the host computes";
    for (const SessionEvent& event : events_) {
      EXPECT_TRUE(event.kind == Kind::shed || event.kind == Kind::grown) << event.text;
      EXPECT_EQ(event.device, "sim:0");
      EXPECT_NE(event.text.find("budget of sim:0"), std::string::npos) << event.text;
    }
    session_->set_budget("sim:0", mib(64));
    EXPECT_EQ(pass().value(), expected);
    EXPECT_EQ(session_->planned_total("sim:0"), most_there());
    EXPECT_FALSE(session_->set_budget("sim:1", mib(1)));
    session_.reset();
    expect_nothing_is_held();
    events_.clear();
  }
}

TEST_F(DeviceRecovery, ABudgetThatFallsDuringAPassIsKeptBeforeItsEnd) {
  const std::vector<float> expected = host_reference(kDeep);
  add_device("memory=64MiB");
  prepare(kDeep);
  const Bytes tight{most_there().count / 3};
  for (const char* device : {"sim:0", "cpu"}) {
    int layers_until = 3;
    std::vector<Bytes> held;
    ASSERT_TRUE(open([&](const Progress& progress) {
                  if (progress.phase != "pass") return;
                  if (layers_until-- == 0) session_->set_budget(device, device[0] == 's' ? tight : saturating_sub(most(), kPage));
                }).ok());
    const auto logits = pass();
    ASSERT_TRUE(logits.ok()) << message(logits.error());
    EXPECT_EQ(*logits, expected);
    ASSERT_EQ(kinds(), std::vector{Kind::shed}) << all_texts();
    EXPECT_EQ(events_.front().device, device);
    EXPECT_LE(session_->planned_total(device), device[0] == 's' ? tight : most() - kPage);
    expect_ledger_is_plan();
    session_.reset();
    events_.clear();
  }
}

// Enough is free, but not in one piece.
TEST_F(DeviceRecovery, MemoryInPiecesIsPlannedAround) {
  const std::vector<float> expected = host_reference(kDeep);
  add_device("memory=64MiB,link=100MB/s");
  prepare(kDeep, 6, {}, {.device = "sim:0"});
  const Bytes whole = first_.devices[1].arenas[static_cast<std::size_t>(MemoryTag::weights)];
  std::vector<std::unique_ptr<DeviceMemory>> pieces;
  for (int i = 0; i < 32; ++i) {
    auto piece = devices_[0]->device().allocate(mib(2));
    ASSERT_TRUE(piece.ok());
    pieces.push_back(std::move(piece).value());
  }
  for (std::size_t i = 0; i < pieces.size(); i += 2) pieces[i].reset();
  ASSERT_GT(whole, mib(2));
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(pass().value(), expected);
  EXPECT_EQ(computing(), "sim:0") << all_texts();
  expect_ledger_is_plan();
  ASSERT_FALSE(events_.empty());
  EXPECT_LE(events_.size(), 4U);
  EXPECT_NE(events_.front().text.find("largest piece"), std::string::npos) << events_.front().text;
  session_.reset();
}

TEST_F(DeviceRecovery, AReadThatNeverEndsKeepsItsSlotsUntilItDoes) {
  const auto real = std::exchange(os_, nullptr);
  auto faulty = std::make_unique<testing::FaultyOs>(*real);
  const auto faults = faulty->faults;
  os_ = std::move(faulty);
  add_device("memory=64MiB");
  for (const char* device : {"cpu", "sim:0"}) {
    session_.reset();
    model_.reset();
    prepare(kDeep, 6, mib(6), {.device = device, .stream_everything = true});
    ASSERT_GT(first_.schedule->ring.disk_chunks, 0) << "or nothing is read";
    faults->stuck = true;
    CancelToken cancel;
    std::thread canceller([&] {
      for (int i = 0; i < 10'000 && faults->waiting == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      cancel.cancel();
    });
    const Status opened = open({}, &cancel);  // an accelerator waits for the first chunks
    canceller.join();
    EXPECT_TRUE(opened.ok() || opened.error().code == ErrorCode::cancelled) << message(opened.error());
    session_.reset();
    expect_nothing_is_held();  // the ledger may go before the reader comes back
    faults->stuck = false;
    for (int i = 0; i < 10'000 && faults->waiting > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(faults->waiting, 0);
    expect_nothing_is_held();
  }
  model_.reset();
  devices_.clear();
}

}  // namespace
}  // namespace plimsoll
