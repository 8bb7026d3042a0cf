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
        request.texts.push_back({testing::tiny_text(kDeep, 24, static_cast<std::uint64_t>(i))});
      const testing::RunResult result = run(request);
      double all = 0;
      for (const double one : result.device_seconds) all += one;
      seconds = all - seconds;
      plan_ = result.plan;
    }
    return seconds / 2;
  }

  Plan plan_;
};

TEST_F(Predicted, PassesAreWithinASeventhOfTheClock) {
  const std::string path = write(kDeep);
  std::set<std::string> ways;
  for (const char* rates : {"link=12GB/s,compute=1TFLOP/s", "link=1GB/s,compute=1TFLOP/s", "link=1GB/s,compute=10TFLOP/s",
                            "link=12GB/s,compute=10TFLOP/s,disk=500MB/s", "link=12GB/s,compute=100GFLOP/s,latency=1us"}) {
    for (const char* memory : {"64MiB", "12MiB", "8MiB", "4MiB"}) {
      for (const Bytes host : {mib(4096), mib(7)}) {
        const RunRequest request{.model = path,
                                 .batch_size = kTexts,
                                 .policy = {.device = "sim:0", .forbid = {Rung::microbatch}},
                                 .budget = host,
                                 .sims = {std::string("memory=") + memory + "," + rates}};
        const double seconds = measured(request);
        if (plan_.layers.empty()) continue;
        std::string way;
        for (const LayerPlan& layer : plan_.layers) way += layer.home + " ";
        ways.insert(way);
        // A block's reads begin before it does, behind others that stay: that is not predicted.
        const bool mixed = way.find("disk") != std::string::npos && way.find("sim:0 sim:0 sim:0") != std::string::npos;
        EXPECT_LE(plan_.pass_seconds / seconds, mixed ? 1.3 : 1.15) << rates << " " << memory << " " << format_bytes(host) << " " << way;
        EXPECT_GE(plan_.pass_seconds / seconds, 0.85) << rates << " " << memory << " " << format_bytes(host) << " " << way;
      }
    }
  }
  EXPECT_GT(ways.size(), 3U) << "or nothing was tested";
}

}  // namespace
}  // namespace plimsoll
