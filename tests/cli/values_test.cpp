#include "values.h"

#include <gtest/gtest.h>

namespace plimsoll::cli {
namespace {

TEST(MaxMemory, IsASizeOrAListOfDevices) {
  const std::pair<const char*, std::uint64_t> cases[] = {{"512MiB", 512ULL << 20U},   {"11.17GiB", 11993696174ULL},
                                                         {"10GB", 10'000'000'000ULL}, {"4096", 4096},
                                                         {"cpu=2GiB", 2ULL << 30U},   {"disk=1TiB,cpu=1KiB", 1024}};
  for (const auto& [text, bytes] : cases) {
    Policy policy;
    ASSERT_TRUE(read_max_memory(text, "--max-memory", policy).ok()) << text;
    EXPECT_EQ(policy.max_memory->count, bytes) << text;
    EXPECT_TRUE(policy.forbid.empty());
  }
}

TEST(MaxMemory, WithoutDiskKeepsWeightsInMemory) {
  Policy policy;
  ASSERT_TRUE(read_max_memory("disk=0", "--max-memory", policy).ok());
  EXPECT_FALSE(policy.max_memory.has_value());
  EXPECT_EQ(policy.forbid, (std::vector<Rung>{Rung::stream, Rung::gather}));
}

TEST(MaxMemory, RefusesTheRest) {
  const std::pair<const char*, ErrorCode> cases[] = {{"", ErrorCode::usage},
                                                     {"x", ErrorCode::usage},
                                                     {"cpu=", ErrorCode::usage},
                                                     {"1GiB,2GiB", ErrorCode::usage},
                                                     {"gpu=1GiB", ErrorCode::usage},
                                                     {"1GiB,", ErrorCode::usage},
                                                     {"0=1GiB", ErrorCode::unsupported},
                                                     {"cuda:1=1GiB", ErrorCode::unsupported},
                                                     {"sim:0=1", ErrorCode::unsupported}};
  for (const auto& [text, code] : cases) {
    Policy policy;
    const Status status = read_max_memory(text, "--max-memory", policy);
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_EQ(status.error().code, code) << text;
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
