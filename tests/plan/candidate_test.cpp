#include "plan/candidates/candidate.h"

#include <gtest/gtest.h>

#include "all_candidates.h"

namespace plimsoll {
namespace {

Program two_blocks() {
  Program program;
  program.blocks = {{"first", {}}, {"second", {}}};
  return program;
}

std::vector<Candidate> list(const Workload& workload, const Policy& policy = {}, ElementType stored = ElementType::float32,
                            bool native = false) {
  Binding binding;
  binding.stored_type = stored;
  return candidates(two_blocks(), binding, workload, policy, native);
}

Workload workload(std::int64_t longest, std::int64_t batch, std::int64_t texts = 0, std::int64_t total = 0) {
  Workload w;
  w.longest = longest;
  w.batch_size = batch;
  w.texts = texts;
  w.total_tokens = total;
  return w;
}

TEST(Candidates, ABatchIsHalvedDownToOneText) {
  const auto found = list(workload(128, 8));
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].tokens_per_pass, 1024);
  EXPECT_EQ(found[0].texts_per_pass, 8);
  EXPECT_FALSE(found[0].microbatch);
  EXPECT_EQ(found[3].tokens_per_pass, 128);
  EXPECT_TRUE(found[3].microbatch);
}

TEST(Candidates, OfAHugeBatchFewSizesAreTriedAboveThoseThatAreFastAlready) {
  EXPECT_EQ(list(workload(128, 1024)).size(), 11U) << "halved ten times";
  const auto found = list(workload(128, 1000000));
  EXPECT_LE(found.size(), 14U);
  EXPECT_EQ(found.front().texts_per_pass, 1000000);
  EXPECT_EQ(found.back().texts_per_pass, 1);
  for (std::size_t i = 1; i < found.size(); ++i) EXPECT_LT(found[i].texts_per_pass, found[i - 1].texts_per_pass);
  EXPECT_EQ(list(workload(1 << 20, 5)).back().texts_per_pass, 1) << "also where one text is as long as many";
}

TEST(Candidates, ForbiddingMicrobatchKeepsTheBatch) {
  Policy policy;
  policy.forbid = {Rung::microbatch};
  const auto found = list(workload(128, 8), policy);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].texts_per_pass, 8);
}

TEST(Candidates, AnAutomaticPassIsNeverBelowTheLongestTextNorAMicrobatch) {
  for (const Candidate& candidate : list(workload(300, 0))) {
    EXPECT_GE(candidate.tokens_per_pass, 300);
    EXPECT_FALSE(candidate.microbatch);
  }
  EXPECT_EQ(list(workload(300, 0)).back().tokens_per_pass, 300);
}

TEST(Candidates, APassHoldsNoMoreThanThereIs) {
  const auto found = list(workload(20, 0, 3, 50));
  EXPECT_EQ(found.front().tokens_per_pass, 50);
  EXPECT_EQ(found.front().texts_per_pass, 3);
  const auto short_ones = list(workload(3, 0, 10, 30));
  EXPECT_EQ(short_ones.front().tokens_per_pass, 30);
  EXPECT_EQ(short_ones.front().texts_per_pass, 10) << "one pass, not ten";
  for (const std::int64_t longest : {1, 3, 10, 20}) {
    for (const Candidate& candidate : list(workload(longest, 0, 60'000, 60'000 * longest)))
      EXPECT_LE(candidate.tokens_per_pass, candidate.texts_per_pass * longest);
  }
}

TEST(Candidates, PrecisionIsNarrowedOnlyByPermission) {
  for (const Candidate& candidate : list(workload(8, 1))) EXPECT_EQ(candidate.storage, ElementType::float32);
  Policy allow;
  allow.allow = {Rung::bfloat16};
  const auto found = list(workload(8, 1), allow);
  ASSERT_EQ(found.size(), 3U);  // wide, one block narrow, both narrow
  EXPECT_EQ(found[0].loss, 0);
  EXPECT_LT(found[1].loss, found[2].loss);
  EXPECT_EQ(block_storage(found[1], 0, 2), ElementType::float32);
  EXPECT_EQ(block_storage(found[1], 1, 2), ElementType::bfloat16);
  allow.forbid = {Rung::bfloat16};
  EXPECT_EQ(list(workload(8, 1), allow).size(), 1U);
}

TEST(Candidates, WideningIsFreeAndMayKeepTheNarrowFile) {
  Policy wide;
  wide.dtype = ElementType::float32;
  const auto found = list(workload(8, 1), wide, ElementType::float16);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].storage, ElementType::float32);
  EXPECT_EQ(found[1].storage, ElementType::float16);
  EXPECT_EQ(found[1].compute, ElementType::float32);
  EXPECT_EQ(found[1].loss, 0);
}

TEST(ChoosePrecision, FollowsTheFileAndTheProcessor) {
  const auto pair = [](Precision p) { return std::pair(p.storage, p.compute); };
  using enum ElementType;
  EXPECT_EQ(pair(choose_precision({}, bfloat16, true)), std::pair(bfloat16, bfloat16));
  EXPECT_EQ(pair(choose_precision({}, bfloat16, false)), std::pair(bfloat16, float32));
  EXPECT_EQ(pair(choose_precision({}, float16, true)), std::pair(float16, float32));
  EXPECT_EQ(pair(choose_precision({}, float64, true)), std::pair(float32, float32));
  EXPECT_EQ(pair(choose_precision(float32, bfloat16, true)), std::pair(float32, float32));
}

}  // namespace
}  // namespace plimsoll
