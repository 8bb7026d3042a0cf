#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <plimsoll/model.h>

#include "device/step.h"

namespace plimsoll {

/// Most bytes that messages show of a text from a file, so that their reason is not cut off.
inline constexpr std::size_t kShownText = 120;

/// Tensor names of one normalisation or linear layer, without ".weight" and ".bias".
struct EncoderNames {
  std::string body;  ///< prefix of everything but the head: "bert."
  std::string word_embeddings;
  std::string position_embeddings;
  std::string type_embeddings;
  std::string embedding_norm;
  std::string layer;  ///< prefix of a layer before its number: "encoder.layer."
  std::string query, key, value, attention_output, attention_norm;
  std::string intermediate, output, output_norm;
  std::string pooler;
};

/// What a network is, as data: everything that a Program is made from.
struct ArchSpec {
  std::string family;  ///< config.json's model_type
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t positions = 0;  ///< rows of the position table
  std::int64_t types = 0;      ///< rows of the token type table
  Activation activation = Activation::gelu;
  float norm_epsilon = 0;
  float initializer_range = 0;  ///< standard deviation of a newly initialised head
  EncoderNames names;
  std::string classifier;  ///< tensor name of the head's last layer
  std::vector<std::string> labels;
  ScoreRule score_rule = ScoreRule::softmax;
  std::vector<std::string> surplus;  ///< prefixes of tensors of the body that no op needs; those outside of the body are other heads

  std::int64_t head_dim() const { return hidden_size / heads; }
};

}  // namespace plimsoll
