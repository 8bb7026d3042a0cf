#pragma once

#include <span>

#include <plimsoll/model.h>

namespace plimsoll {

/// scores[i] from logits[i] by `rule`; softmax over all of them (max subtracted). Sizes are equal.
void score(ScoreRule rule, std::span<const float> logits, std::span<float> scores);

}  // namespace plimsoll
