#include "checkpoint/torch/torch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "checkpoint/builders.h"
#include "checkpoint/torch/builders.h"

namespace plimsoll::torch {
namespace {

using namespace std::string_literals;
using namespace testing::pickle;
using testing::counting;
using testing::Entries;
using testing::FakeFile;
using testing::FakeOs;
using ::testing::HasSubstr;
using testing::kAmple;
using testing::legacy_file;
using testing::LegacyStorage;
using testing::little;
using testing::torch_entries;
using testing::zip_file;

/// Keeps what it is given.
class Recorder final : public HeaderSink {
 public:
  struct Tensor {
    FileType type = FileType::u8;
    std::vector<std::int64_t> shape;
    std::vector<std::int64_t> strides;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };
  Status on_tensor(const HeaderEntry& entry) override {
    names.emplace_back(entry.name);
    tensors[names.back()] = {
        entry.type, {entry.shape.begin(), entry.shape.end()}, {entry.strides.begin(), entry.strides.end()}, entry.offset, entry.bytes};
    return {};
  }
  Status on_metadata(std::string_view /*key*/) override { return {}; }

  std::vector<std::string> names;
  std::map<std::string, Tensor> tensors;
};

class TorchFileTest : public ::testing::Test {
 protected:
  Result<Recorder> read(const std::string& bytes) {
    FakeFile file("m.bin", bytes, os.gate());
    Recorder recorder;
    Opening opening;
    PLIMSOLL_CHECK(read_torch_file(os, ledger, file, recorder, opening));
    return recorder;
  }

  void expect_error(const std::string& bytes, ErrorCode code, const std::string& text) {
    const auto result = read(bytes);
    ASSERT_FALSE(result.ok()) << "wanted: " << text;
    EXPECT_EQ(result.error().code, code) << message(result.error());
    EXPECT_THAT(message(result.error()), HasSubstr(text));
    EXPECT_THAT(result.error().where, HasSubstr("m.bin"));
    EXPECT_EQ(ledger.current(), Bytes{0});
  }

  // The same object in both forms.
  static std::string archive(const std::string& held, const std::vector<LegacyStorage>& storages) {
    Entries entries;
    for (const LegacyStorage& storage : storages) entries.emplace_back(storage.key, storage.data);
    return zip_file(torch_entries(held, entries)).bytes;
  }
  void expect_both(const std::string& held, const std::vector<LegacyStorage>& storages, ErrorCode code, const std::string& text) {
    SCOPED_TRACE(text);
    expect_error(archive(held, storages), code, text);
    expect_error(legacy_file(held, storages), code, text);
  }

