#include "platform/posix_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <limits>
#include <thread>
#include <utility>

#include "support/aligned_bytes.h"
#include "support/page_cache.h"
#include "support/temporary_folder.h"

namespace plimsoll {
namespace {

using testing::AlignedBytes;
using testing::cached_pages;
using testing::drop_from_cache;
using testing::text_of;

constexpr std::size_t kTail = 123;
constexpr std::size_t kBlocks = 6;  // the last one of kTail bytes
constexpr std::size_t kSize = (kBlocks - 1) * kDirectBlock + kTail;

// What the system's pread does in these tests; `attempt` counts the calls on a descriptor that bypasses the cache.
struct Script {
  std::function<ssize_t(int attempt, int fd, void* out, std::size_t bytes, off_t offset)> direct;
  int attempts = 0;
};
Script script;

ssize_t scripted_read(int fd, void* out, std::size_t bytes, off_t offset) {
  if ((::fcntl(fd, F_GETFL) & O_DIRECT) == 0) return ::pread(fd, out, bytes, offset);
  ++script.attempts;
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(out) % kDirectBlock, 0U);
  EXPECT_EQ(bytes % kDirectBlock, 0U);
  EXPECT_EQ(static_cast<std::uint64_t>(offset) % kDirectBlock, 0U);
  return script.direct ? script.direct(script.attempts, fd, out, bytes, offset) : ::pread(fd, out, bytes, offset);
}

ssize_t fail(int code) {
  errno = code;
  return -1;
}

struct PosixFileTest : ::testing::Test {
  testing::TemporaryFolder folder;
  Gate gate;
  std::string text = testing::varied_text(kSize);
  std::string path = folder.write("f", text);
  AlignedBytes memory{kBlocks * kDirectBlock};

  PosixFileTest() { script = {}; }
  void refuse(Acquisition kind) { gate.refuse({.ordinal = 1, .persistent = false, .kind = static_cast<int>(kind)}); }

  std::unique_ptr<PosixFile> open() {
    return std::make_unique<PosixFile>(Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), kSize, path, gate, &scripted_read);
  }
  std::unique_ptr<PosixFile> open_direct() {
    auto file = open();
    file->open_direct();
    return file;
  }
  Status read_all(PosixFile& file) {
    std::fill(memory.bytes().begin(), memory.bytes().end(), std::byte{0x5a});
    return file.read_direct(memory.bytes(), 0);
  }
  void expect_all(PosixFile& file) {
    const Status status = read_all(file);
    ASSERT_TRUE(status.ok()) << message(status.error());
    EXPECT_EQ(text_of(memory.bytes().first(kSize)), text);
  }
};

struct DirectReads : PosixFileTest {
  void SetUp() override {
    if (!testing::reads_direct(path)) GTEST_SKIP() << "this file system cannot read past the page cache";
  }
};

TEST_F(PosixFileTest, ReadsWholeBlocksAnywhere) {
  for (const bool direct : {false, true}) {
    const auto file = direct ? open_direct() : open();
    for (std::size_t first = 0; first < kBlocks; ++first) {
      for (std::size_t count = 0; first + count <= kBlocks; ++count) {
        const auto out = memory.bytes().first(count * kDirectBlock);
        ASSERT_TRUE(file->read_direct(out, first * kDirectBlock).ok()) << first << "+" << count;
        const std::string expected = text.substr(first * kDirectBlock, out.size());
        ASSERT_EQ(text_of(out.first(expected.size())), expected) << first << "+" << count;
      }
    }
  }
}

TEST_F(PosixFileTest, RefusesBlocksBeyondTheEnd) {
  const auto file = open_direct();
  const auto one = memory.bytes().first(kDirectBlock);
  for (const std::uint64_t offset :
       {std::uint64_t{kBlocks * kDirectBlock}, std::uint64_t{1} << 40U, std::numeric_limits<std::uint64_t>::max() - kDirectBlock + 1}) {
    EXPECT_EQ(file->read_direct(one, offset).error().code, ErrorCode::corrupt_file) << offset;
  }
  EXPECT_EQ(file->read_direct(memory.bytes(), kDirectBlock).error().code, ErrorCode::corrupt_file);
  EXPECT_TRUE(file->read_direct(one, 0).ok()) << "and goes on";
}

TEST_F(PosixFileTest, LeavesNothingInThePageCache) {
  if (!drop_from_cache(path)) GTEST_SKIP() << "this file system keeps everything in the page cache";
  const auto buffered = open();
  expect_all(*buffered);
  EXPECT_EQ(cached_pages(path), 0U) << "buffered";
  const auto direct = open_direct();
  expect_all(*direct);
  EXPECT_EQ(cached_pages(path), 0U) << "direct";
  ASSERT_TRUE(buffered->read(memory.bytes().first(kSize), 0).ok());
  EXPECT_EQ(cached_pages(path), kBlocks) << "an ordinary read";
}

