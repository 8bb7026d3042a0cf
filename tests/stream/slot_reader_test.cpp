#include "stream/slot_reader.h"

#include <limits>

#include "stream/stream_fixture.h"

namespace plimsoll::testing {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

using Sizes = std::initializer_list<std::uint64_t>;

std::uint64_t blocks_of(std::uint64_t offset, std::uint64_t bytes) {
  return bytes == 0 ? 0 : (offset + bytes - 1) / kDirectBlock - offset / kDirectBlock + 1;
}

TEST(SlotBytes, HoldAnExtentAtEveryPlaceAndNoMore) {
  for (const std::uint64_t bytes : Sizes{1, 2, 3, 512, 4094, 4095, 4096, 4097, 4098, 8191, 8192, 8193, 1U << 20U, (1U << 20U) + 1}) {
    std::uint64_t most = 0;
    for (std::uint64_t offset = 0; offset < kDirectBlock; ++offset) most = std::max(most, blocks_of(offset, bytes));
    EXPECT_EQ(slot_bytes(bytes), most * kDirectBlock) << bytes;
  }
  EXPECT_EQ(slot_bytes(std::uint64_t{1} << 62U) % kDirectBlock, 0U);
}

struct SlotReaderTest : StreamTest {
  std::shared_ptr<ScriptedFile> file = std::make_shared<ScriptedFile>(varied_text(300'123));

  std::string expected(const Extent& extent) const { return file->text().substr(extent.offset, extent.bytes); }
};

struct SlotReaderWith : SlotReaderTest, ::testing::WithParamInterface<int> {};

TEST_P(SlotReaderWith, GivesTheBytesOfAnExtentWhereverItLies) {
  const auto reader = make(GetParam());
  for (const bool cached : {false, true}) {
    file->cached = [cached](std::uint64_t) { return cached; };
    for (const std::uint64_t offset : Sizes{0, 1, 8, 511, 512, 4095, 4096, 4097, 100'000}) {
      for (const std::uint64_t bytes : Sizes{1, 2, 511, 4088, 4095, 4096, 4097, 8192, 65'535, 65'536}) {
        const Extent extent{file.get(), offset, bytes};
        ASSERT_EQ(read(*reader, extent, static_cast<int>(bytes % kSlots)), expected(extent)) << offset << "+" << bytes;
      }
    }
    for (const std::uint64_t bytes : Sizes{1, 123, 4096, 65'536}) {
      const Extent last{file.get(), file->size() - bytes, bytes};
      ASSERT_EQ(read(*reader, last), expected(last)) << "the last " << bytes;
    }
  }
}

TEST_P(SlotReaderWith, StreamsAWholeFileThroughItsSlots) {
  const auto reader = make(GetParam());
  for (const std::uint64_t bytes : Sizes{1000, 4096, 30'001, 65'536}) {
    const auto text = read_through(*reader, *file, 8, bytes);
    ASSERT_TRUE(text.ok()) << message(text.error());
    EXPECT_EQ(*text, file->text().substr(8)) << bytes;
  }
}

TEST_P(SlotReaderWith, CountsWhatItDoes) {
  const auto reader = make(GetParam());
  read(*reader, {file.get(), 4095, 2});
  EXPECT_EQ(reader->statistics().direct_bytes, 2 * kDirectBlock);
  EXPECT_EQ(reader->statistics().cached_bytes, 0U);
  file->cached = [](std::uint64_t) { return true; };
  read(*reader, {file.get(), 4095, 2});
  EXPECT_EQ(reader->statistics().direct_bytes, 2 * kDirectBlock);
  EXPECT_EQ(reader->statistics().cached_bytes, 2U);
  EXPECT_EQ(reader->statistics().retries, 0U);
}

TEST_P(SlotReaderWith, ForgetsWhatIsReleasedOrReset) {
  const auto reader = make(GetParam());
  for (std::uint64_t round = 0; round < 100; ++round) {
    for (int slot = 0; slot < kSlots; ++slot) reader->request(slot, {file.get(), 0, kLargest});
    if (round % 2 == 0) reader->reset();
    else
      for (int slot = 0; slot < kSlots; ++slot) reader->release(slot);
    const Extent extent{file.get(), 4096 * round % 200'000, 5000};
    ASSERT_EQ(read(*reader, extent, static_cast<int>(round % kSlots)), expected(extent)) << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, SlotReaderWith, ::testing::Values(0, 1, 2, 3));

TEST_F(SlotReaderTest, KeepsTwoReadsInFlight) {
  const auto door = std::make_shared<Door>();
  file->on_read = [door](int, std::uint64_t) -> Status {
    door->pass();
    return {};
  };
  const auto reader = make(2);
  for (int slot = 0; slot < kSlots; ++slot) reader->request(slot, {file.get(), static_cast<std::uint64_t>(slot) * kLargest, kLargest});
  EXPECT_TRUE(door->wait_for(2)) << "before anyone waits";
  EXPECT_EQ(file->reads.load(), 2);
  door->open();
  for (int slot = 0; slot < kSlots; ++slot) EXPECT_TRUE(reader->wait(slot).ok());
}

TEST_F(SlotReaderTest, ReadsTheOldestRequestFirst) {
  const auto door = std::make_shared<Door>();
  std::mutex mutex;
  std::vector<std::uint64_t> order;
  file->on_read = [&, door](int attempt, std::uint64_t offset) -> Status {
    if (attempt == 1) door->pass();
    const std::lock_guard lock(mutex);
    order.push_back(offset / kDirectBlock);
    return {};
  };
  const auto reader = make(1);
  for (const int slot : {3, 1, 2, 0}) reader->request(slot, {file.get(), static_cast<std::uint64_t>(slot) * kDirectBlock, 1});
  ASSERT_TRUE(door->wait_for(1));
  reader->release(1);
  reader->request(1, {file.get(), kDirectBlock, 1});
  door->open();
  for (int slot = 0; slot < kSlots; ++slot) ASSERT_TRUE(reader->wait(slot).ok());
  EXPECT_EQ(order, (std::vector<std::uint64_t>{3, 2, 0, 1}));
}

TEST_F(SlotReaderTest, ASlotHoldsItsBytesUntilItIsReleased) {
  const auto reader = make(2);
  const Extent extent{file.get(), 77, 5000};
  reader->request(0, extent);
  ASSERT_TRUE(reader->wait(0).ok());
  reader->request(0, {file.get(), 0, 1});  // not free: no effect
  for (int slot = 1; slot < kSlots; ++slot) read(*reader, {file.get(), 200'000, kLargest}, slot);
  const auto again = reader->wait(0);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(text_of(*again), expected(extent));
  reader->release(0);
  EXPECT_EQ(reader->wait(0).error().code, ErrorCode::internal);
}

TEST_F(SlotReaderTest, RefusesWhatDoesNotFit) {
  const auto reader = make(2);
  EXPECT_EQ(reader->wait(0).error().code, ErrorCode::internal) << "nothing was requested";
  EXPECT_EQ(reader->wait(-1).error().code, ErrorCode::internal);
  EXPECT_EQ(reader->wait(kSlots).error().code, ErrorCode::internal);
  reader->request(-1, {file.get(), 0, 1});
  reader->request(kSlots, {file.get(), 0, 1});
  reader->release(kSlots);
  const std::uint64_t size = file->size();
  for (const Extent& extent :
       {Extent{nullptr, 0, 1}, Extent{file.get(), 0, slot_ + 1}, Extent{file.get(), 1, slot_}, Extent{file.get(), size, 1},
        Extent{file.get(), kMost, 2}, Extent{file.get(), 2, kMost}, Extent{file.get(), kMost - 1, 1}}) {
    reader->request(0, extent);
    const auto bytes = reader->wait(0);
    ASSERT_FALSE(bytes.ok()) << extent.offset << "+" << extent.bytes;
    EXPECT_EQ(bytes.error().code, ErrorCode::internal);
    EXPECT_EQ(reader->wait(0).error().code, ErrorCode::internal) << "asked again";
    reader->release(0);
  }
  EXPECT_EQ(file->reads.load(), 0);
  EXPECT_EQ(read(*reader, {nullptr, 5, 0}), "");
  EXPECT_EQ(read(*reader, {file.get(), size, 0}), "");
  EXPECT_EQ(read(*reader, {file.get(), 0, slot_}), file->text().substr(0, slot_)) << "a whole slot";
}

TEST_F(SlotReaderTest, RefusesMemoryThatDoesNotSuit) {
  const AlignedBytes memory(4 * kDirectBlock);
  const auto create = [&](std::span<std::byte> bytes, std::uint64_t slot, int slots, int readers = 0) {
    return SlotReader::create({.os = os_.get(), .memory = bytes, .slot_bytes = slot, .slots = slots, .readers = readers}).ok();
  };
  EXPECT_TRUE(create(memory.bytes(), 2 * kDirectBlock, 2));
  EXPECT_TRUE(create(memory.bytes(), kDirectBlock, 0));
  EXPECT_FALSE(create(memory.bytes(), 2 * kDirectBlock, 3));
  EXPECT_FALSE(create(memory.bytes().subspan(8), kDirectBlock, 1));
  EXPECT_FALSE(create(memory.bytes(), kDirectBlock + 512, 1));
  EXPECT_FALSE(create(memory.bytes(), 0, 1));
  EXPECT_FALSE(create(memory.bytes(), std::uint64_t{1} << 62U, 4)) << "the product wraps";
  EXPECT_FALSE(create(memory.bytes(), kDirectBlock, -1));
  EXPECT_FALSE(create(memory.bytes(), kDirectBlock, 1, -1));
}

}  // namespace
}  // namespace plimsoll::testing
