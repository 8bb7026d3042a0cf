#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace plimsoll::testing {

/// The shape of a random BERT classifier for tests.
struct TinyModel {
  std::int64_t hidden = 32;
  std::int64_t layers = 2;
  std::int64_t heads = 4;
  std::int64_t intermediate = 64;
  std::int64_t words = 40;  ///< vocabulary beyond the five special tokens: "w0", "w1", ...
  std::int64_t positions = 64;
  std::int64_t labels = 3;
  std::uint64_t seed = 1;
  std::string dtype = "F32";  ///< F32, F16 or BF16 in the file
};

/// Writes config.json, model.safetensors and vocab.txt into `folder`. Every weight is random, biases and norms included.
void write_tiny_model(const std::string& folder, const TinyModel& model);

/// "w3 w17 ...": `count` words of the model's vocabulary, one token each.
std::string tiny_text(const TinyModel& model, std::int64_t count, std::uint64_t seed);

}  // namespace plimsoll::testing
