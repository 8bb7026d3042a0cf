#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/run_model.h"
#include "support/temporary_folder.h"
#include "support/tiny_model.h"

namespace plimsoll::testing {

/// Small models of unlike shapes and types: the documented one, the smallest that there can be, and sizes that no tile divides.
inline const std::vector<TinyModel> kShapes = {TinyModel{},
                                               TinyModel{.hidden = 7, .layers = 1, .heads = 1, .intermediate = 5, .words = 1, .labels = 1},
                                               TinyModel{.hidden = 72, .layers = 3, .heads = 6, .intermediate = 330, .labels = 70},
                                               TinyModel{.hidden = 130, .heads = 2, .intermediate = 200, .dtype = "F16"},
                                               TinyModel{.hidden = 96, .heads = 3, .intermediate = 200, .dtype = "BF16"}};

/// Large enough that its layers outweigh a ring, and a pass its texts.
inline const TinyModel kDeep{.hidden = 192, .layers = 6, .heads = 3, .intermediate = 768, .words = 3000};

/// `count` texts of 1 to 23 words.
inline std::vector<Text> texts(const TinyModel& tiny, std::int64_t count) {
  std::vector<Text> list;
  for (std::int64_t i = 0; i < count; ++i) list.push_back({tiny_text(tiny, 1 + (i * 7) % 23, static_cast<std::uint64_t>(i))});
  return list;
}

/// A folder for a model, and an operating system that may refuse what is asked of it.
class ModelFixture : public ::testing::Test {
 protected:
  ModelFixture() : os_(make_os(gate_)) {}

  /// Writes the model. Gives its folder.
  std::string write(const TinyModel& tiny) {
    write_tiny_model(folder_.path(), tiny);
    return folder_.path();
  }

  RunResult run(const RunRequest& request) {
    auto result = run_model(*os_, request);
    if (!result.ok()) {
      ADD_FAILURE() << message(result.error());
      return {};
    }
    return std::move(result).value();
  }

  /// Refuses every acquisition of a run in turn, once and from then on: the bits of `reference`, or a typed error. How many were refused,
  /// and how many of those runs answered.
  std::pair<int, int> refuse_each(const RunRequest& request, const RunResult& reference) {
    int refused = 0;
    int survived = 0;
    for (const bool persistent : {false, true}) {
      for (std::uint64_t ordinal = 1;; ++ordinal) {
        gate_.refuse({.ordinal = ordinal, .persistent = persistent});
        const auto result = run_model(*os_, request);
        const bool fired = gate_.refused() > 0;
        gate_.refuse({});
        if (result.ok()) {
          EXPECT_EQ(result->logits, reference.logits) << ordinal;
          survived += fired ? 1 : 0;
        } else {
          EXPECT_NE(result.error().code, ErrorCode::internal) << ordinal << ": " << message(result.error());
        }
        if (!fired) break;
        ++refused;
      }
    }
    EXPECT_EQ(run(request).logits, reference.logits);
    return {refused, survived};
  }

  Gate gate_;
  std::unique_ptr<Os> os_;
  TemporaryFolder folder_;
};

/// A session whose passes a test runs by itself.
class SessionFixture : public ModelFixture {
 protected:
  struct Opening {
    Workload workload;
    Policy policy = {};
    const CancelToken* cancel = nullptr;
    ProgressFunction progress = {};
  };

  void open(const TinyModel& tiny, Opening opening) {
    auto opened = Model::open(*os_, ledger_, {write(tiny), "", "", false});
    ASSERT_TRUE(opened.ok()) << message(opened.error());
    model_ = std::make_unique<Model>(std::move(opened).value());
    auto machine = describe_machine(*os_, 2);
    ASSERT_TRUE(machine.ok());
    auto plan = make_plan(*model_, *machine, opening.workload, opening.policy);
    ASSERT_TRUE(plan.ok());
    auto session = Session::create(*model_, *plan, {os_.get(), &ledger_, opening.cancel, std::move(opening.progress)});
    ASSERT_TRUE(session.ok()) << message(session.error());
    session_ = std::make_unique<Session>(std::move(session).value());
  }

  Ledger ledger_{"cpu", Bytes{std::uint64_t{1} << 40U}};
  std::unique_ptr<Model> model_;
  std::unique_ptr<Session> session_;
};

}  // namespace plimsoll::testing
