// What a file may be at most, and what lies just within it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/builders.h"
#include "checkpoint/torch/builders.h"
#include "checkpoint/torch/limits.h"
#include "checkpoint/torch/torch_file.h"
#include "checkpoint/torch/zip_directory.h"

namespace plimsoll::torch {
namespace {

using namespace std::string_literals;
using namespace testing::pickle;
using testing::Entries;
using testing::FakeFile;
using testing::FakeOs;
using ::testing::HasSubstr;
using testing::kAmple;
using testing::legacy_file;
using testing::torch_entries;
using testing::zip_file;

class TorchLimitsTest : public ::testing::Test {
 protected:
  class LastRank final : public HeaderSink {
   public:
    explicit LastRank(std::size_t& rank) : rank_(rank) {}
    Status on_tensor(const HeaderEntry& entry) override {
      rank_ = entry.shape.size();
      return {};
    }
    Status on_metadata(std::string_view /*key*/) override { return {}; }

   private:
    std::size_t& rank_;
  };

  Status read(const std::string& bytes, Opening& opening) {
    FakeFile file("m.bin", bytes, os.gate());
    LastRank sink(rank);
    return read_torch_file(os, ledger, file, sink, opening);
  }
  Status read(const std::string& bytes) {
    Opening opening;
    return read(bytes, opening);
  }

  // A dict of one tensor whose whole pickle has `size` bytes.
  static std::string object_of(std::size_t size) {
    const auto with = [](std::size_t count) {
      return dict({{"w", tensor(storage("FloatStorage", "0", 1), 0, {1}, {1})}, {"more", text(std::string(count, 'x'))}});
    };
    return with(size - whole(with(0)).size());
  }
  static std::string archive(const std::string& object) { return zip_file(torch_entries(object, {{"0", "1234"}})).bytes; }
  static std::string legacy(const std::string& object) { return legacy_file(object, {{"0", 1, "1234"}}); }

  // What `read_once` takes off an opening is Opening::kPickleCost times `bytes`, neither more nor less.
  template <typename Read>
  void expect_takes(std::uint64_t bytes, Read read_once) {
    FakeFile other("other.bin", "", os.gate());
    Opening enough;
    ASSERT_TRUE(enough.take(Opening::kBytes - Opening::kPickleCost * bytes, other).ok());
    const Status good = read_once(enough);
    EXPECT_TRUE(good.ok()) << message(good.error());
    EXPECT_FALSE(enough.take(1, other).ok());
    Opening too_little;
    ASSERT_TRUE(too_little.take(Opening::kBytes - Opening::kPickleCost * bytes + 1, other).ok());
    const Status refused = read_once(too_little);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::corrupt_file);
    EXPECT_THAT(message(refused.error()), HasSubstr("bytes that describe the model, where"));
  }

  std::size_t rank = 0;  // of the last tensor that was given
  FakeOs os;
  Ledger ledger{"cpu", kAmple};
};

TEST_F(TorchLimitsTest, APickleHasABound) {
  EXPECT_TRUE(read(archive(object_of(kPickleLimit))).ok());
  const Status longer = read(archive(object_of(kPickleLimit + 1)));
  ASSERT_FALSE(longer.ok());
  EXPECT_EQ(longer.error().code, ErrorCode::unsupported);
  EXPECT_THAT(message(longer.error()), HasSubstr("a pickle of 8388609 bytes, more than any real one (m.bin)"));
  const Status old = read(legacy(object_of(kPickleLimit + 1)));
  ASSERT_FALSE(old.ok());
  EXPECT_EQ(old.error().code, ErrorCode::unsupported);
  EXPECT_THAT(message(old.error()), HasSubstr("more than 8388608 bytes in a pickle (m.bin)"));
}

TEST_F(TorchLimitsTest, PicklesAndDirectoriesTakeTheirBytes) {
  const std::string object = object_of(10'000);
  const std::string zip = archive(object);
  // Names, 46 bytes of the directory and 30 of a local header for each of the four entries.
  const std::uint64_t directory = std::string("m/data.pklm/byteorderm/data/0m/version").size() + 4 * (46 + 30);
  expect_takes(10'000 + directory, [&](Opening& opening) { return read(zip, opening); });
  const std::string old = legacy(object);
  const std::uint64_t pickles = old.size() - testing::legacy_magic().size() - 8 - 4;
  expect_takes(pickles, [&](Opening& opening) { return read(old, opening); });
}

TEST_F(TorchLimitsTest, ADirectoryHasABound) {
  const auto read_directory = [&](std::size_t size) -> Status {
    Entries all;
    for (std::size_t left = size; left > 0;) {
      const std::size_t name = left > 61'000 ? 60'000 : left - 46;
      all.emplace_back("t/" + std::to_string(1000 + all.size()) + std::string(name - 6, 'n'), "");
      left -= 46 + name;
    }
    FakeFile file("m.bin", zip_file(all).bytes, os.gate());
    Opening opening;
    PLIMSOLL_CHECK(ZipDirectory::read(os, ledger, file, opening));
    return {};
  };
  const Status longest = read_directory(kDirectoryLimit);
  EXPECT_TRUE(longest.ok()) << message(longest.error());
  EXPECT_THAT(message(read_directory(kDirectoryLimit + 1).error()), HasSubstr("has 8388609 bytes, more than any real one (m.bin)"));
}

TEST_F(TorchLimitsTest, SixtyFourDimensionsAreRead) {
  const std::string floats = storage("FloatStorage", "0", 1);
  const std::vector<std::int64_t> most(64, 1);
  EXPECT_TRUE(read(archive(dict({{"w", tensor(floats, 0, most, most)}}))).ok());
  EXPECT_EQ(rank, 64U);
  const std::vector<std::int64_t> more(65, 1);
  EXPECT_THAT(message(read(archive(dict({{"w", tensor(floats, 0, more, more)}}))).error()), HasSubstr("more than 64 dimensions"));
}

// A tensor that repeats its elements has at most as many bytes as its file, whose length does not change with the number.
TEST_F(TorchLimitsTest, RepeatedElementsAreAtMostTheFile) {
  const auto file = [](std::size_t count) {
    const auto elements = static_cast<std::int64_t>(count);
    return zip_file(torch_entries(dict({{"w", tensor(storage("ByteStorage", "0", 1), 0, {elements}, {0})}}), {{"0", "1"}})).bytes;
  };
  const std::size_t size = file(1).size();
  EXPECT_TRUE(read(file(size)).ok());
  EXPECT_THAT(message(read(file(size + 1)).error()), HasSubstr("it repeats its elements"));
}

}  // namespace
}  // namespace plimsoll::torch
