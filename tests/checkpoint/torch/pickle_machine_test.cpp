#include "checkpoint/torch/pickle_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/builders.h"
#include "checkpoint/torch/builders.h"

namespace plimsoll::torch {
namespace {

using namespace std::string_literals;
using namespace testing::pickle;
using testing::FakeOs;
using ::testing::HasSubstr;
using testing::kAmple;
using testing::little;

class PickleMachineTest : public ::testing::Test {
 protected:
  Result<Value> run(const std::string& pickle) {
    text_ = pickle;
    const auto bytes = std::as_bytes(std::span(text_));
    values_.emplace(os, ledger, bytes);
    return run_pickle(os, ledger, {bytes, "m.bin", 1000}, *values_);
  }

  // The value of a pickle that is whole but for its beginning and end.
  Value value(const std::string& inner) {
    const auto result = run(whole(inner));
    EXPECT_TRUE(result.ok()) << inner << ": " << (result.ok() ? "" : message(result.error()));
    return result.ok() ? *result : Value{};
  }

  void expect_error(const std::string& pickle, ErrorCode code, const std::string& text) {
    const auto result = run(pickle);
    ASSERT_FALSE(result.ok()) << "wanted: " << text;
    EXPECT_EQ(result.error().code, code) << message(result.error());
    EXPECT_THAT(message(result.error()), HasSubstr(text));
    EXPECT_THAT(message(result.error()), HasSubstr("m.bin at byte 1"));
    values_.reset();
    EXPECT_EQ(ledger.current(), Bytes{0});
  }
  void expect_corrupt(const std::string& inner, const std::string& text) { expect_error(whole(inner), ErrorCode::corrupt_file, text); }

  // The values in a list or dict, keys before values.
  std::vector<Value> contents(const Value& chain) {
    std::vector<Value> all;
    for (Link at = values_->first(chain); at != kNoLink; at = values_->node(at).next) {
      if (chain.kind == Kind::dict) all.push_back(values_->node(at).key);
      all.push_back(values_->node(at).value);
    }
    return all;
  }

