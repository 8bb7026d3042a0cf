#include "checkpoint/torch/rebuild.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/builders.h"
#include "checkpoint/torch/builders.h"
#include "checkpoint/torch/pickle_machine.h"

namespace plimsoll::torch {
namespace {

using namespace std::string_literals;
using namespace testing::pickle;
using testing::FakeOs;
using ::testing::HasSubstr;
using testing::kAmple;

class RebuildTest : public ::testing::Test {
 protected:
  Result<Value> run(const std::string& inner) {
    text_ = whole(inner);
    const auto bytes = std::as_bytes(std::span(text_));
    values_.emplace(os, ledger, bytes);
    return run_pickle(os, ledger, {bytes, "m.bin", 0}, *values_);
  }

  TensorRecord made(const std::string& inner) {
    const auto value = run(inner);
    EXPECT_TRUE(value.ok()) << (value.ok() ? "" : message(value.error()));
    if (!value.ok() || value->kind != Kind::tensor) return {};
    return values_->tensor(*value);
  }

  void expect_corrupt(const std::string& inner, const std::string& text) {
    const auto value = run(inner);
    ASSERT_FALSE(value.ok()) << "wanted: " << text;
    EXPECT_EQ(value.error().code, ErrorCode::corrupt_file) << message(value.error());
    EXPECT_THAT(message(value.error()), HasSubstr(text));
  }

