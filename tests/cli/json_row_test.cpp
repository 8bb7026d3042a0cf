#include "rows/json_row.h"

#include <gtest/gtest.h>

namespace plimsoll::cli {
namespace {

/// What became of a row, told apart from the reader.
struct Outcome {
  bool ok = false;
  std::string id;
  std::string text;
  std::optional<std::string> pair;
  std::string fault;  ///< what (where)
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome outcome_of(JsonRow& row) {
  const Status status = row.finish();
  Outcome outcome{status.ok(), std::string(row.id()), std::string(row.text()), std::nullopt, {}};
  if (row.pair()) outcome.pair = std::string(*row.pair());
  if (status.ok()) return outcome;
  EXPECT_EQ(status.error().code, ErrorCode::bad_row);
  outcome.fault = status.error().what + " (" + status.error().where + ")";
  return outcome;
}

Outcome read(std::string_view line, std::size_t piece = std::string_view::npos) {
  JsonRow row;
  for (std::size_t at = 0; at < line.size(); at += std::min(piece, line.size())) row.feed(line.substr(at, piece));
  return outcome_of(row);
}

Outcome good(std::string_view line) {
  const Outcome outcome = read(line);
  EXPECT_TRUE(outcome.ok) << line << ": " << outcome.fault;
  for (const std::size_t piece : {1U, 2U, 3U, 7U}) EXPECT_EQ(read(line, piece), outcome) << line << " in pieces of " << piece;
  return outcome;
}

std::string bad(std::string_view line) {
  const Outcome outcome = read(line);
  EXPECT_FALSE(outcome.ok) << line;
  for (const std::size_t piece : {1U, 2U, 3U, 7U}) EXPECT_FALSE(read(line, piece).ok) << line << " in pieces of " << piece;
  return outcome.fault;
}

bool accepts(const std::string& value) {
  const std::string line = R"({"text": "", "other": )" + value + "}";
  const bool ok = read(line).ok;
  EXPECT_EQ(ok ? good(line).fault : "", ok ? "" : bad(line).substr(0, 0));
  return ok;
}

std::string text_of(const std::string& inside) { return good("{\"text\": \"" + inside + "\"}").text; }

TEST(JsonRow, TakesWhatIsOutermost) {
  const Outcome row = good(
      R"({"meta": {"text": "no", "id": 3, "text_pair": "no", "text": 1}, "text": "yes", "list": ["text", {"text": "no", "id": [4, null]}]})");
  EXPECT_EQ(row.text, "yes");
  EXPECT_EQ(row.id, "");
  EXPECT_FALSE(row.pair.has_value());
}

TEST(JsonRow, KeysAreComparedUnescapedAndWhole) {
  const Outcome row = good(R"({"t\u0065xt": "a", "te": "b", "text_pair_and_more_than_that": 1, "text_pair ": 2, "": 3, "\u0069d": 4})");
  EXPECT_EQ(row.text, "a");
  EXPECT_EQ(row.id, "4");
  EXPECT_FALSE(row.pair.has_value());
  EXPECT_NE(bad(R"({"text\u0000": "a"})").find("no \"text\""), std::string::npos);
}

TEST(JsonRow, RefusesToChooseBetweenTwoOfAKind) {
  EXPECT_NE(bad(R"({"text": "a", "text": "a"})").find("\"text\" is given twice"), std::string::npos);
  EXPECT_NE(bad(R"({"text": "a", "text_pair": null, "text_pair": "b"})").find("\"text_pair\" is given twice"), std::string::npos);
  EXPECT_NE(bad(R"({"id": 1, "text": "a", "id": 1})").find("\"id\" is given twice"), std::string::npos);
  EXPECT_EQ(good(R"({"text": "a", "other": 1, "other": 2})").text, "a");
}

TEST(JsonRow, IdsAreEchoed) {
  for (const std::string id : {"1", "-7", "-0", "0.10", "1E+2", "1e999", "true", "false", "null", "\"x\"", "\"\"", "99999999999999999999"})
    EXPECT_EQ(good(R"({"text": "", "id": )" + id + "}").id, id);
  EXPECT_EQ(good(R"({"id": "\u00e9\n", "text": ""})").id, "\"\xC3\xA9\\n\"");
}

TEST(JsonRow, IdsAreBounded) {
  const std::string most(kLongestId, '7');
  EXPECT_EQ(good(R"({"text": "", "id": ")" + most + "\"}").id, "\"" + most + "\"");
  EXPECT_EQ(good(R"({"text": "", "id": )" + most + "}").id, most);
  for (const std::string& id : {most + "8", "\"" + most + "8\"", "1." + most, "\"\\u00e9" + most.substr(1) + "\""}) {
    const Outcome row = read(R"({"text": "", "id": )" + id + "}");
    EXPECT_NE(row.fault.find("longer than 4096 bytes"), std::string::npos) << row.fault;
    EXPECT_EQ(row.id, "");
  }
}

TEST(JsonRow, NullIsNoPairAndEmptyIsOne) {
  EXPECT_FALSE(good(R"({"text": "a", "text_pair": null})").pair.has_value());
  EXPECT_EQ(good(R"({"text": "a", "text_pair": ""})").pair, "");
  EXPECT_EQ(good(R"({"text_pair": "b", "text": "a"})").pair, "b");
}

TEST(JsonRow, UnescapesStrings) {
  EXPECT_EQ(text_of(R"(\" \\ \/ \b \f \n \r \t)"), "\" \\ / \b \f \n \r \t");
  EXPECT_EQ(text_of(R"(\u0041\u00e9\u4F60\uD83D\uDE00\uffff)"), "A\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80\xEF\xBF\xBF");
  EXPECT_EQ(text_of(R"(\ud800\udc00\uDBFF\uDFFF)"), "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
  EXPECT_EQ(text_of(R"(a\u0000b)"), std::string("a\0b", 3));
  EXPECT_EQ(text_of("\xC2\x80\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\x7F"), "\xC2\x80\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\x7F");
}

TEST(JsonRow, RefusesBadStrings) {
  for (const std::string inside : {R"(\x)", R"(\u12)", R"(\u12g4)", R"(\ud800)", R"(\udc00)", R"(\ud800\u0041)", R"(\ud800x)",
                                   R"(\ud800\n)", R"(\ud800\ud800\udc00)", R"(\U0041)", R"(\)"})
    EXPECT_FALSE(bad("{\"text\": \"" + inside + "\"}").empty());
  for (const std::string bytes :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
        "\xC3", "\xE4\xBD", "\xF0\x9F\x98", "\xC3(", "\xE4\xBD(", "\x1F", "\t", "\n"}) {
    EXPECT_FALSE(bad("{\"text\": \"a" + bytes + "\"}").empty());
    EXPECT_FALSE(bad("{\"text\": \"\", \"other\": [\"" + bytes + "\"]}").empty()) << "also where it is passed over";
    EXPECT_FALSE(bad("{\"text\": \"\", \"" + bytes + "\": 1}").empty());
  }
}

TEST(JsonRow, HoldsTheRestToTheGrammar) {
  for (const std::string value : {"0", "-0", "10", "1.5", "1e5", "1E-5", "0e+0", "-0.0e0", "123456789012345678901234567890", "[]", "{}",
                                  "[[],{}]", "[1, 2]", R"({"a": {"b": []}})", " null ", "true", "false", "\"\"", "\t1\r"})
    EXPECT_TRUE(accepts(value)) << value;
  for (const std::string value : {"",    "-",   "+1",   "01",  "-01",   "1.",      ".5",       "1.e5",      "1e",    "1e+",
                                  "0x1", "1 2", "NaN",  "nul", "nulll", "True",    "tru",      "[1,]",      "[,1]",  "[1 2]",
                                  "[1",  "]",   "[}",   "{]",  "{1:2}", "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{,}",   "{\"a\":1,}",
                                  "'a'", "1,",  "[1]]", "{}}", "\x0B",  "/**/1",   "Infinity", "-a",        "1e5.5", "--1"})
    EXPECT_FALSE(accepts(value)) << value;
}

TEST(JsonRow, FaultsAreNamedAndPlaced) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "the line is empty ()"},
      {" \t\r", "the line is empty ()"},
      {"{", "this is not JSON: the row ends too soon (byte 1)"},
      {"{\"text\": \"a\"} x", "this is not JSON: something follows the row (byte 14)"},
      {"\"a\"", "the row is not an object ()"},
      {"[1]", "the row is not an object ()"},
      {"nonsense", "the row is not an object ()"},
      {"{}", "the row has no \"text\" ()"},
      {R"({"text": null})", "\"text\" is not a string ()"},
      {R"({"text": {}})", "\"text\" is not a string ()"},
      {R"({"text": -1})", "\"text\" is not a string ()"},
      {R"({"text": "a", "text_pair": 1})", "\"text_pair\" is not a string ()"},
      {R"({"text": "a", "text_pair": true})", "\"text_pair\" is not a string ()"},
      {R"({"text": "a", "id": []})", "\"id\" is neither a string, a number, true, false nor null ()"},
      {R"({text: 1})", "this is not JSON: a key is missing (byte 1)"},
      {R"({"text" "a"})", "this is not JSON: a colon is missing (byte 8)"},
      {R"({"text": ?})", "this is not JSON: a value is missing (byte 9)"},
      {R"({"text": "a" "b"})", "this is not JSON: a comma or a closing bracket is missing (byte 13)"},
      {R"({"text": "a"])", "this is not JSON: the wrong bracket closes (byte 12)"},
      {R"({"a": 1.})", "this is not JSON: a number lacks a digit (byte 8)"},
      {R"({"a": nuxl})", "this is not JSON: there is no such word (byte 8)"},
      {"{\"text\": \"ab\xFF\"}", "this is not JSON: a string is not UTF-8 (byte 12)"},
      {"{\"text\": \"ab\n\"}", "this is not JSON: a control character stands in a string (byte 12)"},
      {R"({"text": "\q"})", "this is not JSON: there is no such escape (byte 11)"},
      {R"({"text": "\ud800"})", "this is not JSON: an escape is half of a surrogate pair (byte 16)"}};
  for (const auto& [line, says] : cases) EXPECT_EQ(bad(line), says) << line;
}

