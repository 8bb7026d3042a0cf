#include "arguments/values.h"

#include <gtest/gtest.h>

namespace plimsoll::cli {
namespace {

std::string listed(const std::vector<DeviceBytes>& budgets) {
  std::string text;
  for (const DeviceBytes& budget : budgets) text += budget.device + "=" + std::to_string(budget.bytes.count) + " ";
  return text;
}

TEST(MaxMemory, IsASizeOrAListOfDevices) {
  const std::pair<const char*, const char*> cases[] = {{"512MiB", "=536870912 "},
                                                       {"11.17GiB", "=11993696174 "},
                                                       {"10GB", "=10000000000 "},
                                                       {"4096", "=4096 "},
                                                       {"cpu=2GiB", "cpu=2147483648 "},
                                                       {"disk=1TiB,cpu=1KiB", "disk=1099511627776 cpu=1024 "},
                                                       {"sim:0=1,disk=0", "sim:0=1 disk=0 "}};
  for (const auto& [text, expected] : cases) {
    const auto budgets = read_max_memory(text, "--max-memory");
    ASSERT_TRUE(budgets.ok()) << text;
    EXPECT_EQ(listed(*budgets), expected) << text;
  }
}

TEST(MaxMemory, RefusesTheRest) {
  const std::pair<const char*, ErrorCode> cases[] = {{"", ErrorCode::usage},
                                                     {"x", ErrorCode::usage},
                                                     {"cpu=", ErrorCode::usage},
                                                     {"1GiB,2GiB", ErrorCode::usage},
                                                     {"cpu=1GiB,cpu=2GiB", ErrorCode::usage},
                                                     {"gpu=1GiB", ErrorCode::usage},
                                                     {"sim:=1GiB", ErrorCode::usage},
                                                     {"1GiB,", ErrorCode::usage},
                                                     {"0=1GiB,cuda:0=1GiB", ErrorCode::usage},
                                                     {"cuda:=1GiB", ErrorCode::usage}};
  for (const auto& [text, code] : cases) {
    const auto budgets = read_max_memory(text, "--max-memory");
    ASSERT_FALSE(budgets.ok()) << text;
    EXPECT_EQ(budgets.error().code, code) << text;
  }
}

TEST(Counts, HaveBounds) {
  EXPECT_EQ(*read_count("17", 1, 20, "--n"), 17);
  for (const char* text : {"", "0", "21", "-1", "1.5", "1e1", " 3", "3 ", "99999999999999999999"})
    EXPECT_FALSE(read_count(text, 1, 20, "--n").ok()) << text;
}

TEST(Lists, AreOfKnownNames) {
  EXPECT_EQ(*read_rungs("stream,microbatch", "--forbid"), (std::vector<Rung>{Rung::stream, Rung::microbatch}));
  EXPECT_EQ(read_rungs("stream,steam", "--forbid").error().code, ErrorCode::usage);
  EXPECT_EQ(*read_allowed("bfloat16,float16", "--allow"), (std::vector<Rung>{Rung::bfloat16, Rung::float16}));
  EXPECT_EQ(read_allowed("int8", "--allow").error().code, ErrorCode::unsupported);
  EXPECT_EQ(read_allowed("stream", "--allow").error().code, ErrorCode::usage);
}

TEST(Dtype, SuggestsOurNamesForThoseOfOthers) {
  EXPECT_EQ(*read_dtype("bfloat16", "--dtype"), ElementType::bfloat16);
  EXPECT_FALSE(read_dtype("auto", "--dtype")->has_value());
  const std::pair<const char*, const char*> cases[] = {{"fp32", "float32"}, {"float", "float32"}, {"FP16", "float16"},
                                                       {"half", "float16"}, {"bf16", "bfloat16"}, {"torch.bfloat16", "bfloat16"}};
  for (const auto& [given, meant] : cases) {
    const auto refused = read_dtype(given, "--dtype");
    ASSERT_FALSE(refused.ok()) << given;
    EXPECT_TRUE(refused.error().advice.starts_with(std::string("did you mean ") + meant + "?")) << refused.error().advice;
  }
  EXPECT_TRUE(read_dtype("qwerty", "--dtype").error().advice.starts_with("give auto"));
}

TEST(Shapes, AreTextsByTokens) {
  const auto shapes = read_shapes("1x128,8x64", "--shapes");
  ASSERT_TRUE(shapes.ok());
  ASSERT_EQ(shapes->size(), 2U);
  EXPECT_EQ((*shapes)[1].texts, 8);
  EXPECT_EQ((*shapes)[1].tokens, 64);
  for (const char* text : {"", "8", "x8", "8x", "0x8", "8x8,", "8x8x8"}) {
    const auto refused = read_shapes(text, "--shapes");
    ASSERT_FALSE(refused.ok()) << text;
    EXPECT_NE(message(refused.error()).find("is not a shape"), std::string::npos) << message(refused.error());
  }
}

TEST(Switches, AreOnOrOff) {
  for (const char* text : {"", "1", "true", "yes", "on"}) EXPECT_TRUE(*read_switch(text, "")) << text;
  for (const char* text : {"0", "false", "no", "off"}) EXPECT_FALSE(*read_switch(text, "")) << text;
  EXPECT_FALSE(read_switch("maybe", "").ok());
}

}  // namespace
}  // namespace plimsoll::cli