  FakeOs os;
  Ledger ledger{"cpu", kAmple};
  std::string text_;
  std::optional<PickleValues> values_;
  const std::string floats = storage("FloatStorage", "0", 12);
};

TEST_F(RebuildTest, MakesTensorsInEveryWay) {
  const std::string shape = counts({3, 4});
  const std::string strides = counts({4, 1});
  const std::string zero = integer(0);
  const std::string hooks = ordered_dict();
  const std::string dtype = named("torch", "int16");
  const std::string parameter = named("torch.nn.parameter", "Parameter");
  const std::string v2 = call(rebuild("_rebuild_tensor_v2"), {floats, zero, shape, strides, "\x88", hooks});
  for (const std::string& code :
       {call(rebuild("_rebuild_tensor"), {floats, zero, shape, strides}), v2,
        call(rebuild("_rebuild_tensor_v2"), {floats, zero, shape, strides, "\x89", "N", "N"}),
        call(rebuild("_rebuild_tensor_v2"), {floats, zero, call(named("torch", "Size"), {shape}), strides, "\x89", hooks, "}"}),
        call(rebuild("_rebuild_parameter"), {v2, "\x88", hooks}), call(parameter, {v2}), parameter + tuple({v2, "\x88"}) + "\x81"}) {
    const TensorRecord tensor = made(code);
    EXPECT_EQ(tensor.type, FileType::f32);
    ASSERT_EQ(tensor.shape.number, 2U);
    EXPECT_EQ(values_->items(tensor.shape)[1].number, 4U);
    EXPECT_EQ(values_->items(tensor.strides)[0].number, 4U);
    EXPECT_EQ(values_->storage(tensor.storage).bytes, 48U);
  }
  const std::string bytes =
      tuple({text("storage"), named("torch.storage", "UntypedStorage"), text("1"), text("cuda:0"), integer(48)}) + "Q";
  const TensorRecord typed = made(call(rebuild("_rebuild_tensor_v3"), {bytes, integer(12), shape, strides, "\x89", hooks, dtype, "N"}));
  EXPECT_EQ(typed.type, FileType::i16);
  EXPECT_EQ(typed.first, 12U);
  EXPECT_EQ(made(tensor(floats, 3, {}, {})).shape.number, 0U);
}

// A tensor to which somebody gave attributes.
TEST_F(RebuildTest, AttributesSayNothingUnlessTheyAreTensors) {
  const std::string arguments = tuple({floats, integer(0), counts({12}), counts({1}), "\x89", ordered_dict()});
  const std::string v2 = rebuild("_rebuild_tensor_v2");
  const auto from_type = [&](const std::string& function, const std::string& type, const std::string& state) {
    return call(named("torch._tensor", "_rebuild_from_type_v2"), {function, type, arguments, state});
  };
  const auto parameter = [&](const std::string& state) {
    return call(rebuild("_rebuild_parameter_with_state"), {v2 + arguments + "R", "\x88", ordered_dict(), state});
  };
  const std::string tensor_class = named("torch", "Tensor");
  const std::string tag = dict({{"tag", text("x")}});
  for (const std::string& state : {tag, "N"s, "}"s, tuple({tag, "N"}), tuple({"N", tag})}) {
    EXPECT_EQ(made(from_type(v2, tensor_class, state)).shape.number, 1U);
    EXPECT_EQ(made(parameter(state)).shape.number, 1U);
  }
  std::vector<std::pair<std::string, std::string>> many(65, {"a", "N"});
  for (const std::string& state :
       {dict({{"data", tensor(floats, 0, {1}, {1})}}), tuple({"N", dict({{"data", tensor(floats, 0, {1}, {1})}})}), dict(many), text("x"),
        tuple({tag, tag, tag})}) {
    for (const std::string& code : {from_type(v2, tensor_class, state), parameter(state)}) {
      const auto refused = run(code);
      ASSERT_FALSE(refused.ok());
      EXPECT_EQ(refused.error().code, ErrorCode::unsupported) << message(refused.error());
    }
  }
  expect_corrupt(from_type(named("torch._tensor", "_rebuild_from_type_v2"), tensor_class, "N"), "does not rebuild a tensor");
  expect_corrupt(from_type(v2, named("torch", "FloatStorage"), "N"), "does not rebuild a tensor");
  expect_corrupt(call(named("torch._tensor", "_rebuild_from_type_v2"), {v2, tensor_class, arguments}), "does not rebuild a tensor");
  expect_corrupt(call(rebuild("_rebuild_parameter_with_state"), {floats}), "has 1 arguments");
  expect_corrupt(call(tensor_class, {}), "REDUCE calls torch.Tensor, which is no function");
}

// A view's conjugate and negative bits are told there: the storage then holds other numbers than the tensor.
TEST_F(RebuildTest, ATensorWithMetadataIsUnsupported) {
  const std::string negative = "}" + text("neg") + "\x88s";
  const auto value =
      run(call(rebuild("_rebuild_tensor_v2"), {floats, integer(0), counts({12}), counts({1}), "\x89", ordered_dict(), negative}));
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().code, ErrorCode::unsupported);
  EXPECT_THAT(message(value.error()), HasSubstr("a tensor with metadata"));
}

TEST_F(RebuildTest, EveryStorageHasItsType) {
  for (const auto& [name, type] : std::vector<std::pair<std::string, FileType>>{{"FloatStorage", FileType::f32},
                                                                                {"HalfStorage", FileType::f16},
                                                                                {"BFloat16Storage", FileType::bf16},
                                                                                {"DoubleStorage", FileType::f64},
                                                                                {"LongStorage", FileType::i64},
                                                                                {"IntStorage", FileType::i32},
                                                                                {"ShortStorage", FileType::i16},
                                                                                {"CharStorage", FileType::i8},
                                                                                {"ByteStorage", FileType::u8},
                                                                                {"BoolStorage", FileType::boolean},
                                                                                {"ComplexFloatStorage", FileType::c64}}) {
    const auto value = run(storage(name, "k", 3));
    ASSERT_TRUE(value.ok()) << name;
    EXPECT_EQ(values_->storage(value->index).type, type) << name;
    EXPECT_EQ(values_->storage(value->index).bytes, 3 * file_type_bits(type) / 8) << name;
  }
}

TEST_F(RebuildTest, WhatATensorSpansLiesWithinItsStorage) {
  constexpr std::int64_t kMost = INT64_MAX;
  EXPECT_EQ(made(tensor(floats, 0, {12}, {1})).shape.number, 1U);
  EXPECT_EQ(made(tensor(floats, 11, {1}, {kMost})).first, 11U);
  EXPECT_EQ(made(tensor(floats, 0, {2, 3}, {1, 5})).strides.number, 2U);
  EXPECT_EQ(made(tensor(floats, 0, {kMost}, {0})).shape.number, 1U);           // repeats one element: spans one
  EXPECT_EQ(made(tensor(floats, 99, {kMost, 0}, {kMost, kMost})).first, 99U);  // has none
  for (const std::string& code :
       {tensor(floats, 0, {13}, {1}), tensor(floats, 1, {12}, {1}), tensor(floats, 12, {}, {}), tensor(floats, 0, {2}, {12}),
        tensor(floats, 0, {2, 3}, {1, 6}), tensor(floats, kMost, {2}, {1}), tensor(floats, 0, {kMost}, {kMost}),
        tensor(floats, 0, {1LL << 32U, 1LL << 32U}, {1LL << 32U, 1}), tensor(floats, kMost, {2, 2, 2}, {kMost, kMost, kMost}),
        tensor(floats, 0, {kMost}, {2}), tensor(floats, 0, {(1LL << 62U) + 1}, {4})})
    expect_corrupt(code, "spans more than its storage, which has 48 bytes");
  // A wider dtype than the storage was counted in.
  expect_corrupt(
      call(rebuild("_rebuild_tensor_v3"), {floats, integer(0), counts({7}), counts({1}), "\x89", ordered_dict(), named("torch", "int64")}),
      "spans more than its storage");
}

// What stands behind a shape in memory is none of it: here its own strides were made first.
TEST_F(RebuildTest, AsManySizesCountAsThereAre) {
  const std::string code = call(rebuild("_rebuild_tensor_v2"), {floats, integer(0), counts({3, 4}), "h\0"s, "\x89", "}"});
  const auto value = run("(" + counts({4, 1}) + "q\0"s + code + "t");
  ASSERT_TRUE(value.ok()) << message(value.error());
  EXPECT_EQ(values_->items(*value)[1].kind, Kind::tensor);
}

TEST_F(RebuildTest, ArgumentsAreCheckedByKind) {
  const std::string shape = counts({2});
  const std::string strides = counts({1});
  const auto v2 = [&](std::vector<std::string> arguments) { return call(rebuild("_rebuild_tensor_v2"), std::move(arguments)); };
  expect_corrupt(v2({}), "_rebuild_tensor_v2 has 0 arguments");
  expect_corrupt(v2({floats, integer(0), shape, strides, "\x89"}), "has 5 arguments");
  expect_corrupt(v2({floats, integer(0), shape, strides, "\x89", "N", "N", "N"}), "has 8 arguments");
  expect_corrupt(call(rebuild("_rebuild_tensor"), {floats, integer(0), shape, strides, "\x89"}), "has 5 arguments");
  expect_corrupt(v2({"N", integer(0), shape, strides, "\x89", "N"}), "made of None");
  expect_corrupt(v2({tensor(floats, 0, {1}, {1}), integer(0), shape, strides, "\x89", "N"}), "made of a tensor");
  expect_corrupt(v2({floats, integer(-1), shape, strides, "\x89", "N"}), "offset of a tensor is no count");
  expect_corrupt(v2({floats, text("0"), shape, strides, "\x89", "N"}), "offset of a tensor is no count");
  expect_corrupt(v2({floats, "\x8a\x09" + std::string(9, '\1'), shape, strides, "\x89", "N"}), "offset of a tensor is no count");
  expect_corrupt(v2({floats, integer(0), integer(2), strides, "\x89", "N"}), "the shape of a tensor is an integer");
  expect_corrupt(v2({floats, integer(0), list({integer(2)}), strides, "\x89", "N"}), "the shape of a tensor is a list");
  expect_corrupt(v2({floats, integer(0), counts({-2}), strides, "\x89", "N"}), "the shape of a tensor holds something other than counts");
  expect_corrupt(v2({floats, integer(0), tuple({"\x88"}), strides, "\x89", "N"}), "the shape of a tensor holds something other");
  expect_corrupt(v2({floats, integer(0), shape, counts({-1}), "\x89", "N"}), "the strides of a tensor holds something other");
  expect_corrupt(v2({floats, integer(0), shape, counts({1, 1}), "\x89", "N"}), "as many strides as dimensions");
  expect_corrupt(v2({floats, integer(0), shape, strides, text("yes"), "N"}), "has a text as argument 5");
  expect_corrupt(v2({floats, integer(0), shape, strides, "\x89", named("torch", "Size")}), "has a global as argument 6");
  expect_corrupt(call(rebuild("_rebuild_tensor_v3"), {floats, integer(0), shape, strides, "\x89", "N", named("torch", "Size")}),
                 "the dtype of a tensor is a global");
  expect_corrupt(call(rebuild("_rebuild_parameter"), {floats, "\x88", "N"}), "_rebuild_parameter is not given a tensor");
  expect_corrupt(call(rebuild("_rebuild_parameter"), {}), "is not given a tensor");
  expect_corrupt(call(named("torch", "Size"), {integer(3)}), "a torch.Size is not made of a tuple");
  expect_corrupt(call(named("torch", "FloatStorage"), {}), "REDUCE calls torch.FloatStorage, which is no function");
  expect_corrupt(call(named("torch", "float32"), {}), "REDUCE calls torch.float32, which is no function");
  expect_corrupt(named("torch", "FloatStorage") + ")\x81", "NEWOBJ makes an object of torch.FloatStorage");
  expect_corrupt(named("torch", "Size") + ")\x81", "NEWOBJ makes an object of torch.Size");
  expect_corrupt(named("collections", "OrderedDict") + "N\x85\x81", "NEWOBJ makes an object of collections.OrderedDict");
  expect_corrupt(tensor(floats, 0, {1}, {1}) + ")b", "BUILD wants an OrderedDict and finds a tensor");
  const std::vector<std::int64_t> many(65, 1);
  EXPECT_EQ(run(tensor(floats, 0, many, many)).error().code, ErrorCode::unsupported);
  EXPECT_TRUE(run(call(named("torch", "device"), {text("cuda"), integer(0)})).ok());
}

TEST_F(RebuildTest, OrderedDictsMayBeMadeOfPairs) {
  EXPECT_EQ(run(named("collections", "OrderedDict") + ")\x81")->kind, Kind::dict);
  const auto dict = run(call(named("collections", "OrderedDict"), {list({list({text("a"), "N"}), tuple({text("b"), "\x88"})})}));
  ASSERT_TRUE(dict.ok()) << message(dict.error());
  const Node& first = values_->node(values_->first(*dict));
  EXPECT_EQ(values_->text(first.key), "a");
  EXPECT_EQ(values_->text(values_->node(first.next).key), "b");
  for (const std::string& items :
       {"N"s, tuple({}), list({"N"}), list({list({text("a")})}), list({tuple({"N", "N", "N"})}), list({list({"N", "N", "N"})}),
        list({tuple({"]", "N"})}), list({"N", "N"}), list({list(std::vector<std::string>(100'000, "N"))})})
    expect_corrupt(call(named("collections", "OrderedDict"), {items}), "not made of a list of pairs");
  expect_corrupt(call(named("collections", "OrderedDict"), {list({}), "N"}), "not made of a list of pairs");
}

TEST_F(RebuildTest, PersistentIdsAreThoseOfStorages) {
  const std::string cls = named("torch", "FloatStorage");
  const auto id = [](const std::vector<std::string>& items) { return tuple(items) + "Q"; };
  const std::vector<std::string> good = {text("storage"), cls, text("0"), text("cpu"), integer(12)};
  const auto with = [&](std::size_t i, const std::string& item) {
    std::vector<std::string> changed = good;
    changed[i] = item;
    return id(changed);
  };
  const auto more = [&](const std::string& item) {
    std::vector<std::string> longer = good;
    longer.push_back(item);
    return id(longer);
  };
  EXPECT_TRUE(run(id(good)).ok());
  EXPECT_TRUE(run(more("N")).ok());
  expect_corrupt(id({}), "a persistent id has 0 items");
  expect_corrupt(with(0, text("module")), "not that of a storage");
  expect_corrupt(with(0, "N"), "not that of a storage");
  expect_corrupt(with(1, named("torch", "float32")), "class of a storage is a global");
  expect_corrupt(with(1, text("FloatStorage")), "class of a storage is a text");
  expect_corrupt(with(2, integer(0)), "must be texts");
  expect_corrupt(with(3, "N"), "must be texts");
  EXPECT_TRUE(run(with(2, text(std::string(255, 'k')))).ok());
  expect_corrupt(with(2, text(std::string(256, 'k'))), "the key of a storage has 256 bytes");
  expect_corrupt(with(4, integer(-1)), "size of a storage is no count");
  expect_corrupt(with(4, "\x88"), "size of a storage is no count");
  expect_corrupt(with(4, integer(INT64_MAX)), "does not fit 64 bits");
  expect_corrupt(more(integer(1)), "the view of a storage is an integer");
  expect_corrupt(more(tuple({text("v"), integer(0)})), "the view of a storage is a tuple");
  expect_corrupt(more(tuple({text("v"), integer(-1), integer(1)})), "the view of a storage is none");
  expect_corrupt(more(tuple({text("v"), integer(13), integer(0)})), "goes beyond its 48 bytes");
  expect_corrupt(more(tuple({text("v"), integer(4), integer(9)})), "goes beyond its 48 bytes");
  expect_corrupt(more(tuple({text("v"), integer(INT64_MAX), integer(2)})), "goes beyond its 48 bytes");
  EXPECT_TRUE(run(more(tuple({text("v"), integer(12), integer(0)}))).ok());
  const std::string view = more(tuple({text("v"), integer(4), integer(8)}));
  EXPECT_EQ(values_->storage(made(tensor(view, 0, {8}, {1})).storage).view_offset, 16U);
  expect_corrupt(tensor(view, 0, {9}, {1}), "spans more than its storage, which has 32 bytes");
}

}  // namespace
}  // namespace plimsoll::torch
