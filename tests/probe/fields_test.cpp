#include "probe/fields.h"

#include <gtest/gtest.h>

namespace plimsoll::probe {
namespace {

using Views = std::vector<std::string_view>;

TEST(ParseNumber, TakesDecimalsWithinSixtyFourBits) {
  EXPECT_EQ(parse_number(" 42\n"), 42U);
  EXPECT_EQ(parse_number("18446744073709551615"), 18446744073709551615U);
  for (const char* text : {"", " ", "max", "-1", "+1", "1 2", "0x10", "1.5", "18446744073709551616", "12kB"})
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
}

TEST(Split, KeepsEmptyPieces) {
  EXPECT_EQ(split("", ','), Views{});
  EXPECT_EQ(split("a", ','), Views{"a"});
  EXPECT_EQ(split("a,,b", ','), (Views{"a", "", "b"}));
  EXPECT_EQ(split(",a,", ','), (Views{"", "a", ""}));
}

TEST(FindField, ReadsTablesOfBothKinds) {
  EXPECT_EQ(find_number("anon 5\nanon_thp 7\n", "anon_thp"), 7U);
  EXPECT_EQ(find_number("anon_thp 7\nanon 5", "anon"), 5U);
  EXPECT_EQ(find_number("MemTotal:       24684092 kB\n", "MemTotal"), std::uint64_t{24684092} * 1024);
  EXPECT_EQ(find_field("model name\t: AMD EPYC\nmodel\t\t: 2\n", "model"), "2");
  EXPECT_EQ(find_field("model\t\t: 2\nmodel name\t: AMD EPYC\n", "model name"), "AMD EPYC");
  EXPECT_EQ(find_field("Name:\tx\nUid:\t0\t1\t2\t3\n", "Uid"), "0\t1\t2\t3");
  EXPECT_EQ(find_field("a 1\na 2\n", "a"), "1");
}

TEST(FindField, FindsNothingInNonsense) {
  for (const char* table : {"", "\n\n", "anon", "anon\n", "anonymous 3", " anon 3", ":\n: 3"})
    EXPECT_EQ(find_number(table, "anon"), std::nullopt) << table;
  EXPECT_EQ(find_number("anon many", "anon"), std::nullopt);
  EXPECT_EQ(find_number("Huge: 18446744073709551615 kB", "Huge"), std::nullopt) << "wraps";
  EXPECT_EQ(find_bytes("anon -5", "anon"), Bytes{0});
}

TEST(Unescaped, IsWhatMountinfoMeans) {
  EXPECT_EQ(unescaped("/plain"), "/plain");
  EXPECT_EQ(unescaped("/my\\040disk\\134x"), "/my disk\\x");
  EXPECT_EQ(unescaped("\\04\\089\\"), "\\04\\089\\") << "not of mountinfo";
  EXPECT_EQ(unescaped(""), "");
}

TEST(ParseCpuList, ReadsRanges) {
  EXPECT_EQ(parse_cpu_list("0-2,5\n"), (std::vector<int>{0, 1, 2, 5}));
  EXPECT_EQ(parse_cpu_list("7"), std::vector<int>{7});
  for (const char* text : {"", "a", "3-1", "0-99999999999", "1,,2", "-1", "0-65535,0-65535,0-65535"})
    EXPECT_TRUE(parse_cpu_list(text).empty()) << text;
}

}  // namespace
}  // namespace plimsoll::probe
