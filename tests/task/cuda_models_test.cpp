// Whole models on cuda:0: transformers' answers, small budgets, failures. On the stand-in for a driver, and on a GPU where one is found;
// with PLIMSOLL_REQUIRE_CUDA set, its absence is a failure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include <plimsoll/device.h>

#include "support/forwarding_os.h"
#include "support/run_model.h"
#include "task/expected.h"

namespace plimsoll {
namespace {

using testing::Expected;
using testing::read_expected;
using testing::run_model;
using testing::RunRequest;
using testing::RunResult;
using testing::worst;

/// Where the stand-in is loaded under the names of NVIDIA's libraries.
class StandInOs final : public testing::ForwardingOs {
 public:
  Result<std::shared_ptr<Library>> load_library(const std::string& name) override {
    const bool nvidia = name.starts_with("libcuda.so") || name.starts_with("libcublasLt.so");
    return ForwardingOs::load_library(nvidia ? PLIMSOLL_CUDA_STAND_IN : name);
  }
};

enum class Where : std::uint8_t { stand_in, gpu };

std::unique_ptr<testing::ForwardingOs> make(Where where) {
  if (where == Where::stand_in) return std::make_unique<StandInOs>();
  return std::make_unique<testing::ForwardingOs>();
}

std::vector<Where> places() {
  std::vector<Where> all = {Where::stand_in};
  testing::ForwardingOs os;
  if (std::getenv("PLIMSOLL_REQUIRE_CUDA") != nullptr || OpenDevice::count_cuda(os).ok()) all.push_back(Where::gpu);
  return all;
}

class CudaModels : public ::testing::TestWithParam<Where> {
 protected:
  CudaModels() : os_(make(GetParam())) {
    if (GetParam() != Where::stand_in) return;
    library_ = os_->load_library("libcuda.so.1").value();
    script("");
  }
  ~CudaModels() override {
    if (library_ != nullptr) script("");
  }
  void script(const std::string& text) { reinterpret_cast<void (*)(const char*)>(library_->find("cuda_stand_in_script"))(text.c_str()); }
  static RunRequest request(const std::string& model, const Expected& expected, ElementType type = ElementType::float32) {
    RunRequest made;
    made.model = std::string(PLIMSOLL_SOURCE_DIR) + "/tests/fixtures/" + model;
    made.texts = expected.texts;
    made.max_length = 128;
    made.batch_size = 4;
    made.policy.dtype = type;
    made.policy.device = "cuda:0";
    made.cudas = 1;
    return made;
  }
  RunResult run(const RunRequest& asked) {
    Result<RunResult> result = run_model(*os_, asked);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : message(result.error()));
    return result.ok() ? std::move(result).value() : RunResult{};
  }

  std::unique_ptr<testing::ForwardingOs> os_;
  std::shared_ptr<Library> library_;
};

TEST_P(CudaModels, AgreeWithTransformers) {
  for (const char* model : {"models/bert", "models/bert-relu-multilabel", "models/bert-regression"}) {
    const Expected expected = read_expected(model);
    const RunResult result = run(request(model, expected));
    EXPECT_LE(worst(result.logits, expected.logits), 2e-4) << model;
    EXPECT_EQ(result.plan.devices.at(1).name, "cuda:0");
    EXPECT_GT(result.device_peaks.at(0)[static_cast<std::size_t>(MemoryTag::weights)].count, 0U);
  }
}

TEST_P(CudaModels, HalfTypesAreNearThem) {
  const Expected expected = read_expected("models/bert");
  EXPECT_LE(worst(run(request("models/bert", expected, ElementType::bfloat16)).logits, expected.logits), 5e-2);
  EXPECT_LE(worst(run(request("models/bert", expected, ElementType::float16)).logits, expected.logits), 5e-3);
  const Expected stored = read_expected("variants/f16");
  EXPECT_LE(worst(run(request("variants/f16", stored, ElementType::float16)).logits, stored.logits), 2e-4);
}

/// Down to the least that the plan names: the weights stream, and the answers stay.
TEST_P(CudaModels, SmallBudgetsChangeNothing) {
  const Expected expected = read_expected("models/bert");
  for (const ElementType type : {ElementType::float32, ElementType::bfloat16}) {
    RunRequest asked = request("models/bert", expected, type);
    const RunResult roomy = run(asked);
    Bytes least;
    for (const DeviceBytes& one : roomy.plan.smallest_budget) least = one.device == "cuda:0" ? one.bytes : least;
    ASSERT_GT(least.count, 0U);
    asked.device_budget = least;
    const RunResult tight = run(asked);
    EXPECT_EQ(tight.plan.verdict, Verdict::fits_degraded);
    EXPECT_LE(tight.plan.devices.at(1).planned_total(), least);
    EXPECT_LE(worst(tight.logits, roomy.logits), 1e-5);
    asked.device_budget = least - kib(4);
    const auto refused = run_model(*os_, asked);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::does_not_fit);
  }
}

/// What was planned on the device is what is allocated there, to the byte.
TEST_P(CudaModels, PlansAreKept) {
  const Expected expected = read_expected("models/bert");
  const RunResult result = run(request("models/bert", expected));
  EXPECT_EQ(result.device_peaks.at(0), result.plan.devices.at(1).arenas);
}

class CudaFaults : public CudaModels {};

/// A kernel that never comes back well: the rest of the texts are computed on the host.
TEST_P(CudaFaults, ALostDeviceIsDoneWithout) {
  const Expected expected = read_expected("models/bert");
  RunRequest asked = request("models/bert", expected);
  asked.policy.device = "auto";
  std::string used;
  int recovered = 0;
  asked.planned = [&](const Model&, const Snapshot&, const Workload&, const Plan& plan) { used = plan.layers.front().compute; };
  asked.event = [&](const SessionEvent& event) {
    recovered += event.kind == SessionEvent::Kind::recovered && event.device == "cuda:0" ? 1 : 0;
  };
  asked.before_pass = [&](Session&, int pass) {
    if (pass == 2) script("execute 719 3");
  };
  const RunResult result = run(asked);
  EXPECT_LE(worst(result.logits, expected.logits), 2e-4);
  EXPECT_EQ(used, "cuda:0");
  EXPECT_EQ(recovered, 1);
}

TEST_P(CudaFaults, MemoryThatIsRefusedIsPlannedAgain) {
  const Expected expected = read_expected("models/bert");
  for (int first = 1; first <= 4; ++first) {
    RunRequest asked = request("models/bert", expected);
    asked.policy.device = "auto";
    asked.planned = [&](const Model&, const Snapshot&, const Workload&, const Plan&) { script("cuMemCreate 2 " + std::to_string(first)); };
    const RunResult result = run(asked);
    EXPECT_LE(worst(result.logits, expected.logits), 2e-4) << first;
    script("");
  }
}

std::string place_name(const ::testing::TestParamInfo<Where>& info) { return info.param == Where::stand_in ? "stand_in" : "cuda"; }

INSTANTIATE_TEST_SUITE_P(Devices, CudaModels, ::testing::ValuesIn(places()), place_name);
INSTANTIATE_TEST_SUITE_P(Devices, CudaFaults, ::testing::Values(Where::stand_in), place_name);

}  // namespace
}  // namespace plimsoll
