// A checkpoint as it is first downloaded: old tensor names, no classifier.
#include <gtest/gtest.h>

#include <cmath>

#include "support/run_model.h"

namespace plimsoll {
namespace {

TEST(Untrained, APretrainedCheckpointGivesTheSameFiniteLogitsEveryTime) {
  Gate gate;
  const auto os = make_os(gate);
  testing::RunRequest request{.model = PLIMSOLL_SOURCE_DIR "/tests/fixtures/variants/pretrained",
                              .texts = {{"a short text"}, {"another one", "with a pair"}, {""}}};
  const auto reference = testing::run_model(*os, request);
  ASSERT_TRUE(reference.ok()) << message(reference.error());
  EXPECT_EQ(reference->plan.warnings, std::vector<std::string>{"classifier: untrained"});
  ASSERT_EQ(reference->logits.size(), 3U);
  for (const auto& logits : reference->logits) {
    ASSERT_EQ(logits.size(), 2U);
    for (const float logit : logits) EXPECT_TRUE(std::isfinite(logit) && logit != 0.0F) << logit;
  }
  EXPECT_NE(reference->logits[0], reference->logits[1]);
  for (const int threads : {1, 2, 3}) {
    request.threads = threads;
    const auto again = testing::run_model(*os, request);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->logits, reference->logits) << threads << " threads";
  }
}

}  // namespace
}  // namespace plimsoll
