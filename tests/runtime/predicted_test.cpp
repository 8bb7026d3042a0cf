// What plans predict of simulated devices, against the devices' own clocks.
#include <gtest/gtest.h>

#include <set>

#include "model_fixture.h"

namespace plimsoll {
namespace {

using testing::kDeep;
using testing::RunRequest;

class Predicted : public testing::ModelFixture {
 protected:
  static constexpr std::int64_t kTexts = 8;

  /// Seconds of one more pass, by the clocks of all devices.
  double measured(RunRequest request) {
    double seconds = 0;
    for (const std::int64_t passes : {1, 3}) {
      request.texts.clear();
      // All alike: the pass that is predicted is a full one.
      for (std::int64_t i = 0; i < passes * kTexts; ++i)
        request.texts.push_back({testing::tiny_text(model_, 24, static_cast<std::uint64_t>(i))});
      const testing::RunResult result = run(request);
      double all = 0;
      for (const double one : result.device_seconds) all += one;
      seconds = all - seconds;
      plan_ = result.plan;
    }
    return seconds / 2;
  }

  /// Compares, of plans that simulated devices alone compute.
  void compare(const RunRequest& request) {
    const double seconds = measured(request);
    std::string way;
    for (const LayerPlan& layer : plan_.layers) {
      if (layer.compute == "cpu") return;
      way += layer.compute + (layer.home == layer.compute ? " " : "<" + layer.home + " ");
    }
    ways_.insert(way);
    std::string sims;
    for (const std::string& sim : request.sims) sims += sim + " ";
    const double ratio = plan_.pass_seconds / seconds;
    EXPECT_LE(ratio, 1.15) << sims << format_bytes(*request.budget) << " " << way;
    EXPECT_GE(ratio, 0.85) << sims << format_bytes(*request.budget) << " " << way;
  }

  testing::TinyModel model_ = kDeep;
  Plan plan_;
  std::set<std::string> ways_;  // how blocks were fed and computed
};

const char* const kRates[] = {"link=12GB/s,compute=1TFLOP/s",
                              "link=1GB/s,compute=1TFLOP/s",
                              "link=1GB/s,compute=10TFLOP/s",
                              "link=12GB/s,compute=10TFLOP/s,disk=500MB/s",
                              "link=12GB/s,compute=1TFLOP/s,disk=300MB/s",
                              "link=12GB/s,compute=100GFLOP/s,latency=1us"};

TEST_F(Predicted, PassesAreWithinASeventhOfTheClock) {
  const std::string path = write(kDeep);
  for (const std::string rates : kRates) {
    for (const std::string memory : {"64MiB", "12MiB", "10MiB", "8MiB", "6MiB", "4MiB"}) {
      for (const Bytes host : {mib(4096), mib(20), mib(12), mib(9), mib(7)}) {
        compare({.model = path,
                 .batch_size = kTexts,
                 .policy = {.device = "sim:0", .forbid = {Rung::microbatch}},
                 .budget = host,
                 .sims = {"memory=" + memory + "," + rates}});
      }
    }
  }
  EXPECT_GT(ways_.size(), 8U) << "or little was tested";
}

TEST_F(Predicted, SoAreThoseOfTwoDevices) {
  const std::string path = write(kDeep);
  for (const std::string rates : kRates) {
    for (const std::string memory : {"8MiB", "6MiB", "4MiB"}) {
      for (const Bytes host : {mib(60), mib(12), mib(8)}) {
        compare({.model = path,
                 .batch_size = kTexts,
                 .policy = {.forbid = {Rung::microbatch, Rung::cpu}},
                 .budget = host,
                 .sims = {"memory=" + memory + "," + rates, "memory=6MiB,compute=500GFLOP/s"}});
      }
    }
  }
  EXPECT_GT(ways_.size(), 4U) << "or little was tested";
}

// A model so small that its pass is little more than what is copied to the device and back.
TEST_F(Predicted, SoAreThoseOfATinyModel) {
  const std::string path = write(testing::TinyModel{});
  model_ = testing::TinyModel{};
  for (const std::string rates : kRates) {
    compare({.model = path, .batch_size = kTexts, .policy = {.device = "sim:0"}, .budget = mib(64), .sims = {"memory=64MiB," + rates}});
  }
}

}  // namespace
}  // namespace plimsoll
