#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command.h"
#include "support/build.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;

TEST(Tokenize, GivesTheTokensOfTheReference) {
  for (const std::string name : {"bert-cased", "bert-uncased"}) {
    const std::string folder = fixture("tokenizers/" + name);
    std::vector<json> expected;
    std::string input;
    std::istringstream lines(read_file(folder + "/expected.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      expected.push_back(json::parse(line));
      json row = {{"text", expected.back()["text"]}};
      if (expected.back().contains("text_pair")) row["text_pair"] = expected.back()["text_pair"];
      input += row.dump() + "\n";
    }
    const auto rows = run(Start{{"tokenize", folder, "--input", "-", "--jsonl", "--json"}, input, {}, false, {}}).rows();
    ASSERT_EQ(rows.size(), expected.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (const char* key : {"ids", "tokens", "offsets"}) EXPECT_EQ(rows[i][key], expected[i][key]) << expected[i]["text"];
      EXPECT_EQ(rows[i]["type_ids"].size(), rows[i]["ids"].size());
      EXPECT_EQ(rows[i]["index"], i);
    }
  }
}

TEST(Tokenize, AppliesTheFilesTruncationAndPaddingAndNeedsNothingElse) {
  json file = json::parse(read_file(fixture("models/bert") + "/tokenizer.json"));
  file["truncation"] = {{"direction", "Right"}, {"max_length", 4}, {"strategy", "LongestFirst"}, {"stride", 0}};
  file["padding"] = {{"strategy", {{"Fixed", 6}}}, {"direction", "Right"}, {"pad_to_multiple_of", nullptr}, {"pad_id", 0},
                     {"pad_type_id", 0},           {"pad_token", "[PAD]"}};
  const Folder folder;
  folder.write("tokenizer.json", file.dump());
  const json row = run({"tokenize", folder.path(), "I loved this film.", "--json"}).rows().at(0);
  const json whole = run({"tokenize", fixture("models/bert"), "I loved this film.", "--json"}).rows().at(0);
  EXPECT_EQ(whole["ids"].size(), 10U);
  EXPECT_EQ(row["ids"], (std::vector<int>{whole["ids"][0], whole["ids"][1], whole["ids"][2], whole["ids"][9], 0, 0}));
  EXPECT_EQ(row["tokens"][5], "[PAD]");
}

TEST(Tokenize, PrintsATable) {
  const Finished result = run({"tokenize", fixture("models/bert"), "a"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("[CLS]"), std::string::npos);
  EXPECT_NE(result.out.find("0-1"), std::string::npos);
}

/// A machine with little memory, as far as this process may tell.
TEST(Tokenize, RefusesARowOfMoreTokensThanThereIsMemoryFor) {
  if (plimsoll::testing::kSanitized) GTEST_SKIP() << "sanitizers take terabytes of addresses";
  const Folder folder;
  const std::string path = folder.write("a.txt", std::string(10'000'000, '!') + "\n" + std::string(100'000, '!') + "\n");
  const Finished result = run({"/bin/sh", "-c", R"(ulimit -v 500000; exec "$0" "$@")", PLIMSOLL_COMMAND, "tokenize", fixture("models/bert"),
                               "--input", path, "--json"});
  EXPECT_EQ(result.status, 1) << result.err;
  const auto rows = result.rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["error"]["code"], "bad_row");
  EXPECT_THAT(rows[0]["error"]["message"].get<std::string>(),
              ::testing::MatchesRegex(
                  "the tokens of this row of 9.54 MiB need more than the 4[0-9][0-9] MiB of memory that there are: split the text"));
  EXPECT_EQ(rows[1]["tokens"].size(), 100'002U);
}

TEST(Tokenize, GivesBackWhatALongRowTook) {
  if (plimsoll::testing::kSanitized) GTEST_SKIP() << "sanitizers take memory of their own";
  json file = json::parse(read_file(fixture("models/bert") + "/tokenizer.json"));
  file["added_tokens"][4]["lstrip"] = true;  // so that its string is as long as the white space before it
  const Folder folder;
  folder.write("tokenizer.json", file.dump());
  std::string row;
  for (int i = 0; i < 300'000; ++i) row += std::string(20, ' ') + "[MASK]";
  Process process(Start{{"tokenize", folder.path(), "--input", "-", "--json"}, {}, {}, false, "/dev/null"});
  process.write(row + "\n");
  const auto wait_for = [&](auto holds) {
    for (int i = 0; i < 2000; ++i) {
      if (holds(process.anonymous_bytes().value_or(0))) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  };
  EXPECT_TRUE(wait_for([](std::uint64_t bytes) { return bytes > 20'000'000; }));
  EXPECT_TRUE(wait_for([](std::uint64_t bytes) { return bytes < 5'000'000; }));
  EXPECT_EQ(process.wait().status, 0);
}

TEST(Tokenize, TablesAreHeadedByAllTextsAndPartedByALine) {
  const Finished result = run(Start{{"tokenize", fixture("models/bert"), "--input", "-", "--jsonl"},
                                    "bad\n{\"text\":\"a\",\"text_pair\":\"b c\"}\n{\"text\":\"d\"}\n",
                                    {},
                                    false,
                                    {}});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(result.out.starts_with("a\nb c\n     id  offsets")) << result.out;
  EXPECT_NE(result.out.find("\n\nd\n     id  offsets"), std::string::npos) << result.out;
}

TEST(Tokenize, ReportsBadRows) {
  const Finished result =
      run(Start{{"tokenize", fixture("models/bert"), "--input", "-", "--jsonl", "--json"}, "{\"text\": \"a\"}\nbad\n", {}, false, {}});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.rows().at(1)["error"]["code"], "bad_row");
}

}  // namespace
}  // namespace plimsoll::test
