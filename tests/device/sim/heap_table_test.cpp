#include "device/sim/heap_table.h"

#include <gtest/gtest.h>

#include "device/support.h"

namespace plimsoll::sim {
namespace {

constexpr Owner kOne{101, 5, 1};
constexpr Owner kTwo{102, 6, 1};

std::uint64_t sum_of(const HeapTable& table) {
  std::uint64_t sum = 0;
  for (const Block& block : table.blocks()) sum += block.size;
  return sum;
}

TEST(HeapTable, IsExactlyItsMemory) {
  HeapTable table(Bytes{10 * kGranule + 100}, Bytes{});
  EXPECT_EQ(table.memory(), Bytes{10 * kGranule});
  EXPECT_FALSE(table.place(10 * kGranule + 1, kOne, BlockUse::memory));
  EXPECT_TRUE(table.place(10 * kGranule - 100, kOne, BlockUse::memory));
  EXPECT_EQ(table.free(), Bytes{});
  EXPECT_FALSE(table.place(0, kOne, BlockUse::memory)) << "nothing takes a granule too";
  EXPECT_FALSE(table.place(~std::uint64_t{0}, kOne, BlockUse::memory));
}

TEST(HeapTable, FragmentsAndComesTogether) {
  HeapTable table(Bytes{8 * kGranule}, Bytes{});
  std::vector<Block> blocks;
  for (int i = 0; i < 8; ++i) blocks.push_back(table.place(kGranule, kOne, BlockUse::memory).value());
  const std::vector<Block> odd = {blocks[1], blocks[3], blocks[4], blocks[7]};
  table.restore(kOne, odd);
  EXPECT_EQ(table.free(), Bytes{4 * kGranule});
  EXPECT_EQ(table.largest_piece(), Bytes{2 * kGranule});
  EXPECT_FALSE(table.place(3 * kGranule, kOne, BlockUse::memory)) << "free, but not in one piece";
  EXPECT_EQ(table.place(kGranule, kOne, BlockUse::memory)->offset, 0U) << "the smallest gap that does";
  EXPECT_EQ(table.place(2 * kGranule, kOne, BlockUse::memory)->offset, 5 * kGranule);
  table.restore(kOne, {});
  EXPECT_EQ(table.largest_piece(), table.memory());
}

TEST(HeapTable, OthersTakeFromTheTopInPiecesAndGiveBack) {
  HeapTable table(Bytes{8 * kGranule}, Bytes{2 * kGranule});
  EXPECT_EQ(table.free(), Bytes{6 * kGranule});
  const Block low = table.place(kGranule, kOne, BlockUse::memory).value();
  const Block high = table.place(kGranule, kOne, BlockUse::memory).value();
  EXPECT_EQ(high.offset, kGranule);
  table.restore(kOne, std::vector{high});
  EXPECT_EQ(low.offset, 0U);
  table.occupy(5 * kGranule, kTwo);
  EXPECT_EQ(table.free(), Bytes{}) << "four above and one below";
  table.occupy(100 * kGranule, kTwo);
  EXPECT_EQ(sum_of(table), 8 * kGranule);
  EXPECT_EQ(table.vacate(3 * kGranule, kTwo), 3 * kGranule);
  EXPECT_EQ(table.free(), Bytes{3 * kGranule});
  EXPECT_EQ(table.vacate(~std::uint64_t{0}, kTwo), 2 * kGranule);
  EXPECT_EQ(table.vacate(kGranule, Owner{}), kGranule) << "what was used from the start";
  EXPECT_EQ(table.free(), Bytes{6 * kGranule});
}

TEST(HeapTable, TextReadsBack) {
  HeapTable table(mib(64), mib(3));
  ASSERT_TRUE(table.place(mib(1).count, kOne, BlockUse::context));
  ASSERT_TRUE(table.place(mib(2).count, kTwo, BlockUse::memory));
  const auto read = HeapTable::parse(table.format());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->memory(), table.memory());
  EXPECT_EQ(read->used(), mib(3));
  EXPECT_TRUE(std::ranges::equal(read->blocks(), table.blocks()));
}

TEST(HeapTable, RefusesTextThatIsDamaged) {
  const std::string head = "plimsoll-sim-heap-1 5120 0\n";
  EXPECT_TRUE(HeapTable::parse(head));
  EXPECT_TRUE(HeapTable::parse(head + "memory 0 512 9 1 1\nothers 512 4608 0 0 0\n"));
  for (const std::string& bad : {std::string(),
                                 std::string("\n"),
                                 std::string("plimsoll-sim-heap-2 5120 0\n"),
                                 head + "memory 0 512 9 1 1",
                                 head + "memory 0 512 9 1\n",
                                 head + "memory 0 512 9 1 1 1\n",
                                 head + "memory 0 512 -9 1 1\n",
                                 head + "theirs 0 512 9 1 1\n",
                                 head + "memory 0 511 9 1 1\n",
                                 head + "memory 1 512 9 1 1\n",
                                 head + "memory 0 0 9 1 1\n",
                                 head + "memory 512 5120 9 1 1\n",
                                 head + "memory 5632 512 9 1 1\n",
                                 head + "memory 0 1024 9 1 1\nmemory 512 512 9 1 1\n",
                                 head + "memory 512 512 9 1 1\nmemory 0 512 9 1 1\n",
                                 head + "memory 512 18446744073709551104 9 1 1\n",
                                 head + "memory 0 99999999999999999999 9 1 1\n",
                                 std::string("plimsoll-sim-heap-1 5120 5121\n"),
                                 std::string("plimsoll-sim-heap-1 5121 0\n"),
                                 head + std::string(1, '\0') + "\n",
                                 std::string(10'000, 'x')}) {
    EXPECT_FALSE(HeapTable::parse(bad)) << bad.substr(0, 100);
  }
}

/// Any text that differs in one byte is refused or still a heap in which nothing overlaps.
TEST(HeapTable, NoDamageOfOneByteMakesBlocksOverlap) {
  HeapTable table(Bytes{64 * kGranule}, Bytes{kGranule});
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(table.place(kGranule * 3, kOne, BlockUse::memory));
  const std::string text = table.format();
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(value);
      const auto read = HeapTable::parse(damaged);
      if (!read) continue;
      std::uint64_t end = 0;
      for (const Block& block : read->blocks()) {
        ASSERT_GE(block.offset, end);
        ASSERT_GT(block.size, 0U);
        end = block.end();
      }
      ASSERT_LE(end, read->memory().count);
    }
  }
}

TEST(HeapTable, RandomUseNeverOverlapsAndNeverForgets) {
  test::Numbers numbers(3);
  HeapTable table(Bytes{1000 * kGranule}, Bytes{});
  std::vector<Block> mine;
  for (int i = 0; i < 5000; ++i) {
    if (numbers.below(2) == 0 && !mine.empty()) {
      mine.erase(mine.begin() + numbers.below(std::ssize(mine)));
      table.restore(kOne, mine);
    } else if (const auto block = table.place(static_cast<std::uint64_t>(numbers.below(60'000)), kOne, BlockUse::memory)) {
      mine.push_back(*block);
    } else {
      ASSERT_LT(table.largest_piece(), Bytes{60'000 + kGranule});
    }
    std::uint64_t end = 0;
    for (const Block& block : table.blocks()) {
      ASSERT_GE(block.offset, end);
      end = block.end();
    }
    ASSERT_LE(end, table.memory().count);
    ASSERT_EQ(table.free().count + sum_of(table), table.memory().count);
    ASSERT_EQ(table.blocks().size(), mine.size());
  }
}

}  // namespace
}  // namespace plimsoll::sim
