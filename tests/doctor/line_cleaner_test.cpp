#include "doctor/line_cleaner.h"

#include <gtest/gtest.h>

#include "doctor/line_prefix.h"

namespace plimsoll::doctor {
namespace {

using Lines = std::vector<std::pair<std::uint64_t, std::string>>;

Lines clean(std::string_view bytes, std::size_t block) {
  LineCleaner cleaner;
  LineCleaner::Piece piece;
  Lines lines;
  for (std::size_t at = 0; at < bytes.size(); at += block) {
    std::string_view part = bytes.substr(at, block);
    while (cleaner.next(part, piece)) lines.emplace_back(piece.number, piece.text);
  }
  if (cleaner.last(piece)) lines.emplace_back(piece.number, piece.text);
  return lines;
}

// However the bytes come, the lines are the same.
Lines clean(std::string_view bytes) {
  const Lines whole = clean(bytes, bytes.size() + 1);
  for (const std::size_t block : {1U, 2U, 3U, 7U}) EXPECT_EQ(clean(bytes, block), whole) << block;
  return whole;
}

TEST(LineCleaner, EndsLinesAtEveryKindOfEnd) {
  EXPECT_EQ(clean("a\nb\r\nc\rd\n\n\ne"), (Lines{{1, "a"}, {2, "b"}, {3, "c"}, {3, "d"}, {6, "e"}}));
  EXPECT_EQ(clean(""), Lines{});
  EXPECT_EQ(clean("\n\r\n"), Lines{});
}

TEST(LineCleaner, DropsColoursAndControls) {
  EXPECT_EQ(clean("\x1b[1;31mred\x1b[0m \x1b]0;title\x07text\x1b]8;;x\x1b\\!\x07\x7f"), (Lines{{1, "red text!"}}));
  // `tput sgr0`, and the strings that terminals answer and are named with.
  EXPECT_EQ(clean("\x1b(B\x1b[mplain\x1b)0\x1b#8\x1b% G\x1b"
                  "7."),
            (Lines{{1, "plain."}}));
  EXPECT_EQ(clean("a\x1bP1$r0m\x1b\\b\x1b^x\x1b\\c\x1b_y\x1b\\d\x1bXz\x1b\\e"), (Lines{{1, "abcde"}}));
  EXPECT_EQ(clean("a\tb"), (Lines{{1, "a b"}}));
  EXPECT_EQ(clean(std::string_view("C\0U\0D\0A\0", 8)), (Lines{{1, "CUDA"}}));
  EXPECT_EQ(clean("\xC3\xA9\xFF"), (Lines{{1, "\xC3\xA9\xFF"}}));
}

TEST(LineCleaner, BackspacesTakeBackWhatIsWrittenOver) {
  EXPECT_EQ(clean("|\b/\b-\bgo\n"), (Lines{{1, "|"}, {1, "/"}, {1, "-"}, {1, "go"}}));
  EXPECT_EQ(clean("at 9%\b\b10%\b\b\b11%\n"), (Lines{{1, "at 11%"}}));
  EXPECT_EQ(clean("1/9 [=]\b\b\b\b\b\b\b2/9 [==]\nnext"), (Lines{{1, "1/9 [=]"}, {1, "2/9 [==]"}, {2, "next"}}));
  EXPECT_EQ(clean("a\xC3\xA9\bb\b\b\n"), (Lines{{1, "ab"}}));
  EXPECT_EQ(clean("\b\b\nx\b"), (Lines{{2, "x"}}));
  EXPECT_EQ(clean("at 9%\b\b\t10%\n"), (Lines{{1, "at  10%"}}));
  EXPECT_EQ(clean("9%\b\b\tgo\n"), (Lines{{1, "9%"}, {1, " go"}}));
}

TEST(LineCleaner, ASequenceWithoutEndGivesTheTextBack) {
  EXPECT_EQ(clean("\x1b[12\nnext"), (Lines{{2, "next"}}));
  const Lines lines = clean("\x1b]" + std::string(1000, 'x') + "\nnext");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_LT(lines[0].second.size(), 1000U);
  EXPECT_EQ(lines[1].second, "next");
}

TEST(LineCleaner, FramesAndNoBreakSpacesAreBlanks) {
  EXPECT_EQ(clean("exit\xC2\xA0"
                  "code\xC2\xA0\n")
                .at(0)
                .second,
            "exit code ");
  EXPECT_EQ(clean("\xE2\x94\x82 text \xE2\x95\x91\xE2\x94").at(0).second, "  text  \xE2\x94");
  EXPECT_EQ(clean("\xE2\x80\x98text\xE2\x80\x99 \xC3\xA4").at(0).second, "\xE2\x80\x98text\xE2\x80\x99 \xC3\xA4");
}

TEST(LineCleaner, LongLinesComeInPieces) {
  const Lines lines = clean(std::string(LineCleaner::kLongestPiece + 10, 'x') + "\ny", 5000);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].second.size(), LineCleaner::kLongestPiece);
  EXPECT_EQ(lines[1].second, "xxxxxxxxxx");
  EXPECT_EQ(lines[2], (std::pair<std::uint64_t, std::string>{2, "y"}));
}

TEST(LinePrefix, IsTakenOffWithWhoWrote) {
  struct Case {
    const char* line;
    const char* rest;
    const char* writer;
  };
  EXPECT_EQ(find_prefix("0: text", "4096 MiB on device ").size, 0U);
  for (const Case& each : {Case{"[rank6]: text", "text", "rank6"},
                           Case{"[rank0]:   File \"x\"", "  File \"x\"", "rank0"},
                           Case{"[default3]:text", "text", "default3"},
                           Case{"[1,3]<stderr>:text", "text", "1,3"},
                           Case{"(EngineCore pid=71) text", "text", "EngineCore pid=71"},
                           Case{"(Worker_TP1 pid=9) ERROR 10-25 13:08:43 [core.py:708] text", "text", "Worker_TP1 pid=9"},
                           Case{"2024-05-31T04:40:47.123Z INFO text", "text", ""},
                           Case{"worker-1  | text", "text", "worker-1"},
                           Case{"12: text", "text", "12"},
                           Case{"ERROR 01-28 03:21:01 engine.py:387] text", "text", ""},
                           Case{"text", "text", ""},
                           Case{"", "", ""},
                           Case{"[32,1024,64] and type float", "[32,1024,64] and type float", ""},
                           Case{"8.00 GiB already", "8.00 GiB already", ""},
                           Case{"15.32/22.04 GiB) on", "15.32/22.04 GiB) on", ""},
                           Case{"2024/05/31 13:08:43.7 text", "text", ""},
                           Case{"(MPS allocated: 1 GB)", "(MPS allocated: 1 GB)", ""},
                           Case{"[", "[", ""},
                           Case{"(", "(", ""},
                           Case{"12:", "12:", ""}}) {
    const LinePrefix prefix = find_prefix(each.line);
    EXPECT_EQ(std::string_view(each.line).substr(prefix.size), each.rest) << each.line;
    EXPECT_EQ(prefix.writer, each.writer) << each.line;
  }
}

}  // namespace
}  // namespace plimsoll::doctor
