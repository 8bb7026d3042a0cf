// Files of torch.save, whatever their form: the bits of the same tensors in safetensors, wherever the weights are.
#include <gtest/gtest.h>
#include <algorithm>

#include "plan/layout/schedule.h"
#include "support/run_model.h"

namespace plimsoll {
namespace {

using testing::run_model;
using testing::RunRequest;
using testing::RunResult;
using testing::Text;

std::string fixture(const std::string& name) { return std::string(PLIMSOLL_SOURCE_DIR) + "/tests/fixtures/" + name; }

class TorchFiles : public ::testing::TestWithParam<const char*> {
 protected:
  static RunResult run(RunRequest request) {
    Gate gate;
    const auto os = make_os(gate);
    request.texts = {
        {"the license is free"}, {"you may copy", "and modify it"}, {"no warranty for this program, not even the implied one"}};
    auto result = run_model(*os, request);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : message(result.error()));
    return result.ok() ? *std::move(result) : RunResult{};
  }

  static RunRequest request(const std::string& model) {
    RunRequest request;
    request.model = model;
    return request;
  }
};

TEST_P(TorchFiles, HaveTheBitsOfSafetensorsUnderEveryPlan) {
  for (const ElementType dtype : {ElementType::float32, ElementType::bfloat16}) {
    RunRequest safe = request(fixture("models/bert"));
    safe.policy.dtype = dtype;
    const RunResult wanted = run(safe);
    ASSERT_EQ(wanted.logits.size(), 3U);

    RunRequest torch = request(fixture(std::string("variants/") + GetParam()));
    torch.policy.dtype = dtype;
    const RunResult resident = run(torch);
    EXPECT_EQ(resident.logits, wanted.logits);
    // What reading the file took beside its tables was given back, and was less than the plan.
    EXPECT_EQ(resident.ledger_peak, resident.plan.devices.front().arena_total());

    RunRequest streamed = torch;
    streamed.policy.stream_everything = true;
    const RunResult from_disk = run(streamed);
    EXPECT_FALSE(from_disk.plan.schedule->ring.chunks.empty());
    EXPECT_EQ(from_disk.logits, wanted.logits);
    streamed.policy.smallest_chunks = true;
    EXPECT_EQ(run(streamed).logits, wanted.logits);

    RunRequest least = torch;
    least.budget = resident.plan.smallest_budget.front().bytes;
    EXPECT_EQ(run(least).logits, wanted.logits);

    RunRequest device = torch;
    device.sims = {"memory=64MiB"};
    EXPECT_EQ(run(device).logits, wanted.logits);
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, TorchFiles, ::testing::Values("bin", "bin-legacy", "bin-parameters", "bin-strided", "sharded-bin"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace plimsoll