TEST_F(DirectReads, PassTheCacheByOneSystemCall) {
  const auto file = open_direct();
  expect_all(*file);
  EXPECT_EQ(script.attempts, 1);
}

TEST_F(DirectReads, FollowTheLinksOfTheHubsCache) {
  std::filesystem::create_symlink("f", folder / "link");
  path = folder / "link";
  const auto file = open_direct();
  expect_all(*file);
  EXPECT_EQ(script.attempts, 1);
}

TEST_F(DirectReads, StayWithTheFileWhoseNameIsReused) {
  const auto file = open();
  std::filesystem::rename(folder.write("other", testing::varied_text(2 * kSize)), path);
  file->open_direct();
  expect_all(*file);
  EXPECT_EQ(script.attempts, 0);
  std::filesystem::remove(path);
  file->open_direct();
  expect_all(*file);
}

TEST_F(DirectReads, MayBePreparedByTwoThreadsAtOnce) {
  const auto file = open();
  int used = -1;
  script.direct = [&used](int, int fd, void* out, std::size_t bytes, off_t offset) {
    used = fd;
    return ::pread(fd, out, bytes, offset);
  };
  bool first = true;
  gate.refuse_where([&](Acquisition kind, std::string_view) {
    if (kind == Acquisition::open && std::exchange(first, false)) {
      std::thread([&] {
        file->open_direct();
        expect_all(*file);
      }).join();
    }
    return true;
  });
  file->open_direct();
  ASSERT_GE(used, 0);
  EXPECT_NE(::fcntl(used, F_GETFD), -1) << "the other thread may still be reading with it";
  expect_all(*file);
}

TEST_F(DirectReads, RepeatShortAndInterruptedReads) {
  const auto file = open_direct();
  script.direct = [](int attempt, int fd, void* out, std::size_t bytes, off_t offset) {
    if (attempt % 2 == 1) return fail(EINTR);
    return ::pread(fd, out, std::min(bytes, kDirectBlock), offset);
  };
  expect_all(*file);
  EXPECT_EQ(script.attempts, 2 * kBlocks);
}

TEST_F(DirectReads, FailWhereTheyAreInterruptedForEver) {
  const auto file = open_direct();
  script.direct = [](int, int, void*, std::size_t, off_t) { return fail(EINTR); };
  const Status read = read_all(*file);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::io);
  EXPECT_NE(read.error().what.find("nterrupted"), std::string::npos) << message(read.error());
}

TEST_F(DirectReads, GoOnBufferedWhereAReadEndsInsideABlock) {
  for (const std::size_t got : {std::size_t{1}, kDirectBlock + 1000, 5 * kDirectBlock + kTail - 1}) {
    const auto file = open_direct();
    script.direct = [got](int, int fd, void* out, std::size_t bytes, off_t offset) {
      return std::min(::pread(fd, out, bytes, offset), static_cast<ssize_t>(got));
    };
    expect_all(*file);
    if (drop_from_cache(path)) {
      expect_all(*file);
      EXPECT_EQ(cached_pages(path), 0U) << got;
    }
  }
}

TEST_F(DirectReads, GiveWayForGoodWhenTheFileSystemRefusesThem) {
  const auto file = open_direct();
  script.direct = [](int, int, void*, std::size_t, off_t) { return fail(EINVAL); };
  expect_all(*file);
  expect_all(*file);
  EXPECT_EQ(script.attempts, 1);
}

TEST_F(DirectReads, FailWithTheByteOfTheFault) {
  const auto file = open_direct();
  script.direct = [](int attempt, int fd, void* out, std::size_t, off_t offset) {
    return attempt == 1 ? ::pread(fd, out, 2 * kDirectBlock, offset) : fail(EIO);
  };
  const Status status = read_all(*file);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::io);
  EXPECT_NE(status.error().where.find("at byte 8192"), std::string::npos) << message(status.error());
  script.direct = nullptr;
  expect_all(*file);
}

TEST_F(PosixFileTest, NamesTheByteAtWhichATruncatedFileEnds) {
  for (const bool direct : {false, true}) {
    folder.write("f", text);
    const auto file = direct ? open_direct() : open();
    for (const std::size_t length : {kSize - 1, 3 * kDirectBlock + 7, 2 * kDirectBlock, std::size_t{1}, std::size_t{0}}) {
      ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(length)), 0);
      const Status status = read_all(*file);
      ASSERT_FALSE(status.ok()) << length;
      EXPECT_EQ(status.error().code, ErrorCode::corrupt_file);
      EXPECT_NE(status.error().where.find("at byte " + std::to_string(length)), std::string::npos) << message(status.error());
    }
    EXPECT_EQ(file->read_direct(memory.bytes().first(kDirectBlock), 4 * kDirectBlock).error().code, ErrorCode::corrupt_file);
  }
}

