#include "json/json_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_os.h"

namespace plimsoll {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

JsonDocument parse(const std::string& text) {
  auto document = JsonDocument::parse(text, "config.json");
  EXPECT_TRUE(document.ok()) << message(document.error());
  return std::move(document).value();
}

std::string parse_error(const std::string& text) {
  const auto document = JsonDocument::parse(text, "config.json");
  return document.ok() ? "accepted" : message(document.error());
}

template <typename T>
std::string error_of(const Result<T>& result) {
  if (result.ok()) return "accepted";
  EXPECT_EQ(result.error().code, ErrorCode::corrupt_file);
  return message(result.error());
}

TEST(JsonDocument, ReadsTypedValues) {
  const JsonDocument document = parse(R"({"n":768,"e":1e-12,"i":2,"s":"gelu","b":true,"z":null,"o":{"p":[1,"x"]}})");
  const JsonValue root = document.root();
  EXPECT_EQ(*root.get_int("n", 1, 1000), 768);
  EXPECT_EQ(*root.get_number("e"), 1e-12);
  EXPECT_EQ(*root.get_number("i"), 2.0);
  EXPECT_EQ(*root.get_string("s"), "gelu");
  EXPECT_TRUE(*root.get_bool("b"));
  EXPECT_EQ(root.get_object("o")->get_array("p")->size(), 2U);
  EXPECT_EQ(root.size(), 7U);
}

TEST(JsonDocument, OptionalValuesMayBeAbsentOrNullButNotOfAnotherType) {
  const JsonDocument document = parse(R"({"z":null,"n":3,"s":"x","o":{},"a":[],"b":false,"d":0.5})");
  const JsonValue root = document.root();
  EXPECT_EQ(*root.optional_int("none", 0, 9), std::nullopt);
  EXPECT_EQ(*root.optional_int("z", 0, 9), std::nullopt);
  EXPECT_EQ(*root.optional_int("n", 0, 9), 3);
  EXPECT_EQ(*root.optional_number("d"), 0.5);
  EXPECT_FALSE(*root.bool_or("b", true));
  EXPECT_TRUE(*root.bool_or("z", true));
  EXPECT_FALSE(*root.bool_or("none", false));
  EXPECT_EQ(*root.optional_string("s"), "x");
  EXPECT_TRUE(root.optional_object("o")->has_value());
  EXPECT_TRUE(root.optional_array("a")->has_value());
  EXPECT_FALSE(root.optional_array("z")->has_value());
  EXPECT_THAT(error_of(root.optional_int("s", 0, 9)), HasSubstr("config.json: s"));
  EXPECT_THAT(error_of(root.optional_number("s")), HasSubstr("a number belongs"));
  EXPECT_THAT(error_of(root.bool_or("n", true)), HasSubstr("true or false belongs"));
  EXPECT_THAT(error_of(root.optional_string("n")), HasSubstr("3 where a text belongs"));
  EXPECT_THAT(error_of(root.optional_object("a")), HasSubstr("a list where an object belongs"));
  EXPECT_THAT(error_of(root.optional_array("o")), HasSubstr("an object where a list belongs"));
}

TEST(JsonDocument, ErrorsNameFileAndPathOfTheKey) {
  const JsonDocument document = parse(R"({"rope":{"factors":[1,{"x":"12"}],"line\nend":1}})");
  const JsonValue rope = *document.root().get("rope");
  EXPECT_THAT(error_of(rope.get_int("type", 0, 1)), HasSubstr("the key \"type\" is missing (config.json: rope)"));
  JsonValue last = rope;
  const JsonValue factors = *rope.get("factors");
  for (const JsonValue child : factors.children()) last = child;
  EXPECT_THAT(error_of(last.get_int("x", 0, 100)),
              HasSubstr("the text \"12\" where an integer from 0 to 100 belongs (config.json: rope.factors[1].x)"));
  EXPECT_THAT(error_of(rope.get_string("line\nend")), HasSubstr("rope.line"));
  EXPECT_THAT(error_of(factors.get_int("x", 0, 1)), HasSubstr("a list where an object belongs"));
  EXPECT_EQ(document.root().where(), "config.json");
}

TEST(JsonDocument, IntegersAreBoundedAndNeverRounded) {
  const JsonDocument document =
      parse(R"({"minus":-1,"zero":0,"most":9223372036854775807,"more":9223372036854775808,"huge":1000000000000000019884624838656,
                                          "least":-9223372036854775808,"real":12.0,"text":"12","flag":true})");
  const JsonValue root = document.root();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(*root.get_int("most", 0, kMost), kMost);
  EXPECT_EQ(*root.get_int("least", kLeast, 0), kLeast);
  EXPECT_EQ(*root.get_int("minus", -1, 5), -1);
  EXPECT_THAT(error_of(root.get_int("minus", 0, 5)), HasSubstr("-1 where an integer from 0 to 5 belongs (config.json: minus)"));
  EXPECT_THAT(error_of(root.get_int("most", 0, kMost - 1)), HasSubstr("config.json: most"));
  for (const char* key : {"more", "huge", "real", "text", "flag"}) EXPECT_THAT(error_of(root.get_int(key, kLeast, kMost)), HasSubstr(key));
  EXPECT_EQ(*root.get_number("huge"), 1e30);
  EXPECT_EQ(*root.get_number("more"), 9223372036854775808.0);
  EXPECT_THAT(error_of(root.get_number("text")), HasSubstr("a number belongs"));
  EXPECT_THAT(error_of(root.get_number("flag")), HasSubstr("true where a number belongs"));
}

