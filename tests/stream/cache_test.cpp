// What the page cache has, what it must not keep, and that both ways give the same bytes.
#include "stream/stream_fixture.h"
#include "support/page_cache.h"
#include "support/temporary_folder.h"

namespace plimsoll::testing {
namespace {

constexpr std::uint64_t kExtent = 200'000;

struct RealFile : StreamTest {
  TemporaryFolder folder;
  std::string text = varied_text(std::size_t{12} << 20U);
  std::string path = folder.write("f", text);
  std::unique_ptr<File> file;
  std::unique_ptr<SlotReader> reader;

  void SetUp() override {
    if (!drop_from_cache(path)) GTEST_SKIP() << "this file system keeps everything in the page cache";
    file = std::move(os_->open(path)).value();
    file->open_direct();
    reader = make(2, kExtent);
  }
  void expect_all() {
    const auto got = read_through(*reader, *file, 0, kExtent);
    ASSERT_TRUE(got.ok()) << message(got.error());
    ASSERT_TRUE(*got == text);
  }
};

TEST_F(RealFile, ColdReadsLeaveNothingInThePageCache) {
  for (int pass = 0; pass < 2; ++pass) {
    expect_all();
    // A look brings one page that is dropped after the read, unless it comes later still.
    EXPECT_LE(cached_pages(path), 4U) << "of " << text.size() / kExtent << " extents";
  }
  EXPECT_GE(reader->statistics().direct_bytes, 2 * text.size() * 9 / 10);
}

// The system may evict a page at any moment, or keep one locked, where other programs are busy: several passes, one of which nothing
// disturbs.
TEST_F(RealFile, WarmReadsGiveTheSameBytesAndLeaveTheDiskAlone) {
  std::vector<std::byte> bytes(text.size());
  std::uint64_t direct = text.size();
  for (int pass = 0; pass < 5 && direct > 0; ++pass) {
    ASSERT_TRUE(file->read(bytes, 0).ok());
    if (file->read_cached(std::span(bytes).first(1), 0) == 0) GTEST_SKIP() << "this file system does not tell what is cached";
    const auto before = reader->statistics();
    expect_all();
    const std::uint64_t cached = reader->statistics().cached_bytes - before.cached_bytes;
    direct = reader->statistics().direct_bytes - before.direct_bytes;
    if (direct == 0) {
      EXPECT_EQ(cached, text.size());
    }
  }
  EXPECT_EQ(direct, 0U);
  EXPECT_GT(cached_pages(path), text.size() / kDirectBlock / 2) << "it stays cached";
}

TEST_F(RealFile, HalfWarmReadsGiveTheSameBytes) {
  std::vector<std::byte> bytes(text.size() / 2 + 5000);
  ASSERT_TRUE(file->read(bytes, 0).ok());
  expect_all();
  EXPECT_GE(reader->statistics().direct_bytes, text.size() / 3);
}

struct Looks : StreamTest {
  std::shared_ptr<ScriptedFile> file = std::make_shared<ScriptedFile>(varied_text(4U << 20U));
  std::unique_ptr<SlotReader> reader = make(2, 2U << 20U);
  Extent extent{file.get(), 100, (2U << 20U) - 50};
  std::string expected = file->text().substr(extent.offset, extent.bytes);
};

TEST_F(Looks, AtBothEndsTellWhetherAnExtentIsCached) {
  const std::uint64_t last = (extent.offset + extent.bytes - 1) / kDirectBlock;
  for (const std::uint64_t hole : {std::uint64_t{0}, last}) {
    file->cached = [hole](std::uint64_t block) { return block != hole; };
    const auto before = reader->statistics();
    const std::size_t drops = file->dropped().size();
    ASSERT_EQ(read(*reader, extent), expected);
    EXPECT_EQ(reader->statistics().cached_bytes, before.cached_bytes) << "wholly read";
    ASSERT_EQ(file->dropped().size(), drops + 1) << "before the read is done";
    EXPECT_EQ(file->dropped().back().first / kDirectBlock, hole) << "what the look has brought is dropped";
    EXPECT_EQ(file->dropped().back().second, 1U);
  }
}

// Two warm extents are requested; the second is copied in a loop that somebody else runs, before anybody waits for it.
TEST_F(Looks, WhatIsRequestedNextIsCopiedBesideOtherLoops) {
  file->cached = [](std::uint64_t) { return true; };
  const Extent next{file.get(), 5000, 1U << 20U};
  const auto loop = [&] { pool_->run(2, [](int, std::int64_t) {}); };
  reader->request(0, extent);
  reader->request(1, next);
  ASSERT_EQ(text_of(*reader->wait(0)), expected);
  loop();
  file->cached = nullptr;  // from now on it would have to be read
  ASSERT_EQ(text_of(*reader->wait(1)), file->text().substr(next.offset, next.bytes));
  EXPECT_EQ(reader->statistics().cached_bytes, extent.bytes + next.bytes);
  EXPECT_EQ(file->reads, 0);
}

TEST_F(Looks, WhatIsReleasedBeforeItIsWaitedForIsNotCopied) {
  file->cached = [](std::uint64_t) { return true; };
  reader->request(0, extent);
  reader->request(1, {file.get(), 5000, 1U << 20U});
  ASSERT_EQ(text_of(*reader->wait(0)), expected);
  reader->release(1);
  pool_->run(2, [](int, std::int64_t) {});
  EXPECT_EQ(reader->statistics().cached_bytes, extent.bytes);
  EXPECT_EQ(read(*reader, {file.get(), 9000, 3000}, 1), file->text().substr(9000, 3000));
  EXPECT_EQ(text_of(*reader->wait(0)), expected) << "as it was";
}

// What is missing between the ends of the extent that was copied ahead is read all the same.
TEST_F(Looks, AHoleInWhatWasCopiedAheadIsRead) {
  file->cached = [](std::uint64_t block) { return block != 700; };
  const Extent next{file.get(), (2U << 20U) + 5000, 1U << 20U};
  reader->request(0, {file.get(), 0, 4096});
  reader->request(1, next);
  ASSERT_TRUE(reader->wait(0).ok());
  pool_->run(2, [](int, std::int64_t) {});
  ASSERT_EQ(text_of(*reader->wait(1)), file->text().substr(next.offset, next.bytes));
  EXPECT_GT(file->reads, 0);
}

TEST_F(Looks, AreNotNeededWhereTheSystemTells) {
  std::atomic<bool> looked = false;
  file->cached = [&](std::uint64_t) {
    looked = true;
    return true;
  };
  file->told = false;
  ASSERT_EQ(read(*reader, extent), expected);
  EXPECT_FALSE(looked);
  EXPECT_TRUE(file->dropped().empty()) << "nothing was brought";
  EXPECT_EQ(reader->statistics().cached_bytes, 0U);
  file->told = true;
  ASSERT_EQ(read(*reader, extent), expected);
  EXPECT_EQ(reader->statistics().cached_bytes, extent.bytes);
}

// Both ends may be there because the looks at neighbours brought them: copying would then have the system read everything once more.
TEST_F(Looks, AreNotMisledByEnds) {
  const std::uint64_t last = (extent.offset + extent.bytes - 1) / kDirectBlock;
  file->cached = [last](std::uint64_t block) { return block == 0 || block == last; };
  for (int pass = 0; pass < 20; ++pass) ASSERT_EQ(read(*reader, extent), expected);
  EXPECT_EQ(reader->statistics().cached_bytes, 0U);
  EXPECT_EQ(file->reads, 20) << "wholly, each time";
  ASSERT_EQ(file->dropped().size(), 20U);
  EXPECT_NE(file->dropped().front(), file->dropped().back()) << "another byte each time";
}

TEST_F(Looks, WhatIsMissingInBetweenIsReadAndTheRestCopied) {
  file->told = true;
  for (const auto& [from, to] : {std::pair<std::uint64_t, std::uint64_t>{1, 2}, {63, 66}, {100, 300}, {200, 201}, {1, 512}}) {
    file->cached = [first = from, behind = to](std::uint64_t block) {
      if (block == first) std::this_thread::sleep_for(std::chrono::milliseconds(5));  // later pieces are sooner known to be missing
      return block < first || block >= behind;
    };
    const auto before = reader->statistics();
    const int reads = file->reads;
    ASSERT_EQ(read(*reader, extent), expected) << from << ".." << to;
    EXPECT_EQ(file->reads - reads, 1);
    EXPECT_GE(reader->statistics().direct_bytes - before.direct_bytes, (to - from) * kDirectBlock);
    const std::uint64_t copied = reader->statistics().cached_bytes - before.cached_bytes;
    EXPECT_LE(copied, extent.bytes - (to - from) * kDirectBlock + kDirectBlock);
    EXPECT_GE(copied + (to - from) * kDirectBlock + (600U << 10U), extent.bytes) << "no more than the pieces that have holes";
  }
  EXPECT_TRUE(file->dropped().empty()) << "what is mostly cached stays";
}

TEST_F(Looks, ACacheThatEmptiesBeforeTheCopyIsNoLoss) {
  std::atomic<bool> full{true};
  file->cached = [&](std::uint64_t) { return full.load(); };
  reader->request(0, extent);
  EXPECT_EQ(file->reads.load(), 0) << "left to wait";
  full = false;
  const auto bytes = reader->wait(0);
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(text_of(*bytes), expected);
  EXPECT_EQ(reader->statistics().cached_bytes, 0U);
}

}  // namespace
}  // namespace plimsoll::testing
