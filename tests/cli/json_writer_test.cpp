#include "json_writer.h"

#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace plimsoll::cli {
namespace {

std::string written(float number) { return JsonWriter().value(number).text(); }

TEST(JsonWriter, FloatsReadBackToTheSameBits) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    float number = 0;
    std::memcpy(&number, &bits, sizeof number);
    if (!std::isfinite(number)) continue;
    const std::string text = written(number);
    EXPECT_EQ(std::strtof(text.c_str(), nullptr), number) << text;
    EXPECT_TRUE(nlohmann::json::parse(text).is_number_float()) << text;
  }
}

TEST(JsonWriter, FloatsAreShortAndAlwaysFloats) {
  EXPECT_EQ(written(0.1F), "0.1");
  EXPECT_EQ(written(3.0F), "3.0");
  EXPECT_EQ(written(-0.0F), "-0.0");
  EXPECT_TRUE(std::signbit(nlohmann::json::parse(written(-0.0F)).get<float>()));
  EXPECT_EQ(written(std::numeric_limits<float>::infinity()), "null");
  EXPECT_EQ(written(std::nanf("")), "null");
}

TEST(JsonWriter, StringsReadBackAndAreOneLine) {
  std::string text = "quote\" back\\ tab\t\n\r\x01\x1F\x7F é \xF0\x9F\x98\x80 \xC2\x85\xE2\x80\xA8\xE2\x80\xA9";
  text += '\0';
  const std::string written = JsonWriter().value(std::string_view(text)).text();
  EXPECT_EQ(nlohmann::json::parse(written), text);
  for (const char* end : {"\n", "\r", "\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"}) EXPECT_EQ(written.find(end), std::string::npos);
}

TEST(JsonWriter, WhatIsNotUtf8IsReplaced) {
  for (const std::string_view bad : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xF0\x9F"}) {
    const std::string written = JsonWriter().value(bad).text();
    EXPECT_NE(nlohmann::json::parse(written).get<std::string>().find("\xEF\xBF\xBD"), std::string::npos);
  }
}

TEST(JsonWriter, PutsCommas) {
  JsonWriter json;
  json.begin_object()
      .key("a")
      .begin_array()
      .value(1)
      .value(true)
      .null()
      .begin_object()
      .end_object()
      .end_array()
      .key("b")
      .begin_array()
      .end_array();
  json.key("c").value(Bytes{18446744073709551615ULL}).key("d").raw("{}").end_object();
  EXPECT_EQ(json.text(), R"({"a": [1, true, null, {}], "b": [], "c": 18446744073709551615, "d": {}})");
}

}  // namespace
}  // namespace plimsoll::cli
