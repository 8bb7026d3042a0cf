#include "probe/lines.h"

#include <gtest/gtest.h>
#include <vector>

#include "support/fake_os.h"
#include "support/heap_watch.h"
#include "support/temporary_folder.h"

namespace plimsoll::probe {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(Os& os, const std::string& path) {
  Lines lines;
  EXPECT_TRUE(for_each_line(os, path, [&](std::string_view line) { lines.emplace_back(line); }).ok());
  return lines;
}

TEST(ForEachLine, IsEveryLineWithoutItsEnd) {
  testing::FakeOs os;
  for (const auto& [text, expected] : std::vector<std::pair<std::string, Lines>>{{"", {}},
                                                                                 {"a", {"a"}},
                                                                                 {"a\n", {"a"}},
                                                                                 {"\n", {""}},
                                                                                 {"a\n\nb", {"a", "", "b"}},
                                                                                 {std::string("\0\n", 2), {std::string(1, '\0')}}}) {
    os.files["/f"] = text;
    EXPECT_EQ(lines_of(os, "/f"), expected) << text;
  }
}

TEST(ForEachLine, PassesOverLinesThatAreTooLong) {
  testing::FakeOs os;
  const std::string longest(kLongestLine, 'l');
  os.files["/f"] = "a\n" + longest + "\n" + longest + "x\nb\n" + longest + "x";
  EXPECT_EQ(lines_of(os, "/f"), (Lines{"a", longest, "b"}));
}

TEST(ForEachLine, KeepsOneLineOfALongFile) {
  const testing::TemporaryFolder folder;
  Gate gate;
  const auto os = make_os(gate);
  std::string text;
  for (int i = 0; text.size() < (std::size_t{6} << 20U); ++i) text += std::string(static_cast<std::size_t>(i % 9000), 'x') + "\n";
  const std::string path = folder.write("f", text);
  const testing::HeapWatch watch;
  std::size_t bytes = 0;
  EXPECT_TRUE(for_each_line(*os, path, [&](std::string_view line) { bytes += line.size() + 1; }).ok());
  EXPECT_EQ(bytes, text.size());
  EXPECT_LT(watch.highest(), 2 * kLongestLine);
}

TEST(ForEachLine, FailsWhereTheFileCannotBeRead) {
  testing::FakeOs os;
  EXPECT_EQ(for_each_line(os, "/f", [](std::string_view) {}).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace plimsoll::probe
