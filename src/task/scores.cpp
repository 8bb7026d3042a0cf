#include "task/scores.h"

#include <algorithm>
#include <cmath>

namespace plimsoll {
namespace {

void softmax(std::span<const float> logits, std::span<float> scores) {
  const float highest = *std::max_element(logits.begin(), logits.end());
  float sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    scores[i] = std::exp(logits[i] - highest);
    sum += scores[i];
  }
  for (float& value : scores) value /= sum;
}

}  // namespace

void score(ScoreRule rule, std::span<const float> logits, std::span<float> scores) {
  switch (rule) {
    case ScoreRule::softmax: softmax(logits, scores); return;
    case ScoreRule::sigmoid:
      std::transform(logits.begin(), logits.end(), scores.begin(), [](float logit) { return 1.0F / (1.0F + std::exp(-logit)); });
      return;
    case ScoreRule::regression: std::copy(logits.begin(), logits.end(), scores.begin()); return;
  }
}

}  // namespace plimsoll
