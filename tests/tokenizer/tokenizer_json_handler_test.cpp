#include "tokenizer/files/tokenizer_json_handler.h"

#include <gtest/gtest.h>

namespace plimsoll::tokenizer {
namespace {

class NoTokens final : public TableListener {
 public:
  Status on_token(std::string_view /*token*/, std::int32_t /*id*/) override { return {}; }
  Status on_added(const AddedTokenSpec& /*token*/) override { return {}; }
};

std::string small_sections(std::string_view json) {
  const std::string name = "tokenizer.json";
  NoTokens none;
  JsonText text;
  TokenizerJsonHandler handler(name, none, &text);
  const Status read = read_json(json, name, {}, handler);
  EXPECT_TRUE(read.ok()) << (read.ok() ? "" : message(read.error()));
  return text.take();
}

TEST(TokenizerJsonHandler, NumbersStayWhatTheyAre) {
  EXPECT_NE(small_sections(R"({"padding": {"a": 1e-9, "b": 0.1, "c": -2.5e300}})").find(R"("a":1e-09,"b":0.1,"c":-2.5e+300)"),
            std::string::npos);
  // One that is written as a float is none of the integers.
  EXPECT_NE(small_sections(R"({"padding": {"a": 100.0, "b": 7}})").find(R"("a":100.0,"b":7)"), std::string::npos);
}

}  // namespace
}  // namespace plimsoll::tokenizer
