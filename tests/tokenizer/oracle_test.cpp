// Answers of the Python packages `tokenizers` and `transformers` for the same files and texts.
#include "tokenizer/tokenizer_fixture.h"

namespace plimsoll::testing {
namespace {

class TokenizerOracle : public TokenizerTest {
 protected:
  void check_lines(const std::string& tokenizer_folder, const std::string& file, std::size_t at_least) {
    const Tokenizer tokenizer = open_fixture(tokenizer_folder);
    const auto rows = read_lines(fixture(file));
    EXPECT_GE(rows.size(), at_least);
    for (const Json& row : rows) expect_row(tokenizer, row);
  }
};

TEST_F(TokenizerOracle, Uncased) { check_lines("tokenizers/bert-uncased", "tokenizers/bert-uncased/expected.jsonl", 100); }
TEST_F(TokenizerOracle, Cased) { check_lines("tokenizers/bert-cased", "tokenizers/bert-cased/expected.jsonl", 100); }
TEST_F(TokenizerOracle, HardCasesUncased) { check_lines("tokenizers/bert-uncased", "tokenizers/hard-cases-uncased.jsonl", 150); }
TEST_F(TokenizerOracle, HardCasesCased) { check_lines("tokenizers/bert-cased", "tokenizers/hard-cases-cased.jsonl", 150); }

TEST_F(TokenizerOracle, ModelsGetTheirInputIds) {
  std::size_t checked = 0;
  for (const char* name : {"bert", "bert-regression", "bert-relu-multilabel"}) {
    const Tokenizer tokenizer = open_fixture(std::string("models/") + name);
    const Json expected = Json::parse(read_file(fixture(std::string("models/") + name + "/expected.json")));
    for (const Json& row : expected.at("cases")) {
      const std::string text = row.at("text");
      const std::string pair = row.value("text_pair", "");
      EncodeInput input{text};
      if (row.contains("text_pair")) input.pair = pair;
      const auto encoding =
          tokenizer.encode(input, {.max_length = expected.at("max_length").get<std::int64_t>()}, std::pmr::new_delete_resource());
      ASSERT_TRUE(encoding.ok());
      EXPECT_EQ(Json(encoding->ids), row.at("input_ids"));
      if (row.contains("token_type_ids")) {
        EXPECT_EQ(Json(encoding->type_ids), row.at("token_type_ids"));
      }
      ++checked;
    }
  }
  EXPECT_GE(checked, 30U);
}

/// Other parts over a small vocabulary.
TEST_F(TokenizerOracle, Parts) {
  const Json parts = Json::parse(read_file(fixture("tokenizers/parts.json")));
  Json vocabulary = Json::object();
  for (const Json& token : parts.at("vocabulary")) vocabulary[token.get<std::string>()] = vocabulary.size();
  EXPECT_GE(parts.at("cases").size(), 22U);
  for (const Json& part : parts.at("cases")) {
    SCOPED_TRACE(part.at("name").get<std::string>());
    Json file = part.at("sections");
    file["version"] = "1.0";
    file["model"]["vocab"] = vocabulary;
    const auto tokenizer = open(file.dump());
    ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
    for (const Json& row : part.at("rows")) expect_row(*tokenizer, row);
  }
}

TEST_F(TokenizerOracle, TruncationAndPadding) {
  Json file = Json::parse(read_file(fixture("tokenizers/bert-uncased/tokenizer.json")));
  std::size_t failures = 0;
  for (const Json& section : Json::parse(read_file(fixture("tokenizers/truncation.json")))) {
    SCOPED_TRACE(section.at("truncation").dump() + section.at("padding").dump());
    file["truncation"] = section.at("truncation");
    file["padding"] = section.at("padding");
    const auto tokenizer = open(file.dump());
    ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
    EXPECT_TRUE(tokenizer->has_file_truncation());
    EXPECT_EQ(tokenizer->has_file_padding(), !section.at("padding").is_null());
    for (const Json& row : section.at("rows")) {
      expect_row(*tokenizer, row);
      failures += row.contains("error") ? 1 : 0;
    }
  }
  EXPECT_GE(failures, 20U);  // the fixture also holds what cannot be truncated
}

TEST_F(TokenizerOracle, VocabTxt) {
  for (const Json& variant : Json::parse(read_file(fixture("tokenizers/vocab-txt.json")))) {
    SCOPED_TRACE(variant.at("config").dump());
    os.files.clear();
    os.files["m/vocab.txt"] = variant.at("vocab_txt");
    os.files["m/tokenizer_config.json"] = variant.at("config").dump();
    const auto tokenizer = Tokenizer::open(os, ledger, "m");
    ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
    EXPECT_EQ(tokenizer->model_max_length(), 128);
    for (const Json& row : variant.at("rows")) expect_row(*tokenizer, row);
  }
}

TEST_F(TokenizerOracle, VocabTxtOfTheVariant) {
  os.files["m/vocab.txt"] = read_file(fixture("variants/vocab-txt/vocab.txt"));
  os.files["m/tokenizer_config.json"] = read_file(fixture("variants/vocab-txt/tokenizer_config.json"));
  const auto tokenizer = Tokenizer::open(os, ledger, "m");
  ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
  for (const Json& row : read_lines(fixture("tokenizers/bert-uncased/expected.jsonl"))) expect_row(*tokenizer, row);
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

/// Added tokens and what they look at to their left and right, in texts that Python has replaced and that are given here as they are.
TEST_F(TokenizerOracle, IllFormedTexts) {
  std::size_t rows = 0;
  for (const Json& part : Json::parse(read_file(fixture("tokenizers/ill-formed-texts.json")))) {
    const auto tokenizer = open(part.at("file").dump());
    ASSERT_TRUE(tokenizer.ok()) << message(tokenizer.error());
    for (const Json& row : part.at("rows")) {
      const std::string text = from_hex(row.at("hex"));
      const auto encoding = tokenizer->encode({text}, {}, std::pmr::new_delete_resource());
      ASSERT_TRUE(encoding.ok()) << message(encoding.error());
      const Json got = to_json(*encoding);
      EXPECT_EQ(got["ids"], row.at("ids")) << part.at("file")["added_tokens"] << row.at("hex");
      EXPECT_EQ(got["offsets"], row.at("offsets")) << part.at("file")["added_tokens"] << row.at("hex");
      ++rows;
    }
  }
  EXPECT_GE(rows, 300U);
}

TEST(Utf8, ReplacesAsPythonDoes) {
  std::size_t well_formed = 0;
  for (const Json& sample : Json::parse(read_file(fixture("tokenizers/ill-formed-utf8.json")))) {
    const std::string hex = sample.at("hex");
    const std::string bytes = from_hex(hex);
    std::pmr::string replaced;
    utf8_replace(bytes, replaced);
    EXPECT_EQ(std::string(replaced), sample.at("replaced").get<std::string>()) << hex;
    EXPECT_EQ(is_utf8(bytes), std::string_view(replaced) == bytes) << hex;
    well_formed += is_utf8(bytes) ? 1 : 0;
  }
  EXPECT_GE(well_formed, 10U);
}

}  // namespace
}  // namespace plimsoll::testing
