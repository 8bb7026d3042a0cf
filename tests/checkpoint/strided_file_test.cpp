#include "checkpoint/strided_file.h"

#include <gtest/gtest.h>
#include <cstring>
#include <random>

#include "checkpoint/builders.h"

namespace plimsoll {
namespace {

using testing::FakeFile;
using testing::FakeOs;

struct View {
  FileType type = FileType::u8;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
};

std::string random_bytes(std::size_t size) {
  std::mt19937 random(7);
  std::string data(size, '\0');
  for (char& c : data) c = static_cast<char>(random());
  return data;
}

// Element by element.
std::string gather(const std::string& data, std::uint64_t offset, const View& view) {
  const std::size_t element = file_type_bits(view.type) / 8;
  std::vector<std::int64_t> index(view.shape.size(), 0);
  std::string all;
  while (true) {
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < index.size(); ++i) at += static_cast<std::uint64_t>(index[i] * view.strides[i]);
    all += data.substr(offset + at * element, element);
    std::size_t i = index.size();
    while (i > 0 && ++index[i - 1] == view.shape[i - 1]) index[--i] = 0;
    if (i == 0) return all;
  }
}

TEST(StridedFile, IsTheTensorRowMajorAtEveryOffset) {
  FakeOs os;
  const std::string data = random_bytes(200'000);
  const auto real = std::make_shared<FakeFile>("real", data, os.gate());
  constexpr std::uint64_t kOffset = 13;
  const std::vector<View> views = {
      {FileType::f32, {7, 5}, {1, 7}},        // transposed
      {FileType::f32, {300, 130}, {1, 300}},  // with runs of more than one window
      {FileType::f16, {130, 300}, {1, 130}},
      {FileType::f32, {6, 4}, {9, 1}},       // columns cut off
      {FileType::f64, {5, 4}, {16, 2}},      // every second column
      {FileType::u8, {9}, {3}},              // one dimension
      {FileType::f32, {2, 3}, {700, 5000}},  // further apart than a window
      {FileType::bf16, {2, 3, 4}, {1, 8, 2}},
      {FileType::i64, {3, 2, 4}, {1, 3, 6}},                // all turned around
      {FileType::f32, {2, 3, 1, 4, 2}, {24, 8, 99, 2, 1}},  // in order, but for a size of one: a single run
      {FileType::f32, {4, 5}, {0, 1}},                      // repeated rows
      {FileType::f32, {5, 4}, {1, 0}},                      // repeated elements
      {FileType::u8, {3, 3}, {1, 1}},                       // overlapping
  };
  for (const View& view : views) {
    const std::string wanted = gather(data, kOffset, view);
    const HeaderEntry entry{"t", view.type, view.shape, kOffset, wanted.size(), view.strides};
    StridedFile file(real, entry);
    ASSERT_EQ(file.size(), wanted.size());
    EXPECT_EQ(file.path(), "real");
    const auto check = [&](std::size_t first, std::size_t length) {
      std::string found(length, '?');
      ASSERT_TRUE(file.read(std::as_writable_bytes(std::span(found)), first).ok());
      ASSERT_EQ(std::memcmp(found.data(), wanted.data() + first, length), 0) << first << "+" << length << " of " << wanted.size();
    };
    check(0, wanted.size());
    std::mt19937 random(11);
    for (int i = 0; i < 300; ++i) {
      const std::size_t first = random() % (wanted.size() + 1);
      check(first, random() % (wanted.size() - first + 1));
    }
    for (std::size_t first = 0; wanted.size() < 200 && first < wanted.size(); ++first) check(first, 1);
    std::byte one{};
    EXPECT_EQ(file.read({&one, 1}, wanted.size()).error().code, ErrorCode::corrupt_file);
    EXPECT_FALSE(file.read({&one, 1}, ~std::uint64_t{0}).ok());
  }
}

TEST(StridedFile, TakesOneReadOfTheRealFileForEachColumn) {
  FakeOs os;
  const auto real = std::make_shared<FakeFile>("real", random_bytes(4 * 64 * 96), os.gate());
  const std::vector<std::int64_t> shape = {96, 64};
  const std::vector<std::int64_t> strides = {1, 96};
  StridedFile file(real, {"t", FileType::f32, shape, 0, 4 * 64 * 96, strides});
  os.gate().refuse({});
  std::vector<std::byte> rows(32 * 64 * 4);
  ASSERT_TRUE(file.read(rows, rows.size()).ok());
  EXPECT_EQ(os.gate().seen(Acquisition::read), 64U);
  os.gate().refuse({.ordinal = 5});
  EXPECT_EQ(file.read(rows, 0).error().code, ErrorCode::io);
}

TEST(StridedFile, ARepeatedDimensionIsNotReadElementByElement) {
  FakeOs os;
  const auto real = std::make_shared<FakeFile>("real", random_bytes(4 * 10'000), os.gate());
  const auto reads = [&](const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& strides) {
    StridedFile file(real, {"t", FileType::f32, shape, 0, static_cast<std::uint64_t>(4 * shape[0] * shape[1]), strides});
    std::vector<std::byte> all(file.size());
    os.gate().refuse({});
    EXPECT_TRUE(file.read(all, 0).ok());
    return os.gate().seen(Acquisition::read);
  };
  EXPECT_EQ(reads({2, 10'000}, {0, 1}), 2U) << "the same row twice";
  EXPECT_EQ(reads({10'000, 2}, {0, 1}), 2U) << "and many times";
  EXPECT_EQ(reads({10'000, 2}, {1, 0}), 20U) << "the same column twice, in windows of 4 KiB";
}

}  // namespace
}  // namespace plimsoll
