// Host memory that cannot be pinned for a device's copies: the same bits, the same plan, one event.
#include <gtest/gtest.h>

#include <array>

#include "elastic_fixture.h"

namespace plimsoll {
namespace {

using testing::kDeep;
using Kind = SessionEvent::Kind;

class Pinned : public testing::ElasticFixture {
 protected:
  /// On a device that computes all, from its own memory or, streamed, from the host's.
  void prepare_device(const std::string& script, bool streamed) {
    session_.reset();
    events_.clear();
    sims_.clear();
    add_device("memory=64MiB,link=2GB/s", script);
    prepare(kDeep, 6, {}, {.device = "sim:0", .stream_everything = streamed});
  }

  void expect_pass(const std::vector<float>& expected, const std::string& where) {
    const auto logits = pass();
    ASSERT_TRUE(logits.ok()) << where << message(logits.error());
    EXPECT_EQ(*logits, expected) << where;
    expect_ledger_is_plan();
  }
};

TEST_F(Pinned, WhatIsRefusedIsCopiedAsItIsAndToldOnce) {
  const std::vector<float> expected = host_reference(kDeep);
  for (const bool streamed : {false, true}) {
    for (const char* which : {"1", "2", "1+", "2+"}) {
      if (!streamed && which[0] == '2') continue;  // only what a pass takes and gives is copied there
      const std::string script = std::string("at=load:0 fail=pin:") + which + "\n";
      prepare_device(script, streamed);
      const Plan before = first_;
      ASSERT_TRUE(open().ok()) << script;
      for (int i = 0; i < 3; ++i) expect_pass(expected, script);
      ASSERT_EQ(kinds(), std::vector{Kind::recovered}) << script << all_texts();
      EXPECT_EQ(events_.front().device, "sim:0");
      EXPECT_NE(events_.front().text.find("for copies to sim:0: copied as pageable memory, slower"), std::string::npos) << all_texts();
      EXPECT_GT(events_.front().requested, Bytes{});
      EXPECT_EQ(session_->plan().pass_seconds, before.pass_seconds);
      EXPECT_EQ(replans_, 0);
    }
  }
}

TEST_F(Pinned, APassWhoseWeightsAreNotPinnedTakesLonger) {
  const auto seconds_of = [&](const std::string& script) {
    prepare_device(script, true);
    EXPECT_TRUE(open().ok());
    EXPECT_TRUE(pass().ok());
    const double before = devices_[0]->seconds();
    EXPECT_TRUE(pass().ok());
    return devices_[0]->seconds() - before;
  };
  EXPECT_GT(seconds_of("at=load:0 fail=pin:1+\n"), 1.5 * seconds_of("")) << "by half of the link's rate";
}

TEST_F(Pinned, ARefusalWhileMemoryIsGivenBackOrTakenIsToldWhenItIsNew) {
  const std::vector<float> expected = host_reference(kDeep);
  /// Gives memory back, takes it, and gives it back; each time the first of those that are pinned is refused or none.
  const auto kinds_when_refused = [&](const std::array<bool, 3>& refused) {
    prepare_device("", false);
    const Bytes least = first_.smallest_budget.back().bytes;
    EXPECT_TRUE(open().ok());
    expect_pass(expected, "opened");
    for (std::size_t i = 0; i < refused.size(); ++i) {
      EXPECT_TRUE(session_->set_budget("sim:0", i == 1 ? mib(64) : least));
      if (refused[i]) gate_.refuse({1, false, static_cast<int>(Acquisition::pinned_memory)});
      expect_pass(expected, "change " + std::to_string(i));
      EXPECT_EQ(gate_.refused(), refused[i] ? 1U : 0U);
      gate_.refuse({});
    }
    return kinds();
  };
  EXPECT_EQ(kinds_when_refused({false, false, false}), (std::vector{Kind::shed, Kind::grown, Kind::shed}));
  EXPECT_EQ(kinds_when_refused({true, true, true}), (std::vector{Kind::recovered, Kind::shed, Kind::grown, Kind::shed})) << "told once";
  EXPECT_EQ(kinds_when_refused({true, false, true}), (std::vector{Kind::recovered, Kind::shed, Kind::grown, Kind::recovered, Kind::shed}))
      << "new again, for all was pinned between";
}

TEST_F(Pinned, NoRefusalOfPinnedMemoryFailsARun) {
  const std::vector<float> expected = host_reference(kDeep);
  int refused = 0;
  for (const bool persistent : {false, true}) {
    for (std::uint64_t ordinal = 1;; ++ordinal) {
      prepare_device("", true);
      gate_.refuse({ordinal, persistent, static_cast<int>(Acquisition::pinned_memory)});
      ASSERT_TRUE(open().ok()) << ordinal;
      expect_pass(expected, std::to_string(ordinal));
      ASSERT_TRUE(session_->set_budget("sim:0", first_.smallest_budget.back().bytes));
      expect_pass(expected, std::to_string(ordinal));
      const bool fired = gate_.refused() > 0;
      gate_.refuse({});
      if (!fired) break;
      ++refused;
    }
  }
  EXPECT_GE(refused, 6);
}

TEST_F(Pinned, EachDevicePinsForItself) {
  const std::vector<float> expected = host_reference(kDeep);
  add_device("link=1GB/s,compute=10TFLOP/s,memory=9MiB");
  add_device("link=1GB/s,compute=10TFLOP/s,memory=9MiB", "at=start fail=pin:1+\n");
  prepare(kDeep);
  ASSERT_GT(first_.stages->size(), 1U) << "or nothing is tested";
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 2; ++i) expect_pass(expected, "two devices");
  ASSERT_EQ(kinds(), std::vector{Kind::recovered}) << all_texts();
  EXPECT_EQ(events_.front().device, "sim:1");
}

}  // namespace
}  // namespace plimsoll