TEST(JsonRow, DepthIsBoundedAndCostsNoStack) {
  const auto nested = [](std::size_t depth, const char* open, const char* close) {
    std::string line = R"({"text": "under", "deep": )";
    for (std::size_t i = 0; i < depth; ++i) line += open;
    line += "1";
    for (std::size_t i = 0; i < depth; ++i) line += close;
    return line + "}";
  };
  for (const auto& [open, close] : {std::pair("[", "]"), std::pair("{\"a\":", "}"), std::pair("[{\"a\":", "}]")}) {
    const std::size_t a_step = std::string_view(open).starts_with("[{") ? 2 : 1;
    EXPECT_EQ(good(nested((kDeepestRow - 1) / a_step, open, close)).text, "under");
    EXPECT_NE(bad(nested(kDeepestRow, open, close)).find("nested more than 256 deep"), std::string::npos);
  }
  EXPECT_FALSE(read(nested(1'000'000, "[", "]"), 4096).ok);
}

TEST(JsonRow, TheBeginningOfAnIdIsNone) {
  for (const std::string value : {"01", "0x1", "-01", "1.5.2", "12a", "truex", "nullnull"}) {
    const Outcome row = read(R"({"id":)" + value + R"(,"text":"a"})");
    EXPECT_FALSE(row.ok) << value;
    EXPECT_EQ(row.id, "") << value;
  }
  EXPECT_EQ(read(R"({"id":0)").id, "") << "more may have followed";
  EXPECT_EQ(read(R"({"id":0,"text":1})").id, "0");
  EXPECT_EQ(read(R"({"id":true ,"text":1})").id, "true");
  EXPECT_EQ(read(R"({"id":"a")").id, "\"a\"");
  EXPECT_EQ(good(R"({"text":"a","id":-0.5e3})").id, "-0.5e3");
}

