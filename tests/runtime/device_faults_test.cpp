// Everything that a session asks of a device fails, one thing after the other: while it loads, runs, gives memory back, takes it and ends.
#include <gtest/gtest.h>

#include <algorithm>

#include "elastic_fixture.h"
#include "support/build.h"

namespace plimsoll {
namespace {

using testing::TinyModel;

// Sanitized code takes ten times as long.
constexpr int kSparse = testing::kSanitized ? 2 : 8;
constexpr int kStep = testing::kSanitized ? 11 : 3;

const TinyModel kSmall{.hidden = 16, .layers = 2, .heads = 2, .intermediate = 16};

class DeviceFaults : public testing::RefusalFixture {
 protected:
  void prepare_device(const std::string& script = "") {
    sims_.clear();
    add_device("memory=8MiB,link=1000GB/s,latency=0us", script);
  }

  /// Loads, runs, gives memory of the device back, takes it again and ends; all answers are `expected_`.
  Status life() {
    PLIMSOLL_CHECK(open());
    for (const Bytes budget : {mib(8), mib(7), tight_, mib(8)}) {
      session_->set_budget("sim:0", budget);
      PLIMSOLL_TRY(const std::vector<float> logits, pass());
      EXPECT_EQ(logits, expected_);
      expect_ledger_is_plan();
    }
    return {};
  }

  /// A life under `script`: whether anything came of it, and how it ended.
  std::pair<bool, Status> live(const std::string& script) {
    prepare_device(script);
    open_devices();
    Status lived = life();
    const std::vector<SessionEvent::Kind> told = kinds();
    const bool fired = !lived.ok() || std::any_of(told.begin(), told.end(), [](SessionEvent::Kind kind) {
      return kind == SessionEvent::Kind::replanned || kind == SessionEvent::Kind::recovered;
    });
    if (!lived.ok()) {
      EXPECT_NE(lived.error().code, ErrorCode::internal) << script << message(lived.error());
      EXPECT_NE(lived.error().code, ErrorCode::usage) << script << message(lived.error());
    }
    session_.reset();
    expect_nothing_is_held();
    EXPECT_LE(events_.size(), 4 + 2 * undisturbed_) << script << all_texts();
    events_.clear();
    return {fired, std::move(lived)};
  }

  void prepare_lives(const Policy& policy = {}) {
    expected_ = host_reference(kSmall);
    prepare_device();
    prepare(kSmall, 6, {}, policy);
    ASSERT_EQ(first_.schedule->device, 1) << "or nothing is tested";
    tight_ = Bytes{most_there().count * 2 / 3};
    ASSERT_TRUE(life().ok());
    undisturbed_ = events_.size();
    EXPECT_GE(undisturbed_, 2U) << "memory was given back and taken again";
    session_.reset();
    events_.clear();
  }