TEST(JsonDocument, ChildrenComeInFileOrder) {
  const JsonDocument document = parse(R"({"id2label":{"1":"b","0":"a","10":"c"},"empty":{}})");
  std::vector<std::string> seen;
  const JsonValue labels = *document.root().get("id2label");
  for (const JsonValue label : labels.children()) seen.push_back(std::string(label.key()) + "=" + std::string(*label.as_string()));
  EXPECT_THAT(seen, ElementsAre("1=b", "0=a", "10=c"));
  EXPECT_EQ(document.root().get("empty")->size(), 0U);
  EXPECT_EQ(labels.find("11"), std::nullopt);
  EXPECT_EQ(labels.find("0")->find("x"), std::nullopt);
}

TEST(JsonDocument, RepeatedKeysAreRefusedInEachObject) {
  EXPECT_THAT(parse_error(R"({"a":1,"b":2,"a":3})"), HasSubstr("the key \"a\" appears twice in one object (config.json)"));
  EXPECT_THAT(parse_error(R"({"o":{"x":1,"\u0078":2}})"), HasSubstr("the key \"x\" appears twice in one object (config.json: o)"));
  EXPECT_EQ(parse_error(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]})"), "accepted");
}

TEST(JsonDocument, BrokenNumbersNameTheKey) {
  EXPECT_THAT(parse_error(R"({"a":1,"layer_norm_eps":NaN})"), HasSubstr("layer_norm_eps)"));
  EXPECT_THAT(parse_error(R"({"a":1,"o":{"layer_norm_eps":1e999}})"), HasSubstr("at o.layer_norm_eps)"));
  EXPECT_THAT(parse_error(R"({"a":1,"x":-Infinity})"), HasSubstr("at x)"));
  EXPECT_THAT(parse_error(R"({"a":[1,2,nul]})"), HasSubstr("at a)"));
}

TEST(JsonDocument, LimitsAreTypedErrors) {
  EXPECT_THAT(parse_error(std::string(JsonDocument::kFileLimit + 1, ' ')), HasSubstr("longer than"));
  EXPECT_THAT(parse_error(std::string(65, '[') + std::string(65, ']')), HasSubstr("deeper than 64"));
  EXPECT_EQ(parse_error(std::string(64, '[') + std::string(64, ']')), "accepted");
  std::string many = "[0";
  for (int i = 0; i < 65400; ++i) many += ",0";
  EXPECT_EQ(parse_error(many + "]"), "accepted");
  for (int i = 0; i < 200; ++i) many += ",0";
  EXPECT_THAT(parse_error(many + "]"), HasSubstr("more than 2.00 MiB of JSON values"));
  const std::string third = "\"" + std::string(JsonDocument::kHeapLimit / 3, 'a') + "\"";
  EXPECT_THAT(parse_error("[" + third + "," + third + "," + third + "]"), HasSubstr("more than 2.00 MiB of JSON values"));
}

TEST(JsonDocument, SurvivesAMoveAndReadsFiles) {
  testing::FakeOs os;
  os.files["m/config.json"] = R"({"a":"b"})";
  auto document = JsonDocument::read(os, "m/config.json");
  ASSERT_TRUE(document.ok());
  const JsonValue root = document->root();
  const JsonDocument moved = std::move(document).value();
  EXPECT_EQ(*root.get_string("a"), "b");
  EXPECT_EQ(JsonDocument::read(os, "m/none.json").error().code, ErrorCode::not_found);
  os.files["m/config.json"] = R"({"a":)";
  EXPECT_THAT(message(JsonDocument::read(os, "m/config.json").error()), HasSubstr("m/config.json at byte 5, at a"));
  os.files["m/config.json"] = "{}";
  for (std::uint64_t n = 1; n <= 2; ++n) {
    os.gate().refuse({.ordinal = n});
    const auto refused = JsonDocument::read(os, "m/config.json");
    EXPECT_EQ(refused.ok(), os.gate().refused() == 0);
  }
}

}  // namespace
}  // namespace plimsoll
