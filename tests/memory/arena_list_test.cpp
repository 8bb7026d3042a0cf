#include "memory/arena_list.h"

#include <gtest/gtest.h>
#include <utility>

namespace plimsoll {
namespace {

struct ArenaListTest : ::testing::Test {
  Gate gate;
  std::unique_ptr<Os> os = make_os(gate);
  Ledger ledger{"cpu", mib(1)};
};

TEST_F(ArenaListTest, GrowsByDoublingAndKeepsItsElements) {
  {
    ArenaList<std::uint64_t> list(*os, ledger, MemoryTag::io, 10'000, "numbers");
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(ledger.current(), Bytes{0});
    for (std::uint64_t i = 0; i < 3000; ++i) ASSERT_TRUE(list.push_back(i).ok());
    for (std::uint64_t i = 0; i < 3000; ++i) ASSERT_EQ(list[i], i);
    EXPECT_EQ(ledger.current(MemoryTag::io), kib(32));
    ArenaList<std::uint64_t> moved = std::move(list);
    EXPECT_EQ(moved.back(), 2999U);
    moved.pop_back();
    moved.shrink(10);
    EXPECT_EQ(moved.all().size(), 10U);
    EXPECT_EQ(ledger.current(), kib(32));
  }
  EXPECT_EQ(ledger.current(), Bytes{0});
}

TEST_F(ArenaListTest, MayGrowByAnElementOfItsOwn) {
  ArenaList<std::uint64_t> list(*os, ledger, MemoryTag::io, 10'000, "numbers");
  ASSERT_TRUE(list.push_back(7).ok());
  while (list.size() < 2000) ASSERT_TRUE(list.push_back(list[0]).ok());
  EXPECT_EQ(list.back(), 7U);
}

TEST_F(ArenaListTest, StopsAtItsLimitAndAtTheLedgers) {
  ArenaList<std::uint64_t> list(*os, ledger, MemoryTag::io, 3, "numbers");
  ASSERT_TRUE(list.resize(3).ok());
  const Status more = list.push_back(1);
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code, ErrorCode::unsupported);
  EXPECT_EQ(more.error().what, "more than 3 numbers");
  EXPECT_EQ(list.size(), 3U);
  ArenaList<std::uint64_t> odd(*os, ledger, MemoryTag::io, 5 * 512, "numbers");
  for (int i = 0; i < 5 * 512; ++i) ASSERT_TRUE(odd.push_back(1).ok());
  EXPECT_EQ(ledger.current(), kib(4) + kib(20)) << "never larger than its limit";
  ArenaList<std::uint64_t> large(*os, ledger, MemoryTag::io, ~std::uint64_t{0}, "numbers");
  EXPECT_EQ(large.resize(1U << 20U).error().code, ErrorCode::out_of_memory);
  EXPECT_TRUE(large.empty());
  gate.refuse({.ordinal = 1});
  EXPECT_EQ(large.push_back(1).error().code, ErrorCode::out_of_memory);
  EXPECT_TRUE(large.push_back(1).ok());
}

}  // namespace
}  // namespace plimsoll
