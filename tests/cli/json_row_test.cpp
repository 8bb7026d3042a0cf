#include "json_row.h"

#include <gtest/gtest.h>

namespace plimsoll::cli {
namespace {

JsonRow good(std::string_view line) {
  JsonRow row;
  const Status status = read_json_row(line, row);
  EXPECT_TRUE(status.ok()) << line << ": " << (status.ok() ? "" : status.error().what);
  return row;
}

TEST(JsonRow, TakesWhatIsOutermost) {
  const JsonRow row =
      good(R"({"meta": {"text": "no", "id": 3, "text_pair": "no"}, "text": "yes", "list": ["text", {"text": "no", "id": 4}]})");
  EXPECT_EQ(row.text, "yes");
  EXPECT_EQ(row.id, "");
  EXPECT_FALSE(row.pair.has_value());
}

TEST(JsonRow, OfARepeatedKeyTheLastCounts) {
  EXPECT_EQ(good(R"({"text": "a", "text": "b"})").text, "b");
  EXPECT_FALSE(good(R"({"text": "a", "text_pair": "b", "text_pair": null})").pair.has_value());
}

TEST(JsonRow, IdsAreEchoed) {
  for (const char* id : {"1", "-7", "0.10", "true", "null", "\"x\"", "99999999999999999999"}) {
    EXPECT_EQ(good(std::string(R"({"text": "", "id": )") + id + "}").id, id);
  }
}

TEST(JsonRow, FaultsAreNamed) {
  const std::pair<const char*, const char*> cases[] = {{"", "empty"},
                                                       {"  ", "empty"},
                                                       {"{", "not JSON"},
                                                       {"{\"text\": \"a\"} x", "not JSON"},
                                                       {"\"a\"", "not an object"},
                                                       {"3", "not an object"},
                                                       {"[1]", "not an object"},
                                                       {"null", "not an object"},
                                                       {"{}", "no \"text\""},
                                                       {R"({"text": null})", "\"text\" is not"},
                                                       {R"({"text": {}})", "\"text\" is not"},
                                                       {R"({"text": "a", "text_pair": 1})", "\"text_pair\" is not"},
                                                       {R"({"text": "a", "id": []})", "\"id\" is neither"},
                                                       {"{\"text\": \"\xFF\"}", "not JSON"},
                                                       {R"({"text": "\ud800"})", "not JSON"},
                                                       {R"({"id": 1e999})", "out of range"}};
  for (const auto& [line, says] : cases) {
    JsonRow row;
    const Status status = read_json_row(line, row);
    ASSERT_FALSE(status.ok()) << line;
    EXPECT_EQ(status.error().code, ErrorCode::bad_row);
    EXPECT_NE(status.error().what.find(says), std::string::npos) << line << ": " << status.error().what;
  }
}

TEST(JsonRow, ARowLeavesNothingBehind) {
  JsonRow row;
  ASSERT_TRUE(read_json_row(R"({"id": 1, "text": "a", "text_pair": "b"})", row).ok());
  ASSERT_TRUE(read_json_row(R"({"text": "c"})", row).ok());
  EXPECT_EQ(row.id, "");
  EXPECT_FALSE(row.pair.has_value());
}

}  // namespace
}  // namespace plimsoll::cli
