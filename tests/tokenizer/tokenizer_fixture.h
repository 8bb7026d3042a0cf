#pragma once

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <plimsoll/tokenizer.h>
#include <nlohmann/json.hpp>

#include "memory/ledger.h"
#include "support/fake_os.h"

namespace plimsoll::testing {

using Json = nlohmann::ordered_json;

inline std::string fixture(const std::string& name) { return std::string(PLIMSOLL_SOURCE_DIR) + "/tests/fixtures/" + name; }

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// One JSON value a line.
inline std::vector<Json> read_lines(const std::string& path) {
  std::vector<Json> lines;
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path);
  for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
  return lines;
}

/// An added token of tokenizer.json with all of its keys, which are as in `changes`.
inline std::string added_token(const std::string& content, const std::string& changes = "{}") {
  Json token = {{"id", 0},         {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", false}};
  token.update(Json::parse(changes));
  return token.dump();
}

/// Opens tokenizers whose files are texts of the test.
class TokenizerTest : public ::testing::Test {
 protected:
  FakeOs os;
  Ledger ledger{"cpu", mib(256)};

  /// `others`: files that lie beside those.
  Result<Tokenizer> open(const std::string& tokenizer_json, const std::string& config = {},
                         const std::map<std::string, std::string>& others = {}) {
    os.files.clear();
    for (const auto& [name, text] : others) os.files["m/" + name] = text;
    os.files["m/tokenizer.json"] = tokenizer_json;
    if (!config.empty()) os.files["m/tokenizer_config.json"] = config;
    return Tokenizer::open(os, ledger, "m");
  }

  /// A tokenizer of tests/fixtures/.
  Tokenizer open_fixture(const std::string& name) {
    auto tokenizer = open(read_file(fixture(name + "/tokenizer.json")));
    if (!tokenizer.ok()) throw std::runtime_error(message(tokenizer.error()));
    return std::move(*tokenizer);
  }
};

/// Everything that an Encoding says, as a row of a fixture says it.
inline Json to_json(const Encoding& encoding) {
  Json out;
  out["ids"] = encoding.ids;
  out["type_ids"] = encoding.type_ids;
  out["special"] = encoding.special;
  out["attention"] = encoding.attention;
  out["tokens"] = Json::array();
  for (const auto& token : encoding.tokens) out["tokens"].push_back(std::string(token));
  out["offsets"] = Json::array();
  for (const TextSpan& span : encoding.offsets) out["offsets"].push_back({span.start, span.end});
  return out;
}

/// Encodes a row's text and compares with all that the row says; a row with an error must fail.
inline void expect_row(const Tokenizer& tokenizer, const Json& row,
                       EncodeOptions options = {.file_truncation = true, .file_padding = true}) {
  SCOPED_TRACE(row.at("text").dump().substr(0, 200));
  const std::string text = row.at("text");
  const std::string pair = row.contains("text_pair") ? row["text_pair"].get<std::string>() : "";
  options.keep_tokens = true;
  EncodeInput input{text};
  if (row.contains("text_pair")) input.pair = pair;
  const auto encoding = tokenizer.encode(input, options, std::pmr::new_delete_resource());
  ASSERT_EQ(encoding.ok(), !row.contains("error"));
  if (!encoding.ok()) return;
  const Json got = to_json(*encoding);
  for (const auto& [key, value] : got.items()) {
    if (row.contains(key)) {
      EXPECT_EQ(value, row[key]) << key;
    }
  }
  if (row.contains("decoded")) {
    EXPECT_EQ(Json(tokenizer.decode(encoding->ids, true)), row["decoded"]);
  }
  if (row.contains("decoded_with_special")) {
    EXPECT_EQ(Json(tokenizer.decode(encoding->ids, false)), row["decoded_with_special"]);
  }
  const auto count = tokenizer.count(input, options, std::pmr::new_delete_resource());
  ASSERT_TRUE(count.ok());
  EXPECT_EQ(*count, std::count(encoding->attention.begin(), encoding->attention.end(), 1));
}

}  // namespace plimsoll::testing
