#include "memory/arena.h"

#include <sys/mman.h>

#include <gtest/gtest.h>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory_resource>
#include <new>
#include <utility>
#include <vector>

namespace plimsoll {
namespace {

struct ArenaTest : ::testing::Test {
  Gate gate;
  std::unique_ptr<Os> os = make_os(gate);
  Ledger ledger{"cpu", mib(16)};

  Arena make(Bytes size, MemoryTag tag = MemoryTag::activations) {
    auto arena = Arena::create(*os, ledger, tag, size);
    EXPECT_TRUE(arena.ok());
    return std::move(arena).value();
  }
};

TEST_F(ArenaTest, IsZeroedAndChargedInWholePages) {
  {
    const Arena arena = make(Bytes{5000});
    EXPECT_EQ(arena.size(), Bytes{8192});
    ASSERT_EQ(arena.bytes().size(), 8192U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(arena.bytes().data()) % 4096, 0U);
    for (const std::byte byte : arena.bytes()) ASSERT_EQ(byte, std::byte{0});
    std::memset(arena.bytes().data(), 1, arena.bytes().size());
    EXPECT_EQ(ledger.current(MemoryTag::activations), Bytes{8192});
  }
  EXPECT_EQ(ledger.current(), Bytes{0});
  EXPECT_EQ(ledger.peak(), Bytes{8192});
}

TEST_F(ArenaTest, GivesItsAddressesBack) {
  void* start = nullptr;
  unsigned char resident = 0;
  {
    const Arena arena = make(mib(1));
    start = arena.bytes().data();
    EXPECT_EQ(::mincore(start, 4096, &resident), 0);
  }
  EXPECT_NE(::mincore(start, 4096, &resident), 0) << "still mapped";
}

TEST_F(ArenaTest, ResizesAndKeepsWhatStays) {
  Arena arena = make(Bytes{3 * 4096});
  std::memset(arena.bytes().data(), 7, arena.bytes().size());
  void* third = arena.bytes().data() + 2 * 4096;
  void* start = arena.bytes().data();
  ASSERT_TRUE(arena.resize(Bytes{4097}).ok());
  EXPECT_EQ(arena.bytes().data(), start) << "shrinking moves nothing";
  EXPECT_EQ(arena.bytes().size(), 8192U);
  EXPECT_EQ(arena.size(), Bytes{8192});
  EXPECT_EQ(ledger.current(MemoryTag::activations), Bytes{8192});
  unsigned char resident = 0;
  EXPECT_NE(::mincore(third, 4096, &resident), 0) << "the end is given back";

  const Arena neighbour = make(mib(1));  // perhaps where it would grow
  ASSERT_TRUE(arena.resize(mib(2)).ok());
  EXPECT_EQ(arena.bytes().size(), mib(2).count);
  EXPECT_EQ(ledger.current(), mib(3));
  for (std::size_t i = 0; i < arena.bytes().size(); ++i)
    ASSERT_EQ(arena.bytes()[i], std::byte{i < 8192 ? std::uint8_t{7} : std::uint8_t{0}}) << i;

  ASSERT_TRUE(arena.resize(Bytes{0}).ok());
  EXPECT_TRUE(arena.bytes().empty());
  EXPECT_EQ(ledger.current(), mib(1));
}

TEST_F(ArenaTest, AGrowthThatFailsChangesNothing) {
  Arena arena = make(Bytes{4096});
  arena.bytes()[0] = std::byte{9};
  gate.refuse({.ordinal = 1});
  EXPECT_EQ(arena.resize(mib(1)).error().code, ErrorCode::out_of_memory);
  gate.refuse({});
  EXPECT_EQ(arena.resize(mib(17)).error().code, ErrorCode::out_of_memory) << "beyond the ledger's limit";
  EXPECT_EQ(arena.resize(Bytes{std::numeric_limits<std::uint64_t>::max()}).error().code, ErrorCode::internal);
  EXPECT_EQ(arena.size(), Bytes{4096});
  EXPECT_EQ(arena.bytes().size(), 4096U);
  EXPECT_EQ(arena.bytes()[0], std::byte{9});
  EXPECT_EQ(ledger.current(), Bytes{4096});
  gate.refuse({.ordinal = 1, .persistent = true});
  EXPECT_TRUE(arena.resize(Bytes{0}).ok()) << "giving back asks nobody";
}

TEST_F(ArenaTest, OfZeroBytesHoldsNothing) {
  const Arena arena = make(Bytes{0});
  EXPECT_TRUE(arena.bytes().empty());
  EXPECT_EQ(ledger.peak(), Bytes{0});
  EXPECT_EQ(gate.seen(Acquisition::host_memory), 0U);
}

TEST_F(ArenaTest, BeyondTheLimitIsRefusedBeforeAnythingIsMapped) {
  const auto arena = Arena::create(*os, ledger, MemoryTag::weights, mib(17));
  ASSERT_FALSE(arena.ok());
  EXPECT_EQ(arena.error().code, ErrorCode::out_of_memory);
  EXPECT_EQ(gate.seen(Acquisition::host_memory), 0U);
  EXPECT_EQ(ledger.peak(), Bytes{0});
}

TEST_F(ArenaTest, OfMoreThanAllAddressesIsRefused) {
  Ledger endless("cpu", Bytes{std::numeric_limits<std::uint64_t>::max()});
  for (const std::uint64_t size :
       {std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint64_t>::max() - 4094, std::uint64_t{1} << 60U}) {
    const auto arena = Arena::create(*os, endless, MemoryTag::weights, Bytes{size});
    ASSERT_FALSE(arena.ok()) << size;
    EXPECT_EQ(arena.error().code, ErrorCode::out_of_memory);
    EXPECT_EQ(endless.current(), Bytes{0});
  }
}

TEST_F(ArenaTest, ThatTheSystemRefusesLeavesTheLedgerAtZero) {
  gate.refuse({.ordinal = 1, .persistent = false, .kind = static_cast<int>(Acquisition::host_memory)});
  const auto arena = Arena::create(*os, ledger, MemoryTag::weights, mib(1));
  ASSERT_FALSE(arena.ok());
  EXPECT_EQ(arena.error().code, ErrorCode::out_of_memory);
  EXPECT_EQ(gate.refused(), 1U);
  EXPECT_EQ(ledger.current(), Bytes{0});
  EXPECT_TRUE(Arena::create(*os, ledger, MemoryTag::weights, mib(1)).ok()) << "the next request is clean";
}

TEST_F(ArenaTest, MovesItsMemoryAndItsCharge) {
  Arena first = make(mib(1), MemoryTag::weights);
  first.bytes()[0] = std::byte{42};
  Arena second(std::move(first));
  EXPECT_EQ(second.bytes()[0], std::byte{42});
  EXPECT_EQ(second.tag(), MemoryTag::weights);
  EXPECT_EQ(ledger.current(), mib(1));

  Arena third = make(mib(2), MemoryTag::io);
  third = std::move(second);
  EXPECT_EQ(third.bytes()[0], std::byte{42});
  EXPECT_EQ(ledger.current(), mib(1)) << "what it held before is given back at once";
  EXPECT_EQ(ledger.current(MemoryTag::io), Bytes{0});

  Arena& same = third;
  third = std::move(same);
  EXPECT_EQ(third.bytes().size(), mib(1).count);
  third = Arena();
  EXPECT_EQ(ledger.current(), Bytes{0});
}

TEST_F(ArenaTest, ResourceServesContainersWithinTheArena) {
  const Arena arena = make(kib(64));
  ArenaResource resource(arena.bytes());
  {
    std::pmr::vector<std::int64_t> numbers(&resource);
    numbers.assign(100, 7);
    const auto* start = reinterpret_cast<const std::byte*>(numbers.data());
    EXPECT_GE(start, arena.bytes().data());
    EXPECT_LT(start, arena.bytes().data() + arena.bytes().size());
  }
  EXPECT_EQ(resource.used(), 0U) << "the newest block is given back";
  EXPECT_EQ(resource.highest_used(), 800U);
}

TEST_F(ArenaTest, ResourceAlignsAddressesNotOffsets) {
  const Arena arena = make(kib(64));
  ArenaResource resource(arena.bytes().subspan(1));
  for (const std::size_t alignment : {1U, 8U, 64U, 4096U, 2U}) {
    void* block = resource.allocate(3, alignment);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0U);
  }
}

TEST_F(ArenaTest, ResourceGivesBackOnlyTheNewestBlock) {
  const Arena arena = make(kib(4));
  ArenaResource resource(arena.bytes());
  void* older = resource.allocate(100, 1);
  void* newer = resource.allocate(50, 1);
  resource.deallocate(older, 100, 1);
  EXPECT_EQ(resource.used(), 150U);
  resource.deallocate(newer, 50, 1);
  EXPECT_EQ(resource.used(), 100U);
  resource.rewind();
  EXPECT_EQ(resource.used(), 0U);
  EXPECT_EQ(resource.highest_used(), 150U);
}

TEST_F(ArenaTest, ResourceThrowsWhenUsedUp) {
  const Arena arena = make(kib(4));
  ArenaResource resource(arena.bytes());
  EXPECT_THROW(static_cast<void>(resource.allocate(4097, 1)), std::bad_alloc);
  EXPECT_THROW(static_cast<void>(resource.allocate(std::numeric_limits<std::size_t>::max() - 8, 16)), std::bad_alloc);
  EXPECT_NE(resource.allocate(4096, 1), nullptr);
  EXPECT_THROW(static_cast<void>(resource.allocate(1, 1)), std::bad_alloc);
}

}  // namespace
}  // namespace plimsoll
