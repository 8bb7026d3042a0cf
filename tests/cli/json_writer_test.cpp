#include "text/json_writer.h"

#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <plimsoll/error.h>

#include "text/utf8.h"

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

// What would steer a terminal, or look like something else, is escaped: in what is quoted and in what is JSON already.
TEST(JsonWriter, NothingThatIsNotSeenIsWritten) {
  for (const std::string_view hidden : {"\x7F", "\xC2\x80", "\xC2\x9B", "\xC2\x9F", "\xD8\x9C", "\xE2\x80\xAE", "\xE2\x81\xA6",
                                        "\xE2\x81\xAF", "\xEF\xBF\xB9", "\xF3\xA0\x80\x81", "\xF3\xA0\x81\xBF"}) {
    const std::string text = "a" + std::string(hidden) + "b";
    for (const std::string& written : {JsonWriter().value(std::string_view(text)).text(), JsonWriter().raw('"' + text + '"').text()}) {
      EXPECT_EQ(nlohmann::json::parse(written), text) << written;
      EXPECT_EQ(printable(written), written);
    }
  }
  EXPECT_EQ(JsonWriter().value(std::string_view("\xC2\xA0\xF3\xA0\x84\x80")).text(), "\"\xC2\xA0\xF3\xA0\x84\x80\"") << "others stay";
}

TEST(JsonWriter, WhatIsNotUtf8IsReplaced) {
  for (const std::string_view bad : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xF0\x9F"}) {
    const std::string written = JsonWriter().value(bad).text();
    EXPECT_NE(nlohmann::json::parse(written).get<std::string>().find("\xEF\xBF\xBD"), std::string::npos);
  }
}

TEST(JsonWriter, SendsALongLineInPieces) {
  std::string text;
  for (int i = 0; i < 20'000; ++i)
    text += std::string(static_cast<std::size_t>(i % 5), i % 7 == 0 ? '\0' : 'a') + "\xC3\xA9\xF0\x9F\x98\x80\xFF\x80\xE2\x80\xA8";
  std::string sent;
  std::size_t longest = 0;
  JsonWriter pieces([&](std::string_view piece) {
    longest = std::max(longest, piece.size());
    sent += piece;
  });
  JsonWriter whole;
  for (JsonWriter* json : {&pieces, &whole}) {
    json->begin_object().key("text").value(std::string_view(text)).key("list").begin_array();
    for (int i = 0; i < 20'000; ++i) json->value(i);
    json->end_array().end_object();
  }
  pieces.end_line();
  EXPECT_EQ(sent, whole.text() + "\n");
  EXPECT_LE(longest, 16U << 10U);
  pieces.begin_array().value(1).end_array().end_line();
  EXPECT_TRUE(sent.ends_with("}\n[1]\n"));
}

TEST(Utf8Start, CutsNoSequence) {
  const std::string_view text = "ab\xF0\x9F\x98\x80\xC3\xA9";
  const std::size_t expected[] = {2, 2, 6, 6, 8, 8};
  for (std::size_t bytes = 4; bytes < 10; ++bytes) EXPECT_EQ(utf8_start(text, bytes).size(), expected[bytes - 4]) << bytes;
  EXPECT_EQ(utf8_start("\x80\x80\x80\x80\x80\x80", 5).size(), 5U);
  EXPECT_EQ(utf8_start("\x80\x80\x80\x80\x80\x80", 4).size(), 4U);
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