  FakeOs os;
  Ledger ledger{"cpu", kAmple};
  std::string text_;
  std::optional<PickleValues> values_;
};

TEST_F(PickleMachineTest, PushesPlainValues) {
  EXPECT_EQ(value("N").kind, Kind::none);
  EXPECT_EQ(value("\x88").number, 1U);
  EXPECT_EQ(value("\x89").number, 0U);
  EXPECT_EQ(value("\x89").kind, Kind::boolean);
  for (const auto& [code, number] : std::vector<std::pair<std::string, std::int64_t>>{{"K\xFF", 255},
                                                                                      {"M\xFF\xFF", 65535},
                                                                                      {"J" + little(0x7FFFFFFF, 4), 0x7FFFFFFF},
                                                                                      {"J" + little(0xFFFFFFFE, 4), -2},
                                                                                      {"\x8a\x00"s, 0},
                                                                                      {"\x8a\x01\xFF", -1},
                                                                                      {"\x8a\x02\x00\x80"s, -32768},
                                                                                      {"\x8a\x02\xFF\x00"s, 255},
                                                                                      {"\x8a\x08" + little(1ULL << 63U, 8), INT64_MIN}}) {
    const Value integer = value(code);
    EXPECT_EQ(integer.kind, Kind::integer);
    EXPECT_EQ(static_cast<std::int64_t>(integer.number), number);
  }
  EXPECT_EQ(value("\x8a\x09" + std::string(9, '\x01')).kind, Kind::other);
  EXPECT_EQ(value("\x8a\xFF" + std::string(255, '\x01')).kind, Kind::other);
  EXPECT_EQ(value("G12345678").kind, Kind::other);
  EXPECT_EQ(value("\x8f").kind, Kind::other);
  EXPECT_EQ(values_->text(value(text("name"))), "name");
  EXPECT_EQ(values_->text(value("U\x02xy")), "xy");
  EXPECT_EQ(values_->named(value(named("torch", "float32"))).type, FileType::f32);
}

TEST_F(PickleMachineTest, MakesTuples) {
  EXPECT_EQ(value(")").number, 0U);
  EXPECT_EQ(values_->items(value("K\x07\x85"))[0].number, 7U);
  const Value two = value("K\x07K\x08\x86");
  EXPECT_EQ(values_->items(two)[1].number, 8U);
  EXPECT_EQ(value("NK\x08K\x09\x87").number, 3U);
  EXPECT_EQ(value("(NK\x08K\x09Nt").number, 4U);
  EXPECT_EQ(value("(t").number, 0U);
  EXPECT_EQ(values_->items(values_->items(value("((K\x05tt"))[0])[0].number, 5U);
}

TEST_F(PickleMachineTest, FillsListsAndDicts) {
  EXPECT_EQ(contents(value("]K\x01"
                           "a(K\x02K\x03"
                           "e(e"))
                .size(),
            3U);
  EXPECT_EQ(contents(value("]K\x01"
                           "a(K\x02K\x03"
                           "e"))[2]
                .number,
            3U);
  const auto members = contents(value("}K\x01K\x02s(K\x03K\x04K\x05K\x06u(u"));
  ASSERT_EQ(members.size(), 6U);
  EXPECT_EQ(members[0].number, 1U);
  EXPECT_EQ(members[5].number, 6U);
  // Two lists that are filled by turns: first, second, first, second.
  const Value pair = value("(]q\0]q\1h\0K\1ah\1K\2ah\0K\3ah\1K\4at"s);
  const auto items = values_->items(pair);
  ASSERT_EQ(items.size(), 6U);
  EXPECT_EQ(contents(items[0])[1].number, 3U);
  EXPECT_EQ(contents(items[1])[1].number, 4U);
  EXPECT_EQ(contents(items[1]).size(), 2U);
}

TEST_F(PickleMachineTest, RemembersValues) {
  const Value pair = value("K\x07q\0h\0\x86"s);
  EXPECT_EQ(values_->items(pair)[1].number, 7U);
  EXPECT_EQ(values_->items(value("K\x07r\0\0\0\0j\0\0\0\0\x86"s))[1].number, 7U);
  // Python 2 begins at 1; a place may be taken again.
  EXPECT_EQ(values_->items(value("K\x07q\1h\1\x86"s))[1].number, 7U);
  EXPECT_EQ(values_->items(value("K\x07q\0q\0h\0\x86"s))[1].number, 7U);
  expect_corrupt("q\0N"s, "BINPUT finds too few values");
  expect_corrupt("h\0"s, "BINGET of a place that nothing was put into");
  expect_corrupt("Nq\1h\0"s, "BINGET of a place that nothing was put into");
  expect_corrupt("Nq\0j\1\0\0\0"s, "LONG_BINGET of a place that nothing was put into");
  expect_corrupt("Nq\2"s, "BINPUT numbers places of the memo out of order");
  expect_corrupt("Nr\xFF\xFF\xFF\xFF", "LONG_BINPUT numbers places of the memo out of order");
}

TEST_F(PickleMachineTest, AListMayHoldItselfAndADictToo) {
  EXPECT_EQ(contents(value("]q\0h\0a"s)).size(), 1U);
  EXPECT_EQ(contents(value("}q\0K\1h\0s"s)).size(), 2U);
  EXPECT_EQ(contents(value("]q\0(h\0h\0h\0e"s)).size(), 3U);
}

TEST_F(PickleMachineTest, NothingBelowAMarkIsThere) {
  for (const std::string code : {"N(R", "NN(R",  "N(\x81", "N(b", "N(\x85", "NN(N\x86", "NNN(NN\x87", "N(Q", "](Na", "}(NNs",
                                 "N(.", "N(q\0", "a",      "](a", "s",      "Ns",       "}(Ns",       "}b",  "(}b",  "N(}b"}) {
    SCOPED_TRACE(code);
    expect_corrupt(code, "too few values");
  }
  for (const auto& [code, name] : std::vector<std::pair<std::string, std::string>>{
           {"\x85", "TUPLE1"}, {"N(\x85", "TUPLE1"}, {"NN(N\x86", "TUPLE2"}, {"NNN(NN\x87", "TUPLE3"}, {"NN\x87", "TUPLE3"}})
    expect_corrupt(code, name + " finds too few");
  expect_corrupt("Nt", "TUPLE finds no mark");
  expect_corrupt("]Ne", "APPENDS finds no mark");
  expect_corrupt("}NNu", "SETITEMS finds no mark");
  expect_corrupt("(e", "APPENDS finds too few");
  expect_corrupt("(u", "SETITEMS finds too few");
  expect_corrupt("N((u", "SETITEMS finds too few");
  expect_corrupt("", "STOP finds too few");
  expect_corrupt("NN", "ends with more than one value");
  expect_corrupt("(N", "ends with more than one value");
  expect_error(whole("N") + "N", ErrorCode::corrupt_file, "followed by something else");
}

TEST_F(PickleMachineTest, TargetsAreCheckedByKind) {
  const std::vector<std::pair<std::string, std::string>> others = {{"N", "None"},
                                                                   {"\x88", "a boolean"},
                                                                   {"K\x01", "an integer"},
                                                                   {text("x"), "a text"},
                                                                   {")", "a tuple"},
                                                                   {"]", "a list"},
                                                                   {"}", "a dict"},
                                                                   {named("torch", "Size"), "a global"},
                                                                   {"\x8f", "another value"},
                                                                   {storage("FloatStorage", "0", 4), "a storage"},
                                                                   {tensor(storage("FloatStorage", "0", 4), 0, {4}, {1}), "a tensor"}};
  for (const auto& [code, name] : others) {
    SCOPED_TRACE(name);
    if (name != "a list") {
      expect_corrupt(code + "Na", "APPEND wants a list and finds " + name);
      expect_corrupt(code + "(Ne", "APPENDS wants a list and finds " + name);
    }
    if (name != "a dict") {
      expect_corrupt(code + "NNs", "SETITEM wants a dict and finds " + name);
      expect_corrupt(code + "(NNu", "SETITEMS wants a dict and finds " + name);
      expect_corrupt(ordered_dict() + code + "b", "BUILD wants a dict of attributes and finds " + name);
    }
    expect_corrupt(code + "}b", "BUILD wants an OrderedDict and finds " + name);
    if (name != "a global") {
      expect_corrupt(code + ")R", "REDUCE calls " + name);
      expect_corrupt(code + ")\x81", "NEWOBJ makes an object of " + name);
    }
    if (name != "a tuple") {
      expect_corrupt(named("collections", "OrderedDict") + code + "R", "REDUCE has " + name + " as its arguments");
      expect_corrupt(named("collections", "OrderedDict") + code + "\x81", "NEWOBJ has " + name + " as its arguments");
      expect_corrupt(code + "Q", "a persistent id is " + name);
    }
  }
  expect_corrupt("}]Ns", "SETITEM wants a key and finds a list");
  expect_corrupt("}(N]}Nu", "SETITEMS wants a key and finds a dict");
  expect_corrupt("}(Nu", "SETITEMS has a key without a value");
  EXPECT_TRUE(run(whole(ordered_dict() + "}(" + text("_metadata") + ordered_dict() + "ub")).ok());
}

TEST_F(PickleMachineTest, EveryOtherGlobalIsRefusedByName) {
  for (const auto& [module, name] : std::vector<std::pair<std::string, std::string>>{{"os", "system"},
                                                                                     {"posix", "system"},
                                                                                     {"builtins", "eval"},
                                                                                     {"__builtin__", "exec"},
                                                                                     {"subprocess", "Popen"},
                                                                                     {"torch", "load"},
                                                                                     {"torch._utils", "_rebuild_tensor_v2.__globals__"},
                                                                                     {"torch", "floatstorage"},
                                                                                     {"Collections", "OrderedDict"},
                                                                                     {"collections", "OrderedDict "},
                                                                                     {"torch.nn.modules.linear", "Linear"},
                                                                                     {"", ""}}) {
    expect_error(whole(named(module, name)), ErrorCode::unsupported, "the global " + module + "." + name + ", which");
    EXPECT_THAT(run(whole(named(module, name))).error().what, HasSubstr("nothing was executed"));
  }
  expect_error(whole(named("a\x1b[31m\r", "b\t\x7f\xFF")), ErrorCode::unsupported, "a\\x1b[31m\\x0d.b\\x09\\x7f\\xff, which");
  expect_error(whole(named("\xE2\x80\xAE"
                           "x",
                           "y")),
               ErrorCode::unsupported, "the global ");
}

// PyTorch's own reader of weights takes these; they are not built here, and no cause for alarm.
TEST_F(PickleMachineTest, GlobalsOfOtherTensorsAreNoAlarm) {
  for (const auto& [module, name] : std::vector<std::pair<std::string, std::string>>{{"torch._utils", "_rebuild_qtensor"},
                                                                                     {"torch._utils", "_rebuild_sparse_tensor"},
                                                                                     {"torch", "QInt8Storage"},
                                                                                     {"torch", "ComplexDoubleStorage"},
                                                                                     {"torch.sparse", "FloatTensor"},
                                                                                     {"torch", "complex128"},
                                                                                     {"__builtin__", "set"},
                                                                                     {"_codecs", "encode"},
                                                                                     {"collections", "Counter"}}) {
    expect_error(whole(named(module, name)), ErrorCode::unsupported,
                 "the global " + module + "." + name + ", and only plain tensors are built");
    EXPECT_THAT(message(run(whole(named(module, name))).error()), ::testing::Not(HasSubstr("do not load it elsewhere")));
  }
  EXPECT_THAT(message(run(whole(named("evil", "FloatTensor"))).error()), HasSubstr("do not load it elsewhere"));
}

TEST_F(PickleMachineTest, AProtocolComesFirstAndIsTwo) {
  expect_error("N.", ErrorCode::corrupt_file, "begins with its protocol");
  expect_error("\x80\x02\x80\x02N.", ErrorCode::corrupt_file, "begins with its protocol");
  for (const char protocol : {'\x00', '\x01', '\x03', '\x04', '\x05', '\xFF'})
    expect_error("\x80"s + protocol + "N.", ErrorCode::unsupported,
                 "a pickle of protocol " + std::to_string(static_cast<unsigned char>(protocol)));
}

TEST_F(PickleMachineTest, HasBounds) {
  EXPECT_THAT(message(run(whole(std::string(4097, '('))).error()), HasSubstr("more than 4096 marks"));
  EXPECT_THAT(message(run(whole(std::string((1U << 20U) + 1, 'N'))).error()), HasSubstr("more than 1048576 values on the stack"));
  // Empty lists one in another a million deep: no recursion anywhere.
  EXPECT_TRUE(run(whole("]" + std::string(1000, ']') + std::string(1000, 'a'))).ok());
  std::string deep = "N";
  for (int i = 0; i < 1'000'000; ++i) deep += '\x85';
  EXPECT_TRUE(run(whole(deep)).ok());
  for (int i = 0; i < 1'100'000; ++i) deep += '\x85';
  EXPECT_THAT(message(run(whole(deep)).error()), HasSubstr("more than 2097152 items of tuples"));
  std::string lists;
  for (int i = 0; i < 500'000; ++i) lists += "]]]\x87";
  EXPECT_THAT(message(run(whole(lists)).error()), HasSubstr("more than 1398101 lists and dicts"));
}

// Each level names the one before ten times: 10^9 leaves in nine tuples, and never more than what was written.
TEST_F(PickleMachineTest, AMemoBombStaysSmall) {
  std::string bomb = "Nq\0"s;
  for (int level = 0; level < 9; ++level) {
    const std::string again = "h"s + static_cast<char>(level);
    bomb += "(";
    for (int i = 0; i < 10; ++i) bomb += again;
    bomb += "tq"s + static_cast<char>(level + 1);
  }
  ASSERT_TRUE(run(whole("(" + bomb + "t")).ok());
  EXPECT_LE(ledger.peak(), kib(16));
}

TEST_F(PickleMachineTest, MemoryComesFromTheLedgerAndMayRunOut) {
  ledger.set_limit(kib(8));
  const auto result = run(whole("(" + std::string(4000, 'N') + "t"));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::out_of_memory);
  values_.reset();
  EXPECT_EQ(ledger.current(), Bytes{0});
}

TEST_F(PickleMachineTest, APickleCutAtAnyByteIsATypedError) {
  const std::string full =
      whole(dict({{"a", tensor(storage("FloatStorage", "0", 4), 0, {2, 2}, {2, 1})}, {"b", list({integer(1LL << 40U)})}}));
  ASSERT_TRUE(run(full).ok());
  for (std::size_t length = 0; length < full.size(); ++length) {
    const auto result = run(full.substr(0, length));
    ASSERT_FALSE(result.ok()) << length;
    EXPECT_EQ(result.error().code, ErrorCode::corrupt_file) << length << message(result.error());
  }
}

}  // namespace
}  // namespace plimsoll::torch
