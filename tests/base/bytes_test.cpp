#include <gtest/gtest.h>

#include <plimsoll/bytes.h>

namespace plimsoll {
namespace {

TEST(ParseBytes, ReadsUnitsOfBothKinds) {
  EXPECT_EQ(parse_bytes("0"), Bytes{0});
  EXPECT_EQ(parse_bytes("4096"), Bytes{4096});
  EXPECT_EQ(parse_bytes("17B"), Bytes{17});
  EXPECT_EQ(parse_bytes("512MiB"), Bytes{536870912});
  EXPECT_EQ(parse_bytes("512mib"), Bytes{536870912});
  EXPECT_EQ(parse_bytes("10GB"), Bytes{10000000000});
  EXPECT_EQ(parse_bytes("64K"), Bytes{65536});
  EXPECT_EQ(parse_bytes("2T"), Bytes{2199023255552});
  EXPECT_EQ(parse_bytes("3KB"), Bytes{3000});
}

TEST(ParseBytes, RoundsDecimalsDown) {
  EXPECT_EQ(parse_bytes("11.17GiB"), Bytes{11993696174});  // 11993696174.08
  EXPECT_EQ(parse_bytes("0.9999"), Bytes{0});
  EXPECT_EQ(parse_bytes("1.5KiB"), Bytes{1536});
  EXPECT_EQ(parse_bytes("0.1GB"), Bytes{100000000});
  EXPECT_EQ(parse_bytes("0.99999999999999999999999999TiB"), Bytes{1099511627775});
}

TEST(ParseBytes, TakesAllOf63BitsAndNoMore) {
  EXPECT_EQ(parse_bytes("9223372036854775807"), Bytes{9223372036854775807U});
  EXPECT_EQ(parse_bytes("9223372036854775808"), std::nullopt);
  EXPECT_EQ(parse_bytes("8388607TiB"), Bytes{9223370937343148032U});
  EXPECT_EQ(parse_bytes("8388608TiB"), std::nullopt);
  EXPECT_EQ(parse_bytes("99999999999999999999999999999999999999999999999999"), std::nullopt);
  EXPECT_EQ(parse_bytes("18446744073709551616"), std::nullopt);
}

TEST(ParseBytes, RefusesEverythingElse) {
  for (const char* text : {"", " ", "-1", "+1", "1 MiB", " 1", "1 ", "MiB", ".5G", "5.G", "1.2.3", "1e9", "0x10", "1MiBs", "1iB", "1Ki",
                           "1P", "1BB", "\xD9\xA1"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << '"' << text << '"';
  }
  EXPECT_EQ(parse_bytes(std::string_view("1\0", 2)), std::nullopt);
}

TEST(FormatBytes, GivesThreeSignificantDigits) {
  EXPECT_EQ(format_bytes(Bytes{0}), "0 B");
  EXPECT_EQ(format_bytes(Bytes{812}), "812 B");
  EXPECT_EQ(format_bytes(Bytes{1024}), "1.00 KiB");
  EXPECT_EQ(format_bytes(mib(64)), "64.0 MiB");
  EXPECT_EQ(format_bytes(Bytes{1342177280}), "1.25 GiB");
  EXPECT_EQ(format_bytes(Bytes{(1U << 20U) - 1}), "1.00 MiB");
  EXPECT_EQ(format_bytes(mib(10) - Bytes{1}), "10.0 MiB");
  EXPECT_EQ(format_bytes(mib(100) - Bytes{1}), "100 MiB");
  EXPECT_EQ(format_bytes(mib(1023)), "1023 MiB");
}

TEST(FormatExact, ReadsBackToTheSameNumber) {
  for (const std::uint64_t count :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1023}, std::uint64_t{1024}, std::uint64_t{4096}, std::uint64_t{1048576},
        std::uint64_t{1048577}, std::uint64_t{1} << 40U, (std::uint64_t{1} << 40U) + 4096, (std::uint64_t{1} << 63U) - 1}) {
    EXPECT_EQ(parse_bytes(format_exact(Bytes{count})), Bytes{count}) << count;
  }
  EXPECT_EQ(format_exact(Bytes{65536}), "64KiB");
  EXPECT_EQ(format_exact(mib(512)), "512MiB");
}

TEST(Bytes, RoundsAndSaturates) {
  EXPECT_EQ(round_to_pages(Bytes{0}), Bytes{0});
  EXPECT_EQ(round_to_pages(Bytes{1}), Bytes{4096});
  EXPECT_EQ(round_to_pages(Bytes{4096}), Bytes{4096});
  EXPECT_EQ(round_to_pages(Bytes{4097}), Bytes{8192});
  EXPECT_EQ(saturating_sub(Bytes{3}, Bytes{5}), Bytes{0});
  EXPECT_EQ(saturating_sub(Bytes{5}, Bytes{3}), Bytes{2});
}

}  // namespace
}  // namespace plimsoll