  std::vector<float> expected_;
  Bytes tight_;
  std::size_t undisturbed_ = 0;  ///< events of a life in which nothing fails
};

TEST_F(DeviceFaults, EveryCallOnceAndFromThenOnIsMadeGood) {
  for (const bool streamed : {false, true}) {
    prepare_lives({.stream_everything = streamed});
    for (const char* kind : {"alloc", "copy", "launch", "pin"}) {
      for (const char* mode : {"", "+"}) {
        int fired = 0;
        // Each of the first, then fewer and fewer: what comes later is what came before.
        int n = 1;
        for (bool more = true; more; ++fired, n += 1 + n / kSparse) {
          const std::string script = std::string("at=load:0 fail=") + kind + ":" + std::to_string(n) + mode + "\n";
          const auto [struck, lived] = live(script);
          EXPECT_TRUE(lived.ok()) << script << message(lived.error()) << ": the host could have done it";
          more = struck;
        }
        EXPECT_GT(fired, 3) << kind << mode;
      }
    }
    for (const char* mode : {"", "+"}) {
      for (int n = 1; n < 8; ++n) EXPECT_TRUE(live("at=load:0 fail=query:" + std::to_string(n) + mode + "\n").second.ok());
    }
  }
}

TEST_F(DeviceFaults, WithNothingButTheDeviceTheyAreTypedErrors) {
  prepare_lives({.device = "sim:0"});
  int failed = 0;
  for (const char* kind : {"alloc", "copy", "launch"}) {
    for (const char* mode : {"", "+"}) {
      for (int n = 1; n < 40; n += testing::kSanitized ? 3 : 1) {
        const auto [struck, lived] = live(std::string("at=load:0 fail=") + kind + ":" + std::to_string(n) + mode + "\n");
        if (!struck) break;
        failed += lived.ok() ? 0 : 1;
        if (lived.ok()) continue;
        const bool memory = lived.error().code == ErrorCode::out_of_memory || lived.error().code == ErrorCode::does_not_fit;
        EXPECT_TRUE(memory || lived.error().code == ErrorCode::io) << message(lived.error());
      }
    }
  }
  EXPECT_GT(failed, testing::kSanitized ? 5 : 10);
}

TEST_F(DeviceFaults, AgainInsideTheRecovery) {
  prepare_lives({.stream_everything = true});
  int pairs = 0;
  for (const char* second : {"alloc:1", "alloc:3", "alloc:6", "launch:1", "launch:20", "launch:60", "query:1"}) {
    for (int n = 1;; n += kStep) {
      const std::string script = "at=load:0 fail=copy:" + std::to_string(n) + "\nat=load:0 fail=" + second + "\nat=pass:2 fail=copy:1\n";
      const auto [struck, lived] = live(script);
      EXPECT_TRUE(lived.ok()) << script << message(lived.error());
      if (n > 80) break;
      ++pairs;
    }
  }
  EXPECT_GT(pairs, testing::kSanitized ? 15 : 60);
}

TEST_F(DeviceFaults, ALossAtAnyMomentLosesNoAnswer) {
  prepare_lives();
  int lost = 0;
  const auto lose = [&](const std::string& when) {
    for (const char* how : {" lost\n", " hang\n"}) {
      const auto [struck, lived] = live("at=" + when + how);
      EXPECT_TRUE(lived.ok()) << when << how << message(lived.error());
      lost += struck ? 1 : 0;
    }
  };
  for (int share = 0; share <= 10; ++share) lose("load:" + std::to_string(share / 10.0).substr(0, 3));
  for (int pass = 1; pass <= 4; ++pass) {
    for (int layer = 0; layer < 4; ++layer) lose("pass:" + std::to_string(pass) + ",layer:" + std::to_string(layer));
  }
  EXPECT_GT(lost, 40);
}

TEST_F(DeviceFaults, CancelEndsARecoveryToo) {
  prepare_lives({.stream_everything = true});
  int stopped = 0;
  for (const char* fault : {"fail=copy:1+", "fail=launch:3+", "lost"}) {
    for (int until = 0; until < 30; ++until) {
      prepare_device(std::string("at=pass:1,layer:1 ") + fault + "\n");
      open_devices();
      CancelToken cancel;
      int left = until;
      ASSERT_TRUE(open(
                      [&](const Progress&) {
                        if (left-- == 0) cancel.cancel();
                      },
                      &cancel)
                      .ok() ||
                  cancel.cancelled());
      const Result<std::vector<float>> logits = session_ ? pass() : Result<std::vector<float>>(Error{ErrorCode::cancelled, ""});
      stopped += logits.ok() ? 0 : 1;
      if (logits.ok()) {
        EXPECT_EQ(*logits, expected_);
      } else {
        EXPECT_EQ(logits.error().code, ErrorCode::cancelled) << message(logits.error());
      }
      session_.reset();
      expect_nothing_is_held();
      events_.clear();
    }
  }
  EXPECT_GT(stopped, 10);
}

TEST_F(DeviceFaults, AnyAcquisitionWhileOpening) {
  for (const bool streamed : {false, true}) {
    prepare_lives({.stream_everything = streamed});
    const auto [fired, survived] = sweep(
        expected_, [] { return Status(); }, [this] { return open_and_pass(); });
    EXPECT_GT(fired, 40);
    EXPECT_GT(survived, 20) << "what the device refuses is planned around";
  }
}

TEST_F(DeviceFaults, AnyAcquisitionWhileGivingBackAndTaking) {
  prepare_lives();
  const auto shed = sweep(
      expected_, [this] { return open(); },
      [this] {
        session_->set_budget("sim:0", tight_);
        return pass();
      });
  EXPECT_GT(shed.first, 10);
  EXPECT_GT(shed.second, 5);
  const auto grown = sweep(
      expected_,
      [this]() -> Status {
        PLIMSOLL_CHECK(open());
        session_->set_budget("sim:0", tight_);
        PLIMSOLL_CHECK(pass());
        session_->set_budget("sim:0", mib(8));
        return {};
      },
      [this] { return pass(); });
  EXPECT_GT(grown.first, 10);
  EXPECT_GT(grown.second, grown.first / 4) << "what a higher budget promised can be done without";
}

}  // namespace
}  // namespace plimsoll