TEST(JsonRow, TextsThatAreTooLongAreToldApartFromFaults) {
  JsonRow row;
  row.set_longest(10);
  row.feed(R"({"other": "longer than ten bytes", "text": "\u00e9678", "text_pair": "12345", "id": 5})");
  EXPECT_TRUE(row.finish().ok());
  EXPECT_FALSE(row.too_long());
  row.clear();
  row.feed(R"({"text": "123456", "text_pair": "12345", "id": 6})");
  EXPECT_TRUE(row.finish().ok());
  EXPECT_TRUE(row.too_long());
  EXPECT_EQ(row.id(), "6") << "the rest is still read";
  row.clear();
  row.feed(R"({"text": "12345678901", "id": )");
  EXPECT_FALSE(row.finish().ok());
  row.clear();
  row.feed(R"({"text": "1"})");
  EXPECT_TRUE(row.finish().ok());
  EXPECT_FALSE(row.too_long());
}

TEST(JsonRow, ARowLeavesNothingBehind) {
  JsonRow row;
  for (const std::string_view before :
       {R"({"id": 1, "text": "a", "text_pair": "b"})", R"({"id": 1, "text": "\ud83d)", "[", R"({"a": 1.)", R"({"te)"}) {
    row.feed(before);
    (void)row.finish();
    row.clear();
    EXPECT_TRUE(row.blank());
    row.feed(R"({"text": "c"})");
    EXPECT_EQ(outcome_of(row), (Outcome{true, "", "c", std::nullopt, ""})) << before;
    row.clear();
  }
}

}  // namespace
}  // namespace plimsoll::cli
