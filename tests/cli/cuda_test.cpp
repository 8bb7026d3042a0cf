// The command on cuda:0, a stand-in for the driver (tests/support/cuda).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "command.h"

namespace plimsoll::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CudaCommand : public ::testing::Test {
 protected:
  Start start(std::vector<std::string> flags, const std::string& script = "") {
    std::ofstream(folder_ / "script") << script;
    Start made;
    made.arguments = {"run", fixture("models/bert"), "good film", "a line on the hull", "--json", "--logits"};
    made.arguments.insert(made.arguments.end(), flags.begin(), flags.end());
    made.environment = {"LD_LIBRARY_PATH=" PLIMSOLL_CUDA_FOLDER, "CUDA_STAND_IN=" + (folder_ / "script")};
    return made;
  }
  static double worst(const Finished& a, const Finished& b) {
    double largest = a.rows().size() == b.rows().size() ? 0 : HUGE_VAL;
    for (std::size_t row = 0; row < std::min(a.rows().size(), b.rows().size()); ++row) {
      const auto x = a.rows()[row].at("logits").get<std::vector<double>>();
      const auto y = b.rows()[row].at("logits").get<std::vector<double>>();
      for (std::size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::abs(x[i] - y.at(i)));
    }
    return largest;
  }

 private:
  Folder folder_;
};

TEST_F(CudaCommand, AnswersAsTheProcessorDoes) {
  const Finished host = run(start({"--device", "cpu"}));
  for (const char* name : {"cuda:0", "cuda"}) {
    const Finished there = run(start({"--device", name}));
    ASSERT_EQ(there.status, 0) << there.err;
    EXPECT_LE(worst(there, host), 1e-5);
  }
  const Finished tight = run(start({"--device", "cuda:0", "--max-memory", "0=6MiB"}));
  EXPECT_EQ(tight.status, 0) << tight.err;
  EXPECT_LE(worst(tight, host), 1e-5);
}

TEST_F(CudaCommand, SaysWhichDeviceOrLibraryIsMissing) {
  const Finished absent = run(start({"--device", "cuda:7"}));
  EXPECT_EQ(absent.status, 3);
  EXPECT_THAT(absent.err, HasSubstr("there is no device cuda:7"));
  const Finished old = run(start({"--device", "cuda:0"}, "version 11040"));
  EXPECT_EQ(old.status, 4);
  EXPECT_THAT(old.err, HasSubstr("supports CUDA 11.4"));
  EXPECT_EQ(run(start({"--max-memory", "cuda:7=1GiB"})).status, 3);
}

/// The smallest budget that a refusal names is enough, and a page less is not.
TEST_F(CudaCommand, RefusesWhatDoesNotFitAndNamesWhatWould) {
  const Finished refused = run(start({"--device", "cuda:0", "--max-memory", "cuda:0=1MiB"}));
  EXPECT_EQ(refused.status, 6);
  const auto error = nlohmann::json::parse(refused.err).at("error");
  const auto least = error.at("smallest_budget").at("cuda:0").get<std::uint64_t>();
  EXPECT_EQ(run(start({"--device", "cuda:0", "--max-memory", "cuda:0=" + std::to_string(least)})).status, 0);
  EXPECT_EQ(run(start({"--device", "cuda:0", "--max-memory", "cuda:0=" + std::to_string(least - 4096)})).status, 6);
}

TEST_F(CudaCommand, AutoTakesWhatOpensAndSaysWhatItLeaves) {
  const Finished fine = run(start({}));
  EXPECT_EQ(fine.status, 0) << fine.err;
  EXPECT_THAT(fine.err, Not(HasSubstr("is not used")));
  const Finished full = run(start({}, "memory 268435456\nused 260000000"));
  EXPECT_EQ(full.status, 0) << full.err;
  EXPECT_THAT(full.err, HasSubstr("cuda:0 is not used"));
  EXPECT_LE(worst(full, fine), 1e-5);
}

TEST_F(CudaCommand, AFailureInTheMiddleIsRecovered) {
  const Finished host = run(start({"--device", "cpu"}));
  const Finished once = run(start({"--device", "cuda:0"}, "cuLaunchKernel 701 9"));
  EXPECT_EQ(once.status, 0) << once.err;
  EXPECT_LE(worst(once, host), 1e-5);
  const Finished lost = run(start({"--device", "cuda:0"}, "execute 700 9"));
  EXPECT_EQ(lost.status, 1);
  EXPECT_THAT(lost.err, HasSubstr("device_lost"));
}

}  // namespace
}  // namespace plimsoll::test
