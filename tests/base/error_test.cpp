#include <gtest/gtest.h>

#include <plimsoll/result.h>
#include <string>

namespace plimsoll {
namespace {

TEST(Message, JoinsWhatWhereAndAdvice) {
  EXPECT_EQ(message({ErrorCode::io, "cannot read", "a.bin", "check the disk"}), "cannot read (a.bin): check the disk");
  EXPECT_EQ(message({ErrorCode::io, "cannot read"}), "cannot read");
  EXPECT_EQ(message({ErrorCode::io, "cannot read", "", "try again"}), "cannot read: try again");
}

TEST(Message, StaysOnOneLineWhateverTheNamesAre) {
  const std::string line = message({ErrorCode::io, "bad", "a\nplimsoll: error: fake\x1b[2J", "x\r\n"});
  EXPECT_EQ(line, "bad (a\\x0aplimsoll: error: fake\\x1b[2J): x\\x0d\\x0a");
}

TEST(Printable, EscapesControlsAndBrokenUtf8) {
  EXPECT_EQ(printable("plain text"), "plain text");
  EXPECT_EQ(printable("na\xC3\xAFve \xE2\x80\xA6 \xE2\x80\xA2 \xF0\x9F\x98\x80"), "na\xC3\xAFve \xE2\x80\xA6 \xE2\x80\xA2 \xF0\x9F\x98\x80")
      << "ellipsis and bullet are text";
  EXPECT_EQ(printable(std::string_view("a\0b\x7F", 4)), "a\\x00b\\x7f");
  EXPECT_EQ(printable("\xC2\x85"), "\\xc2\\x85") << "next line, a C1 control";
  EXPECT_EQ(printable("\xE2\x80\xA8"), "\\xe2\\x80\\xa8") << "line separator";
  EXPECT_EQ(printable("\xE2\x80\xAE"), "\\xe2\\x80\\xae") << "right-to-left override";
  EXPECT_EQ(printable("\xE2\x81\xA7"), "\\xe2\\x81\\xa7") << "right-to-left isolate";
  EXPECT_EQ(printable("\xE2\x81\xA0"), "\\xe2\\x81\\xa0") << "word joiner";
  EXPECT_EQ(printable("\xE2\x81\xAF"), "\\xe2\\x81\\xaf") << "nominal digit shapes";
  EXPECT_EQ(printable("\xE2\x81\xB0\xEF\xBF\xBC"), "\xE2\x81\xB0\xEF\xBF\xBC") << "superscript zero, object replacement";
  EXPECT_EQ(printable("\xF3\xA0\x81\x81"), "\\xf3\\xa0\\x81\\x81") << "tag letter A, which nobody sees";
  EXPECT_EQ(printable("\xF3\xA0\x84\x80"), "\xF3\xA0\x84\x80") << "a variation selector";
  EXPECT_EQ(printable("\xEF\xBF\xBA"), "\\xef\\xbf\\xba") << "interlinear annotation";
  EXPECT_EQ(printable("\xE2\x80\x8F"), "\\xe2\\x80\\x8f") << "right-to-left mark";
  EXPECT_EQ(printable("\xD8\x9C"), "\\xd8\\x9c") << "arabic letter mark";
  EXPECT_EQ(printable("\xC0\xAF"), "\\xc0\\xaf") << "overlong";
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xed\\xa0\\x80") << "surrogate";
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond U+10FFFF";
  EXPECT_EQ(printable("\xE2\x82"), "\\xe2\\x82") << "cut off";
}

TEST(Printable, CutsLongTexts) {
  EXPECT_EQ(printable(std::string(10, 'x'), 10), std::string(10, 'x'));
  EXPECT_EQ(printable(std::string(11, 'x'), 10), std::string(10, 'x') + "...");
  EXPECT_LT(printable(std::string(1U << 20U, '\n'), 100).size(), 110U);
}

TEST(ErrorCode, HasTheExitCodesOfTheContract) {
  EXPECT_EQ(exit_code(ErrorCode::usage), 2);
  EXPECT_EQ(exit_code(ErrorCode::not_found), 3);
  EXPECT_EQ(exit_code(ErrorCode::unsupported), 4);
  EXPECT_EQ(exit_code(ErrorCode::corrupt_file), 5);
  EXPECT_EQ(exit_code(ErrorCode::does_not_fit), 6);
  EXPECT_EQ(exit_code(ErrorCode::out_of_memory), 6);
  EXPECT_EQ(exit_code(ErrorCode::io), 1);
  EXPECT_EQ(exit_code(ErrorCode::bad_row), 1);
  EXPECT_EQ(exit_code(ErrorCode::internal), 1);
  EXPECT_EQ(exit_code(ErrorCode::device_lost), 1);
  EXPECT_EQ(exit_code(ErrorCode::cancelled), 130);
  EXPECT_EQ(error_code_name(ErrorCode::usage), "usage");
  EXPECT_EQ(error_code_name(ErrorCode::does_not_fit), "does_not_fit");
  EXPECT_EQ(error_code_name(ErrorCode::internal), "internal");
  EXPECT_EQ(error_code_name(ErrorCode::device_lost), "device_lost");
}

Result<std::unique_ptr<int>> make(bool good) {
  if (!good) return Error{ErrorCode::io, "no"};
  return std::make_unique<int>(7);
}

Result<int> read(bool good) {
  PLIMSOLL_TRY(const auto value, make(good));
  return *value;
}

Status check(bool good) {
  PLIMSOLL_CHECK(read(good));
  return {};
}

TEST(Result, CarriesValuesAndErrorsThroughTheMacros) {
  ASSERT_TRUE(read(true).ok());
  EXPECT_EQ(*read(true), 7);
  ASSERT_FALSE(read(false).ok());
  EXPECT_EQ(read(false).error().what, "no");
  EXPECT_TRUE(check(true).ok());
  EXPECT_EQ(check(false).error().code, ErrorCode::io);
}

}  // namespace
}  // namespace plimsoll
