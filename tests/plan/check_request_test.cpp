#include "plan/check_request.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "planned_model.h"

namespace plimsoll {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

class CheckRequest : public ::testing::Test {
 protected:
  ErrorCode refusal(const Workload& workload, const Snapshot& machine = testing::paper_machine()) const {
    const auto plan = make_plan(*model_, machine, workload, {});
    return plan.ok() ? ErrorCode::internal : plan.error().code;
  }

  std::unique_ptr<Model> model_ = testing::open_tiny_model({});
};

TEST_F(CheckRequest, AWorkloadThatNobodyHasIsRefused) {
  for (const std::int64_t number : {kMost, kLeast, std::int64_t{-1}, kMost - 1}) {
    EXPECT_EQ(refusal({.longest = number}), ErrorCode::usage) << number;
    EXPECT_EQ(refusal({.longest = 8, .texts = number}), ErrorCode::usage) << number;
    EXPECT_EQ(refusal({.longest = 8, .total_tokens = number}), ErrorCode::usage) << number;
    EXPECT_EQ(refusal({.longest = 8, .held_tokens = number, .held_texts = 1}), ErrorCode::usage) << number;
    EXPECT_EQ(refusal({.longest = 8, .held_tokens = 8, .held_texts = number}), ErrorCode::usage) << number;
  }
  EXPECT_EQ(refusal({.longest = 8, .longest_text_bytes = std::numeric_limits<std::uint64_t>::max()}), ErrorCode::usage);
  EXPECT_EQ(refusal({.longest = 8, .batch_size = -1}), ErrorCode::usage);
  EXPECT_EQ(refusal({.longest = 8, .batch_size = kMost}), ErrorCode::internal) << "no more are in a pass than can be numbered";
}

TEST_F(CheckRequest, AMachineThatNobodyHasIsRefused) {
  for (const int threads : {0, -1, std::numeric_limits<int>::max(), std::numeric_limits<int>::min()})
    EXPECT_EQ(refusal({.longest = 8}, testing::paper_machine(mib(64), false, threads)), ErrorCode::usage) << threads;
  for (const double rate : {-1.0, std::nan("")}) {
    Snapshot machine = testing::paper_machine();
    machine.rates.disk_read = rate;
    EXPECT_EQ(refusal({.longest = 8}, machine), ErrorCode::usage) << rate;
    machine = testing::paper_machine();
    machine.accelerators = {testing::paper_accelerator(mib(64))};
    machine.accelerators.front().link_rate = rate;
    EXPECT_EQ(refusal({.longest = 8}, machine), ErrorCode::usage) << rate;
  }
  EXPECT_EQ(refusal({.longest = 8}), ErrorCode::internal);
}

}  // namespace
}  // namespace plimsoll
