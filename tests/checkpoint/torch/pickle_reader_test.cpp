#include "checkpoint/torch/pickle_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "checkpoint/torch/builders.h"

namespace plimsoll::torch {
namespace {

using ::testing::HasSubstr;
using testing::little;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

TEST(PickleReader, ThereAre34InstructionsAndNoOthers) {
  // As torch/_weights_only_unpickler.py has them, by the names of Python's pickletools.
  const std::map<int, std::string> known = {
      {'(', "MARK"},        {')', "EMPTY_TUPLE"}, {'.', "STOP"},        {'G', "BINFLOAT"},   {'J', "BININT"},          {'K', "BININT1"},
      {'M', "BININT2"},     {'N', "NONE"},        {'Q', "BINPERSID"},   {'R', "REDUCE"},     {'U', "SHORT_BINSTRING"}, {'X', "BINUNICODE"},
      {']', "EMPTY_LIST"},  {'a', "APPEND"},      {'b', "BUILD"},       {'c', "GLOBAL"},     {'e', "APPENDS"},         {'h', "BINGET"},
      {'j', "LONG_BINGET"}, {'q', "BINPUT"},      {'r', "LONG_BINPUT"}, {'s', "SETITEM"},    {'t', "TUPLE"},           {'u', "SETITEMS"},
      {'}', "EMPTY_DICT"},  {0x80, "PROTO"},      {0x81, "NEWOBJ"},     {0x85, "TUPLE1"},    {0x86, "TUPLE2"},         {0x87, "TUPLE3"},
      {0x88, "NEWTRUE"},    {0x89, "NEWFALSE"},   {0x8a, "LONG1"},      {0x8f, "EMPTY_SET"},
  };
  ASSERT_EQ(known.size(), 34U);
  for (int code = 0; code < 256; ++code) {
    SCOPED_TRACE(code);
    // Enough behind it for any argument.
    const std::string text = static_cast<char>(code) + std::string(4, '\0') + "\n\n" + std::string(64, '\0');
    PickleReader reader(bytes_of(text));
    const auto instruction = reader.next();
    ASSERT_EQ(instruction.ok(), known.contains(code));
    if (instruction.ok()) {
      EXPECT_EQ(opcode_name(instruction->opcode), known.at(code));
    } else {
      EXPECT_EQ(instruction.error().code, ErrorCode::unsupported);
      EXPECT_THAT(instruction.error().what, HasSubstr("the instruction " + std::to_string(code) + ","));
      EXPECT_EQ(reader.wanted(), 0U);
    }
  }
}

TEST(PickleReader, ReadsArguments) {
  const std::string text =
      "K\xFEM\x02\x01J\xFF\xFF\xFF\xFF\x8a\x02\x05\x06G12345678U\x03"
      "abcX" +
      little(2, 4) + "eccmod\nname\nh\x07j" + little(70000, 4) + ".";
  PickleReader reader(bytes_of(text));
  const auto next = [&] {
    const auto instruction = reader.next();
    EXPECT_TRUE(instruction.ok());
    return instruction.ok() ? *instruction : Instruction{};
  };
  EXPECT_EQ(next().number, 0xFEU);
  EXPECT_EQ(next().number, 0x102U);
  EXPECT_EQ(next().number, 0xFFFFFFFFU);
  EXPECT_EQ(next().text, "\x05\x06");
  EXPECT_EQ(next().text, "12345678");
  EXPECT_EQ(next().text, "abc");
  EXPECT_EQ(next().text, "ec");
  const Instruction global = next();
  EXPECT_EQ(global.text, "mod");
  EXPECT_EQ(global.name, "name");
  EXPECT_EQ(next().number, 7U);
  EXPECT_EQ(next().number, 70000U);
  EXPECT_EQ(next().opcode, Opcode::stop);
  EXPECT_EQ(reader.position(), text.size());
}

TEST(PickleReader, SaysHowManyBytesItWants) {
  for (const auto& [text, wanted] : std::vector<std::pair<std::string, std::uint64_t>>{{"", 1},
                                                                                       {"J\x01", 5},
                                                                                       {"X\x01", 5},
                                                                                       {"X" + little(0xFFFFFFFF, 4), 5 + 0xFFFFFFFFULL},
                                                                                       {"\x8a", 2},
                                                                                       {"\x8a\xFF", 257},
                                                                                       {"G1234567", 9},
                                                                                       {"cmodule", 8},
                                                                                       {"c" + std::string(255, 'm'), 257},
                                                                                       {"cmodule\nna", 11}}) {
    PickleReader reader(bytes_of(text));
    const auto instruction = reader.next();
    ASSERT_FALSE(instruction.ok()) << text;
    EXPECT_EQ(instruction.error().code, ErrorCode::corrupt_file);
    EXPECT_EQ(reader.wanted(), wanted) << text;
    EXPECT_EQ(reader.position(), 0U);
  }
}

TEST(PickleReader, NamesOfGlobalsHaveABound) {
  const std::string longest = "c" + std::string(255, 'm') + "\nn\n";
  EXPECT_TRUE(PickleReader(bytes_of(longest)).next().ok());
  const std::string longer = "c" + std::string(256, 'm') + "\nn\n";
  PickleReader reader(bytes_of(longer));
  EXPECT_THAT(reader.next().error().what, HasSubstr("more than 255 bytes"));
  EXPECT_EQ(reader.wanted(), 0U);
}

}  // namespace
}  // namespace plimsoll::torch
