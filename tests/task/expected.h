// What transformers answers for a model of tests/fixtures, and how far an answer is from it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/run_model.h"

namespace plimsoll::testing {

/// The cases of an expected.json.
struct Expected {
  std::vector<Text> texts;
  std::vector<std::vector<std::int32_t>> ids;
  std::vector<std::vector<double>> logits;
  std::vector<std::vector<double>> logits_bfloat16;  ///< empty where they were not recorded
};

/// Of a folder under tests/fixtures.
inline Expected read_expected(const std::string& folder) {
  std::ifstream file(std::string(PLIMSOLL_SOURCE_DIR) + "/tests/fixtures/" + folder + "/expected.json");
  const nlohmann::json root = nlohmann::json::parse(file);
  Expected expected;
  for (const auto& c : root.at("cases")) {
    Text text{c.at("text").get<std::string>()};
    if (c.contains("text_pair")) text.pair = c.at("text_pair").get<std::string>();
    expected.texts.push_back(text);
    expected.ids.push_back(c.at("input_ids").get<std::vector<std::int32_t>>());
    expected.logits.push_back(c.at("outputs").at("logits").get<std::vector<double>>());
    if (c.contains("logits_bfloat16")) expected.logits_bfloat16.push_back(c.at("logits_bfloat16").get<std::vector<double>>());
  }
  return expected;
}

/// The largest difference, beside 1 or what is wanted where that is more; infinite where logits are missing or too few to mean anything.
template <typename Want>
double worst(const std::vector<std::vector<float>>& got, const std::vector<std::vector<Want>>& want) {
  double largest = got.size() == want.size() && got.size() >= 10 ? 0 : HUGE_VAL;
  for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    for (std::size_t j = 0; j < want[i].size(); ++j)
      largest = std::max(largest, std::abs(double{got[i][j]} - want[i][j]) / (1 + std::abs(double{want[i][j]})));
  }
  return largest;
}

}  // namespace plimsoll::testing