  FakeOs os;
  Ledger ledger{"cpu", kAmple};
  const std::string floats = storage("FloatStorage", "0", 12);
  const std::string halves = storage("HalfStorage", "11", 4);
  const std::vector<LegacyStorage> both = {{"0", 12, counting(48)}, {"11", 4, "ABCDEFGH"}};
  const std::string object = dict({{"weight", tensor(floats, 0, {3, 4}, {4, 1})},
                                   {"tied", tensor(floats, 0, {3, 4}, {4, 1})},
                                   {"transposed", tensor(floats, 2, {2, 3}, {1, 3})},
                                   {"scalar", tensor(halves, 3, {}, {})},
                                   {"one", tensor(halves, 0, {1, 4, 1}, {77, 1, 99})},
                                   {"none", tensor(halves, 4, {4, 0}, {1, 1})},
                                   {"epoch", integer(3)},
                                   {"more", dict({{"x", "N"}})}});
};

TEST_F(TorchFileTest, GivesTheTensorsOfBothForms) {
  for (const std::string& bytes : {archive(object, both), legacy_file(object, both)}) {
    const auto result = read(bytes);
    ASSERT_TRUE(result.ok()) << message(result.error());
    EXPECT_THAT(result->names, ::testing::ElementsAre("weight", "tied", "transposed", "scalar", "one", "none"));
    const auto& all = result->tensors;
    EXPECT_EQ(all.at("weight").shape, (std::vector<std::int64_t>{3, 4}));
    EXPECT_TRUE(all.at("weight").strides.empty());
    EXPECT_EQ(bytes.substr(all.at("weight").offset, all.at("weight").bytes), counting(48));
    EXPECT_EQ(all.at("tied").offset, all.at("weight").offset);
    EXPECT_EQ(all.at("transposed").offset, all.at("weight").offset + 8);
    EXPECT_EQ(all.at("transposed").strides, (std::vector<std::int64_t>{1, 3}));
    EXPECT_EQ(all.at("transposed").bytes, 24U);
    EXPECT_EQ(all.at("scalar").type, FileType::f16);
    EXPECT_EQ(bytes.substr(all.at("scalar").offset, all.at("scalar").bytes), "GH");
    EXPECT_TRUE(all.at("one").strides.empty());
    EXPECT_EQ(all.at("none").bytes, 0U);
    EXPECT_LE(all.at("none").offset, bytes.size());
    EXPECT_EQ(ledger.current(), Bytes{0});
  }
}

TEST_F(TorchFileTest, ViewsOfLegacyStoragesBeginWhereTheySay) {
  const std::string view = tuple({text("storage"), named("torch", "FloatStorage"), text("0"), text("cpu"), integer(12),
                                  tuple({text("v"), integer(4), integer(8)})}) +
                           "Q";
  const std::string bytes = legacy_file(dict({{"a", tensor(view, 1, {2}, {1})}}), {both[0]});
  const auto result = read(bytes);
  ASSERT_TRUE(result.ok()) << message(result.error());
  EXPECT_EQ(bytes.substr(result->tensors.at("a").offset, 8), counting(48).substr(20, 8));
}

// PyTorch takes the first that has a view's key for all, be it a view or a whole storage.
TEST_F(TorchFileTest, ViewsOfOneKeyAgree) {
  const auto view = [](const std::string& type, const std::string& root, const std::string& key, std::int64_t offset, std::int64_t size) {
    const std::string part = tuple({text(key), integer(offset), integer(size)});
    return tuple({text("storage"), named("torch", type), text(root), text("cpu"), integer(root == "0" ? 12 : 4), part}) + "Q";
  };
  const auto pair = [&](const std::string& first, const std::string& second) {
    return legacy_file(dict({{"a", tensor(first, 0, {1}, {1})}, {"b", tensor(second, 0, {1}, {1})}}), both);
  };
  const std::string good = view("FloatStorage", "0", "v", 4, 8);
  const std::string other = view("HalfStorage", "11", "w", 0, 4);
  for (const std::string& bytes : {pair(good, other), pair(other, good)}) {
    const auto result = read(bytes);
    EXPECT_TRUE(result.ok()) << message(result.error());
  }
  const std::string twice =
      legacy_file(dict({{"a", tensor(good, 0, {1}, {1})}, {"b", tensor(good, 1, {1}, {1})}, {"c", tensor(halves, 0, {1}, {1})}}), both);
  EXPECT_TRUE(read(twice).ok());
  for (const std::string& wrong :
       {view("FloatStorage", "0", "w", 3, 8), view("FloatStorage", "0", "w", 0, 4), view("FloatStorage", "0", "w", 0, 2)})
    expect_error(pair(wrong, other), ErrorCode::corrupt_file, "the view \"w\" is described in two ways");
  for (const char* root : {"0", "11"}) {
    expect_error(pair(view("FloatStorage", "0", root, 4, 8), other), ErrorCode::corrupt_file,
                 "\"" + std::string(root) + "\" is described in two ways");
  }
  const std::string far(256, 'v');
  expect_error(pair(view("FloatStorage", "0", far, 4, 8), other), ErrorCode::corrupt_file, "has 256 bytes");
}

TEST_F(TorchFileTest, RefusesWhatIsNoDictOfTensors) {
  expect_both("N", {}, ErrorCode::corrupt_file, "holds None, not a dict of tensors");
  expect_both(tensor(floats, 0, {1}, {1}), {both[0]}, ErrorCode::corrupt_file, "holds a tensor, not a dict");
  expect_both("}", {}, ErrorCode::unsupported, "holds no tensors at its top level");
  expect_both(dict({{"epoch", integer(1)}, {"args", "}"}}), {}, ErrorCode::unsupported, "holds no tensors at its top level");
  expect_both(dict({{"epoch", integer(1)}, {"state_dict", dict({{"w", tensor(floats, 0, {1}, {1})}})}}), {both[0]}, ErrorCode::unsupported,
              "one level down, under \"state_dict\"");
  expect_both("}" + integer(1) + tensor(floats, 0, {1}, {1}) + "s", {both[0]}, ErrorCode::corrupt_file, "has an integer as its name");
  expect_both(dict({{"w", tensor(floats, 0, {1000, 1000}, {0, 0})}}), {both[0]}, ErrorCode::unsupported,
              "it repeats its elements: 4000000 bytes");
  expect_both(dict({{"a\nb", tensor(floats, 0, {1LL << 40U, 1LL << 40U}, {0, 0})}}), {both[0]}, ErrorCode::corrupt_file,
              "does not fit 64 bits (m.bin: tensor a\\x0ab)");
  expect_both(named("os", "system"), {}, ErrorCode::unsupported, "the global os.system");
}

TEST_F(TorchFileTest, NoKeyOfAFileGoesIntoCodeThatItAdvises) {
  const auto advice = [&](const std::string& key) {
    const auto result = read(archive(dict({{key, dict({{"w", tensor(floats, 0, {1}, {1})}})}}), {both[0]}));
    EXPECT_EQ(result.error().code, ErrorCode::unsupported);
    return result.error().advice;
  };
  EXPECT_EQ(advice("ema.state-dict_1"),
            "save only them, as pytorch_model.bin: torch.save(torch.load(path, weights_only=True)[\"ema.state-dict_1\"], "
            "\"pytorch_model.bin\")");
  for (const std::string key : {"a\"]); __import__(\"os\").system(\"id\"); ([{\"", "a b", "\\", "", "\xC3\xA9"})
    EXPECT_EQ(advice(key), "save only them, as pytorch_model.bin") << key;
  EXPECT_EQ(advice(std::string(81, 'a')), "save only them, as pytorch_model.bin");
}

TEST_F(TorchFileTest, StoragesAreTheirOwnSize) {
  const std::string one = dict({{"w", tensor(floats, 0, {12}, {1})}});
  expect_error(archive(one, {{"0", 12, counting(47)}}), ErrorCode::corrupt_file, "\"data/0\" has 47 bytes, but the pickle says 48");
  expect_error(archive(one, {{"0", 12, counting(52)}}), ErrorCode::corrupt_file, "\"data/0\" has 52 bytes, but the pickle says 48");
  expect_error(archive(one, {{"0", 12, ""}}), ErrorCode::corrupt_file, "\"data/0\" has 0 bytes");
  EXPECT_TRUE(read(archive(one, {{"0", 12, counting(50)}})).ok());  // no whole element more
  expect_error(archive(one, {}), ErrorCode::corrupt_file, "lacks the storage \"data/0\"");
  expect_error(legacy_file(one, {{"0", 11, counting(48)}}), ErrorCode::corrupt_file, "has 11 elements, but the pickle says 48 bytes");
  expect_error(legacy_file(one, {{"0", ~0ULL, counting(48)}}), ErrorCode::corrupt_file, "has -1 elements");
  expect_error(legacy_file(one, {{"0", 12, counting(47)}}), ErrorCode::corrupt_file, "\"0\" is cut off");
  expect_error(legacy_file(one, {{"0", 12, counting(49)}}), ErrorCode::corrupt_file, "followed by something else");
  expect_error(legacy_file(one, {}), ErrorCode::corrupt_file, "is not in the file's list");
  expect_error(legacy_file(one, {both[0], both[0]}), ErrorCode::corrupt_file, "is listed twice");
  expect_error(legacy_file(one, both), ErrorCode::corrupt_file, "\"11\" belongs to no tensor");
  const std::string five = dict({{"w", tensor(storage("FloatStorage", "5", 12), 0, {12}, {1})}});
  expect_error(legacy_file(five, {{"4", 12, counting(48)}, {"5", 12, counting(48)}}), ErrorCode::corrupt_file,
               "\"4\" belongs to no tensor");
  const std::string empty = legacy_file(dict({{"w", tensor(storage("FloatStorage", "0", 0), 0, {0}, {1})}}), {{"0", 0, ""}});
  EXPECT_TRUE(read(empty).ok());
  expect_error(empty.substr(0, empty.size() - 1), ErrorCode::corrupt_file,
               "\"0\" is cut off (m.bin at byte " + std::to_string(empty.size() - 8));
  const std::string many = dict({{"w", tensor(storage("DoubleStorage", "0", 1LL << 59U), 0, {1LL << 59U}, {1})}});
  expect_both(many, {{"0", 1ULL << 59U, counting(48)}}, ErrorCode::corrupt_file, "\"");
  EXPECT_LE(ledger.peak(), mib(1));
}

TEST_F(TorchFileTest, StoragesOfOneKeyAgree) {
  for (const std::string& other : {storage("IntStorage", "0", 12), storage("FloatStorage", "0", 11)}) {
    expect_both(dict({{"a", tensor(floats, 0, {1}, {1})}, {"b", tensor(other, 0, {1}, {1})}}), {both[0]}, ErrorCode::corrupt_file,
                "the storage \"0\" is described in two ways");
  }
  expect_error(archive(dict({{"a", tensor(storage("FloatStorage", "../data.pkl", 12), 0, {1}, {1})}}), {}), ErrorCode::corrupt_file,
               "lacks the storage \"data/../data.pkl\"");
}

TEST_F(TorchFileTest, RefusesOtherKindsOfArchives) {
  const auto with = [&](Entries more, std::size_t drop = 99) {
    Entries entries = torch_entries(object, {{"0", both[0].data}, {"11", both[1].data}});
    if (drop < entries.size()) entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(drop));
    entries.insert(entries.end(), more.begin(), more.end());
    return zip_file(entries).bytes;
  };
  const auto script = zip_file({{"m/code/a.py", "x"}, {"m/constants.pkl", "x"}});
  expect_error(script.with(script.central[0] + 10, 8, 2).with(script.local[0] + 8, 8, 2).bytes, ErrorCode::unsupported,
               "a TorchScript program");
  expect_error(with({{"m/byteorder", "big"}}, 1), ErrorCode::unsupported, "the byte order \"big\"");
  expect_error(with({{"m/byteorder", std::string(16, 'x')}}, 1), ErrorCode::unsupported, "the byte order \"xxxxxxxxxxxxxxxx\"");
  expect_error(with({{"m/byteorder", std::string(17, 'x')}}, 1), ErrorCode::corrupt_file, "\"byteorder\" has 17 bytes");
  EXPECT_TRUE(read(with({}, 1)).ok());
  for (const char* name : {"BYTEORDER", "Constants.pkl", ".data/Version"})
    expect_error(with({{"m/" + std::string(name), "little"}}, 1), ErrorCode::corrupt_file, name);
  for (const std::string version : {"0", "11", "x", "-1", "300", " 3"})
    expect_error(with({{"m/version", version}}, 4), ErrorCode::unsupported, "the unknown version \"" + version + "\"");
  expect_error(with({{"m/.data/version", "99"}}), ErrorCode::unsupported, "the unknown version \"99\"");
  for (const char* version : {"1", "9\n", "10\n"}) EXPECT_TRUE(read(with({{"m/version", version}}, 4)).ok()) << version;
  expect_error(with({{"m/data.pk", "x"}}, 0), ErrorCode::corrupt_file, "no entry data.pkl");
  const auto zip = zip_file(torch_entries(object, {{"0", both[0].data}, {"11", both[1].data}}));
  // A bomb: eight bytes that say they are four billion.
  const auto bomb = zip.with(zip.central[3] + 10, 8, 2).with(zip.local[3] + 8, 8, 2).with(zip.central[3] + 24, 0xFFFFFFF0, 4);
  expect_error(bomb.bytes, ErrorCode::unsupported, "the entry \"data/11\" is compressed (method 8)");
  EXPECT_LE(ledger.peak(), mib(1));
  expect_error(zip.with(zip.central[0] + 16, 1, 4).bytes, ErrorCode::corrupt_file, "\"data.pkl\" does not have the checksum");
  expect_error(zip.with(zip.central[1] + 16, 1, 4).bytes, ErrorCode::corrupt_file, "\"byteorder\" does not have the checksum");
  EXPECT_TRUE(read(zip.with(zip.central[0] + 16, 0, 4).bytes).ok()) << "PyTorch writes none when told to";
}

// As pickle writes the magic number by other protocols than torch.save's own.
TEST_F(TorchFileTest, NamesTheProtocolThatIsNotRead) {
  const std::string digits = testing::legacy_magic().substr(2);
  expect_error("L119547037146038801333356L\n.", ErrorCode::unsupported, "of pickle protocol 0 or 1");
  expect_error("\x80\x03" + digits, ErrorCode::unsupported, "of pickle protocol 3");
  expect_error("\x80\x05\x95\x0D" + std::string(7, '\0') + digits, ErrorCode::unsupported, "of pickle protocol 5");
}

TEST_F(TorchFileTest, RefusesOtherKindsOfLegacyFiles) {
  expect_error("", ErrorCode::corrupt_file, "no file of torch.save");
  expect_error("\x80\x02", ErrorCode::corrupt_file, "no file of torch.save");
  expect_error("PK\x03\x04", ErrorCode::corrupt_file, "4 bytes, too few for an archive");
  expect_error(testing::legacy_magic(), ErrorCode::corrupt_file, "the pickle ends early");
  expect_error(std::string(600, '\0'), ErrorCode::corrupt_file, "no file of torch.save");
  std::string magic = legacy_file(object, both);
  magic[4] = 'm';
  expect_error(magic, ErrorCode::corrupt_file, "no file of torch.save");
  expect_error("version https://git-lfs.github.com/spec/v1\n", ErrorCode::corrupt_file, "a Git LFS pointer");
  expect_error(legacy_file(object, both, 1000), ErrorCode::unsupported, "another protocol than 1001");
  expect_error(legacy_file(object, both, 1001, "\x89"), ErrorCode::unsupported, "not written by a little-endian machine");
  expect_error(legacy_file(object, both, 1001, "K\x01"), ErrorCode::unsupported, "not written by a little-endian machine");
  const auto parts = [&](const std::string& protocol, const std::string& facts, const std::string& keys) {
    return testing::legacy_magic() + whole(protocol) + whole(facts) + whole(object) + whole(keys);
  };
  const std::string good = dict({{"little_endian", "\x88"}});
  expect_error(parts(text("1001"), good, "]"), ErrorCode::unsupported, "another protocol");
  expect_error(parts(integer(1001), "N", "]"), ErrorCode::corrupt_file, "facts about the machine are None");
  expect_error(parts(integer(1001), "}", "]"), ErrorCode::unsupported, "little-endian");
  expect_error(parts(integer(1001), dict({{"little_endian", "\x88"}, {"protocol_version", integer(7)}}), "]"), ErrorCode::corrupt_file,
               "two protocols");
  expect_error(parts(integer(1001), good, "N"), ErrorCode::corrupt_file, "the list of storages is None");
  expect_error(parts(integer(1001), good, list({integer(0)})), ErrorCode::corrupt_file, "the list of storages holds an integer");
}

TEST_F(TorchFileTest, AFileCutAtAnyByteIsATypedError) {
  for (const std::string& whole_file : {archive(object, both), legacy_file(object, both)}) {
    for (std::size_t length = 0; length < whole_file.size(); ++length) {
      const auto result = read(whole_file.substr(0, length));
      ASSERT_FALSE(result.ok()) << length;
      EXPECT_EQ(result.error().code, ErrorCode::corrupt_file) << length << ": " << message(result.error());
      EXPECT_THAT(result.error().where, HasSubstr("m.bin")) << length;
      ASSERT_EQ(ledger.current(), Bytes{0});
    }
  }
}

// A pickle that is longer than the first read, and one whose text claims more than the file has.
TEST_F(TorchFileTest, LegacyPicklesAreReadAsFarAsTheyGo) {
  std::vector<std::pair<std::string, std::string>> members;
  for (int i = 0; i < 3000; ++i) members.emplace_back("layer." + std::to_string(i), tensor(floats, 0, {12}, {1}));
  const auto result = read(legacy_file(dict(members), {both[0]}));
  ASSERT_TRUE(result.ok()) << message(result.error());
  EXPECT_EQ(result->names.size(), 3000U);
  // One whose last byte is the file's, and the first that is read for it alone.
  std::string keys = "]r\0\0\0\0"s;
  while (keys.size() + 3 < 4097) keys += "q\0"s;
  const std::string last = legacy_file("}", {});
  expect_error(last.substr(0, last.size() - whole(list({})).size()) + whole(keys), ErrorCode::unsupported, "holds no tensors");
  const std::string lie = testing::legacy_magic() + whole(integer(1001)) + whole(dict({{"little_endian", "\x88"}})) + "\x80\x02X" +
                          little(0x7FFFFFFF, 4) + std::string(1000, 'x');
  Ledger before("cpu", kAmple);
  expect_error(lie, ErrorCode::corrupt_file, "the pickle ends early");
}

// Many members that are one long dict, and many storages of one long key: neither takes the square of the time.
TEST_F(TorchFileTest, WhatIsNamedOftenIsLookedAtOnce) {
  std::string members = "}q\0("s;
  for (int i = 0; i < 150'000; ++i) members += "NN";
  members += "u";
  std::string again = "}(" + text("first") + members;
  for (int i = 0; i < 150'000; ++i) again += text("k") + "h\0"s;
  expect_both(again + "u", {}, ErrorCode::unsupported, "holds no tensors");
}

TEST_F(TorchFileTest, EveryAcquisitionMayFail) {
  for (const std::string& bytes : {archive(object, both), legacy_file(object, both)}) {
    std::uint64_t n = 1;
    for (;; ++n) {
      os.gate().refuse({.ordinal = n});
      const auto result = read(bytes);
      if (os.gate().refused() == 0) {
        EXPECT_TRUE(result.ok());
        break;
      }
      ASSERT_FALSE(result.ok()) << n;
      EXPECT_THAT(error_code_name(result.error().code), ::testing::AnyOf("io", "out_of_memory")) << message(result.error());
      EXPECT_EQ(ledger.current(), Bytes{0});
    }
    EXPECT_GT(n, 15U);
    os.gate().refuse({});
  }
}

TEST_F(TorchFileTest, RandomChangesGiveATypedErrorOrSoundTensors) {
  std::mt19937 random(20240229);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::size_t accepted = 0;
  for (const std::string& good : {whole(object), legacy_file(object, both), archive(object, both)}) {
    for (int round = 0; round < 4000; ++round) {
      std::string changed = good;
      for (std::size_t change = 1 + below(3); change > 0; --change) {
        const std::size_t at = below(changed.size());
        switch (below(4)) {
          case 0: changed[at] = static_cast<char>(random()); break;
          case 1: changed[at] = "()NQRTacehjqrstu]}.\x80\x81\x85\x86\x87\x8a\x8f\xFF"[below(28)]; break;
          case 2: changed.erase(at, 1 + below(4)); break;
          default: changed.insert(at, changed.substr(below(changed.size()), 1 + below(24))); break;
        }
        if (changed.empty()) changed = "x";
      }
      // A changed pickle gets a true checksum, so that more than the checksum is asked.
      if (good.starts_with("\x80\x02}")) {
        Entries entries = torch_entries(object, {{"0", both[0].data}, {"11", both[1].data}});
        entries[0].second = changed;
        changed = zip_file(entries).bytes;
      }
      const auto result = read(changed);
      ASSERT_EQ(ledger.current(), Bytes{0});
      if (!result.ok()) {
        ASSERT_THAT(error_code_name(result.error().code), ::testing::AnyOf("corrupt_file", "unsupported")) << message(result.error());
        continue;
      }
      ++accepted;
      for (const auto& [name, t] : result->tensors) {
        std::uint64_t last = t.offset;
        for (std::size_t i = 0; i < t.strides.size(); ++i)
          last += static_cast<std::uint64_t>((t.shape[i] - 1) * t.strides[i]) * file_type_bits(t.type) / 8;
        ASSERT_LE(t.strides.empty() ? t.offset + t.bytes : last + file_type_bits(t.type) / 8, changed.size());
      }
    }
  }
  EXPECT_GT(accepted, 100U);
  EXPECT_LT(accepted, 9000U);
}

}  // namespace
}  // namespace plimsoll::torch
