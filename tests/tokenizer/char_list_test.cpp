#include "tokenizer/parts/char_list.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "memory/arena.h"

namespace plimsoll::tokenizer {
namespace {

std::vector<std::pair<char32_t, std::uint32_t>> all_of(const CharList& list) {
  std::vector<std::pair<char32_t, std::uint32_t>> found;
  CharList::Cursor cursor(list);
  for (Char c{}; cursor.next(c);) found.emplace_back(c.point, c.at);
  Char c{};
  EXPECT_FALSE(cursor.next(c)) << "the end stays the end";
  return found;
}

TEST(CharList, GivesBackWhatItWasGiven) {
  static constexpr char32_t kPoints[] = {0,      'a',    0x7F,   0x80,   0x301,   0x7FF,   0x800,
                                         0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000, 0x1D165, 0x10FFFF};
  static constexpr std::uint32_t kSteps[] = {1, 1, 1, 0, 2, 63, 64, 65, 4095, 4096, 1'000'000};
  std::mt19937 random(1);
  CharList list(std::pmr::new_delete_resource());
  for (const std::size_t size : {0U, 1U, 2U, 100U, 503U, 504U, 505U, 20'000U, 3U, 0U}) {
    std::vector<std::pair<char32_t, std::uint32_t>> given;
    auto at = static_cast<std::uint32_t>(random() % 3);
    for (std::size_t i = 0; i < size; ++i) {
      given.emplace_back(kPoints[random() % std::size(kPoints)], at);
      list.push_back({given.back().first, at});
      at += kSteps[random() % std::size(kSteps)];
    }
    EXPECT_EQ(list.empty(), size == 0);
    EXPECT_EQ(all_of(list), given) << size;
    list.clear();
    EXPECT_TRUE(list.empty());
    EXPECT_TRUE(all_of(list).empty());
  }
}

TEST(CharList, TakesTheBytesOfItsText) {
  std::vector<std::byte> memory(1 << 20);
  ArenaResource arena(memory);
  CharList list(&arena);
  const auto fill = [&](std::uint32_t step) {
    for (std::uint32_t i = 0; i < 100'000; ++i) list.push_back({0x301, step * i});
    return arena.used();
  };
  EXPECT_LT(fill(1), 210'000U);
  list.clear();
  EXPECT_LT(fill(1), 210'000U) << "blocks are used again";
  list.clear();
  EXPECT_LT(fill(2), 310'000U);
}

}  // namespace
}  // namespace plimsoll::tokenizer
