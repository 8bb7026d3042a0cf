#include "json/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/recorder.h"
#include "support/fake_os.h"

namespace plimsoll {
namespace {

using ::testing::HasSubstr;
using testing::Recorder;

// The events of `text`, or "error: ..."; both from memory and through a file, which must agree.
std::string events(const std::string& text, const JsonLimits& limits = {}) {
  Recorder memory;
  const Status from_memory = read_json(text, "t.json", limits, memory);
  testing::FakeOs os;
  os.files["t.json"] = "<<<" + text + ">>>";
  auto file = os.open("t.json");
  Recorder streamed;
  const Status from_file = read_json(**file, 3, text.size(), limits, streamed);
  EXPECT_EQ(from_memory.ok(), from_file.ok());
  EXPECT_EQ(memory.log, streamed.log);
  if (from_memory.ok()) return memory.log;
  EXPECT_EQ(from_memory.error().code, from_file.error().code);
  return std::string(error_code_name(from_memory.error().code)) + ": " + message(from_memory.error());
}

TEST(JsonReader, GivesEventsInFileOrder) {
  EXPECT_EQ(events(R"( {"a" : [1, -2, 0.5, 1e2, true, false, null, "x"], "b":{}, "c":[]} )"),
            "{ a: [ u1 i-2 d0.500000 d100.000000 true false null |x| ] b: { } c: [ ] }");
  EXPECT_EQ(events("7"), "u7");
  EXPECT_EQ(events(R"("a\n\u00e9\ud83d\ude00\/")"), "|a\n\xC3\xA9\xF0\x9F\x98\x80/|");
  EXPECT_EQ(events("[[[]]]\n\n\t \r\n"), "[ [ [ ] ] ]");
  EXPECT_EQ(events(R"({"a":1,"a":2})"), "{ a: u1 a: u2 }");
}

TEST(JsonReader, KeepsIntegersExactAndTellsThemFromNumbers) {
  EXPECT_EQ(events("18446744073709551615"), "u18446744073709551615");
  EXPECT_EQ(events("18446744073709551616"), "d18446744073709551616.000000");
  EXPECT_EQ(events("-9223372036854775808"), "i-9223372036854775808");
  EXPECT_EQ(events("-9223372036854775809"), "d-9223372036854775808.000000");
  EXPECT_EQ(events("[-0,0,1.0]"), "[ i0 u0 d1.000000 ]");
  EXPECT_EQ(events("1e-999"), "d0.000000");
}

TEST(JsonReader, WhiteSpaceIsKeptInsideOfStringsOnly) {
  EXPECT_EQ(events("[ \n 1 \t\t , \"a  b\\\"  c\"  ,  2 ]"), "[ u1 |a  b\"  c| u2 ]");
  EXPECT_THAT(events("[1   2]"), HasSubstr("corrupt_file"));
  EXPECT_THAT(events("[tr   ue]"), HasSubstr("corrupt_file"));
}

TEST(JsonReader, RefusesWhatIsNoStrictJson) {
  const std::vector<std::string> cases = {
      "",
      " ",
      "{",
      "[",
      "]",
      "}",
      "[1,]",
      "{\"a\":1,}",
      "{\"a\"}",
      "{\"a\":}",
      "{a:1}",
      "{1:2}",
      "[1 2]",
      "[,1]",
      "nul",
      "tru",
      "True",
      "NaN",
      "[NaN]",
      "Infinity",
      "-Infinity",
      "+1",
      "01",
      "-",
      "1.",
      ".5",
      "1e",
      "0x10",
      "1e999",
      "-1e999",
      "'a'",
      "\"a",
      "\"\\x\"",
      "\"\\u12\"",
      "\"\\ud800\"",
      "\"\\udc00\"",
      "\"\\ud800\\u0041\"",
      "\"\t\"",
      "\"\n\"",
      "[1]]",
      "[1][2]",
      "1 2",
      "{} x",
      "/*c*/1",
      "//c\n1",
      "\xEF\xBB\xBF{}",
      "\"\xFF\"",
      "\"\xC0\x80\"",
      "\"\xED\xA0\x80\"",
      "\"\xF4\x90\x80\x80\"",
      "\"\xE2\x82\"",
      "\xC2\xA0"
      "1",
      std::string("{}\0", 3),
      std::string("\0{}", 3),
      std::string("{}\0garbage", 10),
      std::string("\"a\0b\"", 5),
      std::string("[1\0]", 4),
  };
  for (const std::string& text : cases) {
    SCOPED_TRACE(printable(text));
    EXPECT_THAT(events(text), AllOf(HasSubstr("corrupt_file: not valid JSON"), HasSubstr("t.json at byte ")));
  }
}

TEST(JsonReader, NamesTheByteInTheFile) {
  EXPECT_THAT(events("[1, 2,\n   x]"), HasSubstr("(t.json at byte 11)"));
  testing::FakeOs os;
  os.files["f"] = std::string(1000, '#') + "[1, 2,\n   x]";
  auto file = os.open("f");
  Recorder recorder;
  const Status status = read_json(**file, 1000, 12, {}, recorder);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().where, HasSubstr("f at byte 1011"));
}

TEST(JsonReader, EveryPrefixOfATextFails) {
  const std::string text = R"({"a":[1,-2.5e3,true,null,"\u00e9\\"],"b":{"c":"d"}})";
  for (std::size_t length = 0; length < text.size(); ++length)
    EXPECT_THAT(events(text.substr(0, length)), HasSubstr("corrupt_file")) << length;
  EXPECT_THAT(events(text), HasSubstr("|d|"));
}

TEST(JsonReader, DepthIsBounded) {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_EQ(events(nested(3), {.depth = 3}), "[ [ [ ] ] ]");
  EXPECT_THAT(events(nested(4), {.depth = 3}), HasSubstr("JSON nested deeper than 3 levels"));
  EXPECT_EQ(events("[[],[],{}]", {.depth = 2}), "[ [ ] [ ] { } ]");
}

// On a thread of 512 KiB: a reader that recursed would overflow its stack.
TEST(JsonReader, DepthNeedsNoStack) {
  Gate gate;
  const auto os = make_os(gate);
  std::string outcome;
  {
    const auto thread = os->start_thread([&] {
      Recorder recorder;
      const Status status = read_json(std::string(1'000'000, '['), "deep", {.depth = 2'000'000}, recorder);
      outcome = status.ok() ? "accepted" : message(status.error());
    });
    ASSERT_TRUE(thread.ok());
  }
  EXPECT_THAT(outcome, HasSubstr("deep at byte 1000000"));
}

TEST(JsonReader, TokensAreBounded) {
  const JsonLimits limits{.token = 100};
  EXPECT_THAT(events('"' + std::string(98, 'a') + '"', limits), HasSubstr("aaa|"));
  EXPECT_THAT(events('"' + std::string(120, 'a') + '"', limits), HasSubstr("a JSON token longer than 100 B"));
  EXPECT_THAT(events("{\"" + std::string(120, 'a') + "\":1}", limits), HasSubstr("longer than"));
  EXPECT_THAT(events(std::string(120, '1'), limits), HasSubstr("longer than"));
  EXPECT_THAT(events("[" + std::string(3000, ' ') + "]", limits), "[ ]");
  std::string flags = "[true";
  for (int i = 0; i < 100; ++i) flags += ",true";
  EXPECT_THAT(events(flags + "]", limits), HasSubstr("longer than"));
  std::string numbers = "[0";
  for (int i = 0; i < 100; ++i) numbers += ",12,\"a\"";
  EXPECT_THAT(events(numbers + "]", limits), HasSubstr("|a| ]"));
}

TEST(JsonReader, EveryNumberBeginsATokenOfItsOwn) {
  for (const char* one : {"1", "-1", "1.5", "-1.5", "-1e-5"}) {
    std::string list = "[";
    for (int i = 0; i < 100; ++i) list += (i == 0 ? "" : ",") + std::string(one);
    EXPECT_THAT(events(list + "]", {.token = 16}), ::testing::EndsWith(" ]")) << one;
  }
}

TEST(JsonReader, EndsWhenItIsToldTo) {
  CancelToken cancel;
  EXPECT_EQ(events("[1]", {.cancel = &cancel}), "[ u1 ]");
  cancel.cancel();
  EXPECT_THAT(events("[1]", {.cancel = &cancel}), HasSubstr("cancelled: stopped on request"));
}

TEST(JsonReader, TheHandlerMayStopAtAnyEvent) {
  const std::string text = R"({"a":[1,-2,0.5,true,null,"x"],"b":{}})";
  for (std::size_t n = 1; n <= 14; ++n) {
    Recorder recorder;
    recorder.refuse_after = n;
    const Status status = read_json(text, "t.json", {}, recorder);
    ASSERT_FALSE(status.ok()) << n;
    EXPECT_EQ(status.error().code, ErrorCode::unsupported);
    EXPECT_EQ(recorder.events, n);
    EXPECT_THAT(status.error().where, HasSubstr("t.json at byte "));
  }
}

TEST(JsonReader, TextsLongerThanTheBufferAreTheSame) {
  std::string text = "[";
  for (int i = 0; i < 30000; ++i)
    text += (i == 0 ? "" : " ,  ") + std::string("\"e\xC3\xA9 ") + std::to_string(i) + "\"," + std::to_string(i);
  text += "]";
  ASSERT_GT(text.size(), std::size_t{300'000});
  EXPECT_THAT(events(text), HasSubstr("|e\xC3\xA9 29999| u29999 ]"));
}

TEST(JsonReader, AReadErrorIsReported) {
  testing::FakeOs os;
  os.files["f"] = "[" + std::string(200'000, ' ') + "]";
  auto file = os.open("f");
  for (std::uint64_t n = 1; n <= 4; ++n) {
    os.gate().refuse({.ordinal = n});
    Recorder recorder;
    const Status status = read_json(**file, 0, (*file)->size(), {}, recorder);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::io);
  }
  Recorder recorder;
  const Status beyond = read_json(**file, 0, (*file)->size() + 1, {}, recorder);
  ASSERT_FALSE(beyond.ok());
  EXPECT_EQ(beyond.error().code, ErrorCode::corrupt_file);
}

}  // namespace
}  // namespace plimsoll