TEST_F(PosixFileTest, EveryAcquisitionCanBeRefused) {
  const auto file = open();
  refuse(Acquisition::open);
  file->open_direct();
  EXPECT_EQ(gate.refused(), 1U);
  expect_all(*file);
  EXPECT_EQ(script.attempts, 0) << "stays buffered";
  refuse(Acquisition::read);
  EXPECT_EQ(read_all(*file).error().code, ErrorCode::io);
  expect_all(*file);
}

TEST_F(PosixFileTest, GivesWhatIsCachedAndNeverMore) {
  const auto file = open_direct();
  ASSERT_TRUE(file->read(memory.bytes().first(kSize), 0).ok());
  std::vector<std::byte> out(kSize);
  if (file->read_cached(out, 0) == 0) GTEST_SKIP() << "this file system does not tell what is cached";
  EXPECT_EQ(file->read_cached(out, 0), kSize);
  EXPECT_EQ(text_of(out), text);
  EXPECT_EQ(file->read_cached(std::span(out).first(100), 5000), 100U);
  EXPECT_EQ(text_of(std::span(out).first(100)), text.substr(5000, 100));
  EXPECT_EQ(file->read_cached(out, kSize - 5), 5U);
  EXPECT_EQ(file->read_cached(out, kSize), 0U);
  EXPECT_EQ(file->read_cached(out, std::numeric_limits<std::uint64_t>::max()), 0U);
  if (!drop_from_cache(path)) return;
  ASSERT_TRUE(file->read(memory.bytes().first(kSize), 0).ok());
  file->drop_cached(2 * kDirectBlock, kDirectBlock);
  // Up to the first page that is missing; a fast disk has brought it while it was looked for.
  const std::size_t known = file->read_cached(out, 10);
  EXPECT_TRUE(known == 2 * kDirectBlock - 10 || known == kSize - 10) << known;
  EXPECT_EQ(text_of(std::span(out).first(known)), text.substr(10, known));
}

TEST_F(PosixFileTest, TellsWhetherAllIsCachedWithoutReadingAny) {
  const auto file = open_direct();
  if (!drop_from_cache(path)) GTEST_SKIP() << "this file system keeps everything in the page cache";
  const auto told = file->all_cached(0, kSize);
  if (!told) GTEST_SKIP() << "this system does not tell what is cached";
  EXPECT_FALSE(*told);
  EXPECT_EQ(cached_pages(path), 0U) << "nothing was brought";
  ASSERT_TRUE(file->read(memory.bytes().first(2 * kDirectBlock), 0).ok());
  EXPECT_EQ(file->all_cached(5, 2 * kDirectBlock - 5), true);
  EXPECT_EQ(file->all_cached(kDirectBlock - 1, 2), true);
  EXPECT_EQ(file->all_cached(5, 2 * kDirectBlock), false) << "one byte of a page that is missing";
  EXPECT_EQ(file->all_cached(kDirectBlock, 0), true);
  ASSERT_TRUE(file->read(memory.bytes().first(kSize), 0).ok());
  EXPECT_EQ(file->all_cached(0, kSize), true) << "the last page is half a page";
}

TEST_F(PosixFileTest, DropsTheBlocksOfTheBytesThatAreNamed) {
  const auto file = open_direct();
  if (!drop_from_cache(path)) GTEST_SKIP() << "this file system keeps everything in the page cache";
  ASSERT_TRUE(file->read(memory.bytes().first(kSize), 0).ok());
  file->drop_cached(kDirectBlock, 0);
  EXPECT_EQ(cached_pages(path), kBlocks);
  file->drop_cached(kDirectBlock + 7, 1);
  EXPECT_EQ(cached_pages(path), kBlocks - 1);
  file->drop_cached(2 * kDirectBlock - 1 + kDirectBlock, 2);
  EXPECT_EQ(cached_pages(path), kBlocks - 3);
  file->drop_cached(0, kSize);
  EXPECT_EQ(cached_pages(path), 0U);
}

TEST_F(PosixFileTest, ALookBringsNoMoreThanItsPage) {
  text = testing::varied_text(64 * kDirectBlock);
  folder.write("f", text);
  const auto file = open_direct();
  std::array<std::byte, 1> out{};
  // Once in a hundred times the system has brought them all again by itself.
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (!drop_from_cache(path)) GTEST_SKIP() << "this file system keeps everything in the page cache";
    std::size_t there = 0;
    for (std::uint64_t block = 0; block < 4; ++block) there += file->read_cached(out, block * kDirectBlock);
    if (there > 0) continue;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_LE(cached_pages(path), 4U);
    return;
  }
  FAIL() << "what was dropped is there at every attempt";
}

TEST_F(PosixFileTest, HintsBringBytesIntoTheCache) {
  const auto file = open_direct();
  if (!drop_from_cache(path)) GTEST_SKIP() << "this file system keeps everything in the page cache";
  file->will_read(0, 2 * kDirectBlock);
  for (int wait = 0; wait < 200 && cached_pages(path) < 2; ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_GE(cached_pages(path), 2U);
}

}  // namespace
}  // namespace plimsoll
