// Answers of transformers, recorded with the checkpoints (tests/fixtures/README.md).
#include <gtest/gtest.h>

#include <cmath>

#include "support/run_model.h"
#include "task/expected.h"

namespace plimsoll {
namespace {

using testing::Expected;
using testing::read_expected;
using testing::run_model;
using testing::RunResult;
using testing::worst;

struct Case {
  std::string model;     // under tests/fixtures
  std::string expected;  // folder of expected.json
};

class Oracle : public ::testing::TestWithParam<Case> {
 protected:
  RunResult run(const Expected& expected, ElementType dtype) {
    Gate gate;
    const auto os = make_os(gate);
    auto result = run_model(*os, {.model = std::string(PLIMSOLL_SOURCE_DIR) + "/tests/fixtures/" + GetParam().model,
                                  .texts = expected.texts,
                                  .max_length = 128,
                                  .policy = {.dtype = dtype}});
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : message(result.error()));
    return result.ok() ? *result : RunResult{};
  }
};

TEST_P(Oracle, Float32AgreesWithTransformers) {
  const Expected expected = read_expected(GetParam().expected);
  ASSERT_GE(expected.texts.size(), 10U);
  const RunResult result = run(expected, ElementType::float32);
  EXPECT_EQ(result.ids, expected.ids);
  ASSERT_EQ(result.logits.size(), expected.logits.size());
  EXPECT_LE(worst(result.logits, expected.logits), 2e-4);
}

class OracleInBfloat16 : public Oracle {};

TEST_P(OracleInBfloat16, IsAsNearAsTransformersOwn) {
  const Expected expected = read_expected(GetParam().expected);
  ASSERT_EQ(expected.logits_bfloat16.size(), expected.logits.size());
  const RunResult result = run(expected, ElementType::bfloat16);
  ASSERT_EQ(result.logits.size(), expected.logits.size());
  double theirs = 0;
  double ours = 0;
  for (std::size_t i = 0; i < expected.logits.size(); ++i) {
    for (std::size_t j = 0; j < expected.logits[i].size(); ++j) {
      theirs = std::max(theirs, std::abs(expected.logits_bfloat16[i][j] - expected.logits[i][j]));
      ours = std::max(ours, std::abs(double{result.logits[i][j]} - expected.logits[i][j]));
    }
  }
  EXPECT_LE(ours, 1.5 * theirs + 1e-3);
}

std::string test_name(const ::testing::TestParamInfo<Case>& parameter) {
  std::string name = parameter.param.model;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

const Case kBert{"models/bert", "models/bert"};
const Case kMultiLabel{"models/bert-relu-multilabel", "models/bert-relu-multilabel"};
const Case kRegression{"models/bert-regression", "models/bert-regression"};
const Case kDoubles{"variants/f64", "models/bert"};
const Case kShards{"variants/sharded", "models/bert"};
const Case kVocabulary{"variants/vocab-txt", "models/bert"};
const Case kTorch{"variants/bin", "models/bert"};
const Case kTorchLegacy{"variants/bin-legacy", "models/bert"};
const Case kTorchParameters{"variants/bin-parameters", "models/bert"};
const Case kTorchStrided{"variants/bin-strided", "models/bert"};
const Case kTorchShards{"variants/sharded-bin", "models/bert"};
// These have answers of their own, of the rounded weights, and none in bfloat16.
const Case kBfloat16{"variants/bf16", "variants/bf16"};
const Case kFloat16{"variants/f16", "variants/f16"};

INSTANTIATE_TEST_SUITE_P(Fixtures, Oracle,
                         ::testing::Values(kBert, kMultiLabel, kRegression, kBfloat16, kFloat16, kDoubles, kShards, kVocabulary, kTorch,
                                           kTorchLegacy, kTorchParameters, kTorchStrided, kTorchShards),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Fixtures, OracleInBfloat16, ::testing::Values(kBert, kMultiLabel, kRegression, kDoubles, kShards, kVocabulary),
                         test_name);

}  // namespace
}  // namespace plimsoll
