#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <future>
#include <limits>
#include <thread>

#include <plimsoll/os.h>

#include "support/build.h"
#include "support/temporary_folder.h"

namespace plimsoll {
namespace {

struct PosixOs : ::testing::Test {
  testing::TemporaryFolder folder;
  Gate gate;
  std::unique_ptr<Os> os = make_os(gate);

  void refuse_first(Acquisition kind) { gate.refuse({.ordinal = 1, .persistent = false, .kind = static_cast<int>(kind)}); }
};

std::string text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

TEST_F(PosixOs, ReadsAFileByPosition) {
  const auto file = os->open(folder.write("f", "0123456789"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->size(), 10U);
  std::array<std::byte, 4> out{};
  ASSERT_TRUE((*file)->read(out, 3).ok());
  EXPECT_EQ(text_of(out), "3456");
  ASSERT_TRUE((*file)->read(out, 6).ok());
  EXPECT_EQ(text_of(out), "6789");
  EXPECT_TRUE((*file)->read({}, 10).ok());
}

TEST_F(PosixOs, NamesTheByteAtWhichATruncatedFileEnds) {
  const std::string path = folder.write("f", std::string(10000, 'x'));
  const auto file = os->open(path);
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(::truncate(path.c_str(), 4321), 0);
  std::array<std::byte, 8000> out{};
  const Status status = (*file)->read(out, 1000);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::corrupt_file);
  EXPECT_NE(status.error().where.find("at byte 4321"), std::string::npos) << message(status.error());
  EXPECT_NE(status.error().advice.find("10000 bytes"), std::string::npos) << message(status.error());
}

TEST_F(PosixOs, RefusesAbsurdOffsets) {
  const auto file = os->open(folder.write("f", "0123456789"));
  ASSERT_TRUE(file.ok());
  std::array<std::byte, 1> out{};
  EXPECT_FALSE((*file)->read(out, 10).ok());
  EXPECT_FALSE((*file)->read(out, std::numeric_limits<std::uint64_t>::max()).ok());
}

TEST_F(PosixOs, KeepsTheFileThatWasOpenedWhenItsNameIsReused) {
  const std::string path = folder.write("f", "old");
  const auto file = os->open(path);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(os->write_text(path, "new!").ok());
  std::array<std::byte, 3> out{};
  ASSERT_TRUE((*file)->read(out, 0).ok());
  EXPECT_EQ(text_of(out), "old");
  EXPECT_EQ(*os->read_text(path, 100), "new!");
}

TEST_F(PosixOs, OpensRegularFilesOnlyAndNeverBlocks) {
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  std::filesystem::create_symlink("missing", folder / "dangling");
  for (const std::string& path :
       {folder / "fifo", folder.path(), std::string("/dev/null"), folder / "missing", folder / "dangling", std::string()}) {
    const auto file = os->open(path);
    ASSERT_FALSE(file.ok()) << path;
    EXPECT_EQ(file.error().code, ErrorCode::not_found) << path;
    EXPECT_EQ(file.error().where, path);
    const auto text = os->read_text(path, 100);
    ASSERT_FALSE(text.ok()) << path;
    EXPECT_EQ(text.error().code, ErrorCode::not_found) << path;
  }
  EXPECT_NE(os->open(folder / "fifo").error().what.find("a FIFO"), std::string::npos);
  EXPECT_NE(os->open(folder.path()).error().what.find("a directory"), std::string::npos);
}

// Not the path's fault: the holder is asked to give it up, and the next attempt may do.
TEST_F(PosixOs, AFileUnderAnothersLeaseIsAFaultOfTheMoment) {
  const std::string path = folder.write("leased", "x");
  const int holder = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(holder, 0);
  const auto before = ::signal(SIGIO, SIG_IGN);
  if (::fcntl(holder, F_SETLEASE, F_WRLCK) == 0) {
    const auto opened = os->open_folder(folder.path(), "");
    ASSERT_TRUE(opened.ok());
    for (const Error& error : {os->open(path).error(), os->read_text(path, 9).error(), (*opened)->open("leased").error()}) {
      EXPECT_EQ(error.code, ErrorCode::io) << error.what;
      EXPECT_NE(error.what.find("lease"), std::string::npos) << error.what;
    }
  }
  ::close(holder);
  ::signal(SIGIO, before);
  EXPECT_TRUE(os->open(path).ok());
}

TEST_F(PosixOs, TellsTheMemoryOfTheMachine) {
  const auto memory = os->system_memory();
  ASSERT_TRUE(memory.has_value());
  EXPECT_GT(memory->free, Bytes{0});
  EXPECT_LE(memory->free + memory->buffers, memory->total);
}

TEST_F(PosixOs, HandsOutLongTextsInParts) {
  const std::string text(10000, 'y');
  const std::string path = folder.write("t", text);
  std::string seen;
  int parts = 0;
  const auto take = [&](std::string_view part) -> Status {
    seen += part;
    ++parts;
    return seen.size() < 9000 ? Status{} : Status{Error{ErrorCode::cancelled, "enough", "here", ""}};
  };
  EXPECT_EQ(os->read_parts(path, take).error().code, ErrorCode::cancelled);
  EXPECT_EQ(seen, text);
  EXPECT_GT(parts, 1);
  EXPECT_EQ(os->read_parts(folder / "missing", take).error().code, ErrorCode::not_found);
}

TEST_F(PosixOs, ReadsSmallTextsWithinALimit) {
  const std::string path = folder.write("t", std::string(10000, 'y'));
  EXPECT_EQ(os->read_text(path, 10000)->size(), 10000U);
  EXPECT_EQ(os->read_text(path, 9999).error().code, ErrorCode::corrupt_file);
  EXPECT_EQ(*os->read_text(folder.write("empty", ""), 0), "");
  const auto status = os->read_text("/proc/self/status", 1U << 20U);
  ASSERT_TRUE(status.ok());
  EXPECT_TRUE(status->starts_with("Name:"));
}

TEST_F(PosixOs, SeesFoldersAndFiles) {
  folder.write("b", "");
  folder.write("a/c", "");
  EXPECT_EQ(os->list_directory(folder.path()), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(os->list_directory(folder / "missing").empty());
  EXPECT_TRUE(os->is_directory(folder / "a"));
  EXPECT_FALSE(os->is_directory(folder / "b"));
  EXPECT_TRUE(os->is_file(folder / "b"));
  EXPECT_FALSE(os->is_file(folder / "a"));
  EXPECT_FALSE(os->is_file(folder / "missing"));
}

TEST_F(PosixOs, WritesByRenameIntoNewFolders) {
  ASSERT_TRUE(os->write_text(folder / "new/deep/file", "one").ok());
  ASSERT_TRUE(os->write_text(folder / "new/deep/file", "two").ok());
  EXPECT_EQ(*os->read_text(folder / "new/deep/file", 9), "two");
  EXPECT_EQ(os->list_directory(folder / "new/deep").size(), 1U) << "no temporary file stays";
}

TEST_F(PosixOs, WritesNamesAsLongAsAFolderTakes) {
  const std::string longest(255, 'n');
  ASSERT_TRUE(os->write_text(folder / longest, "one").ok());
  EXPECT_EQ(*os->read_text(folder / longest, 9), "one");
}

TEST_F(PosixOs, DoesNotWriteThroughALinkThatWaitsForIt) {
  folder.write("victim", "precious");
  std::filesystem::create_symlink(folder / "victim", folder / ("file." + std::to_string(::getpid()) + ".tmp"));
  ASSERT_TRUE(os->write_text(folder / "file", "new").ok());
  EXPECT_EQ(*os->read_text(folder / "victim", 9), "precious");
}

TEST_F(PosixOs, AWriteThatFailsLeavesTheOldFile) {
  ASSERT_TRUE(os->write_text(folder / "file", "old").ok());
  for (const Acquisition kind : {Acquisition::open, Acquisition::write}) {
    refuse_first(kind);
    EXPECT_EQ(os->write_text(folder / "file", "new").error().code, ErrorCode::io);
    EXPECT_EQ(gate.refused(), 1U);
    EXPECT_EQ(*os->read_text(folder / "file", 9), "old");
    EXPECT_EQ(os->list_directory(folder.path()).size(), 1U);
  }
  EXPECT_FALSE(os->write_text(folder.path(), "x").ok()) << "a folder is not replaced";
}

TEST_F(PosixOs, MapsZeroedMemoryInWholePages) {
  const auto mapping = os->map_memory(Bytes{4097});
  ASSERT_TRUE(mapping.ok());
  ASSERT_EQ((*mapping)->bytes().size(), 8192U);
  for (const std::byte byte : (*mapping)->bytes()) ASSERT_EQ(byte, std::byte{0});
  (*mapping)->bytes()[8191] = std::byte{1};
}

// The flags of the mapping that begins at `address`, as /proc/self/smaps tells them.
std::string mapping_flags(Os& os, const void* address) {
  const std::string text = os.read_text("/proc/self/smaps", 64U << 20U).value();
  char start[32];
  std::snprintf(start, sizeof start, "\n%zx-", reinterpret_cast<std::uintptr_t>(address));
  const std::size_t at = text.find("VmFlags:", text.find(start));
  return text.substr(at, text.find('\n', at) - at);
}

TEST_F(PosixOs, HugePagesAreUsedOnlyWhereAskedForAndFitWhole) {
  for (const Bytes size : {mib(2), mib(2) + kPage, mib(5)}) {
    const auto mapping = os->map_memory(size);
    ASSERT_TRUE(mapping.ok());
    const std::span<std::byte> bytes = (*mapping)->bytes();
    EXPECT_EQ(bytes.size(), size.count);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % mib(2).count, 0U) << size.count;
    EXPECT_NE(mapping_flags(*os, bytes.data()).find(" nh"), std::string::npos);
    (*mapping)->use_huge_pages();
    EXPECT_NE(mapping_flags(*os, bytes.data()).find(" hg"), std::string::npos);
    bytes.front() = bytes.back() = std::byte{1};
  }
}

TEST_F(PosixOs, WhereAHugePagesEdgeIsOutOfReachMemoryIsMappedAsItFits) {
  if (testing::kSanitized) GTEST_SKIP() << "addresses are taken for the sanitizer too";
  rlimit saved{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &saved), 0);
  const std::string pages = os->read_text("/proc/self/statm", 1000).value();
  rlimit lowered = saved;
  lowered.rlim_cur = (kPage * std::stoull(pages) + mib(3)).count;
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &lowered), 0);
  const auto mapping = os->map_memory(mib(2));
  const auto too_much = os->map_memory(mib(2));
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &saved), 0);
  ASSERT_TRUE(mapping.ok()) << message(mapping.error());
  EXPECT_EQ((*mapping)->bytes().size(), mib(2).count);
  EXPECT_EQ(too_much.error().code, ErrorCode::out_of_memory);
}

/// As many mappings as this process may have.
class MostMappings {
 public:
  explicit MostMappings(std::size_t most) : bytes_(2 * most * kPage.count) {
    start_ = ::mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start_ == MAP_FAILED) return;
    for (std::size_t at = 0; at < bytes_ && !reached_; at += 2 * kPage.count)
      reached_ = ::mprotect(static_cast<std::byte*>(start_) + at, kPage.count, PROT_READ) != 0;
  }
  MostMappings(const MostMappings&) = delete;
  MostMappings& operator=(const MostMappings&) = delete;
  ~MostMappings() {
    if (start_ != MAP_FAILED) ::munmap(start_, bytes_);
  }
  bool reached() const { return reached_; }

 private:
  std::size_t bytes_;
  void* start_ = MAP_FAILED;
  bool reached_ = false;
};

bool is_resident(const void* page) {
  unsigned char there = 0;
  return ::mincore(const_cast<void*>(page), kPage.count, &there) == 0 && (there & 1U) != 0;
}

// The system has made one mapping of three neighbours, and to cut that would make two.
TEST_F(PosixOs, MemoryIsGivenBackEvenWhereItsAddressesAreNot) {
  const std::uint64_t most = std::stoull(os->read_text("/proc/sys/vm/max_map_count", 100).value());
  if (testing::kSanitized || most > 100'000) GTEST_SKIP() << "there may be too many mappings";
  const std::size_t size = mib(1).count;
  const auto above = os->map_memory(mib(1)).value();
  auto mapping = os->map_memory(mib(1)).value();
  const auto below = os->map_memory(mib(1)).value();
  std::byte* start = mapping->bytes().data();
  if (start + size != above->bytes().data() || below->bytes().data() + size != start) GTEST_SKIP() << "they are no neighbours";
  std::memset(start, 7, size);
  {
    const MostMappings others(most);
    ASSERT_TRUE(others.reached());
    const Status shrunk = mapping->resize(kPage);
    ASSERT_TRUE(shrunk.ok()) << message(shrunk.error());
    EXPECT_EQ(mapping->bytes().data(), start);
    EXPECT_EQ(mapping->bytes().size(), kPage.count);
    EXPECT_TRUE(is_resident(start));
    EXPECT_FALSE(is_resident(start + kPage.count));
  }
  ASSERT_TRUE(mapping->resize(mib(1)).ok());
  EXPECT_EQ(mapping->bytes()[kPage.count - 1], std::byte{7});
  EXPECT_EQ(mapping->bytes()[kPage.count], std::byte{0});
  start = mapping->bytes().data();
  const MostMappings others(most);
  mapping.reset();
  EXPECT_FALSE(is_resident(start));
}

TEST_F(PosixOs, MemoryThatCannotBeHadIsOutOfMemory) {
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  for (const std::uint64_t size : {most, most - 4094, std::uint64_t{1} << 62U}) {
    const auto mapping = os->map_memory(Bytes{size});
    ASSERT_FALSE(mapping.ok()) << size;
    EXPECT_EQ(mapping.error().code, ErrorCode::out_of_memory);
  }
}

TEST_F(PosixOs, EveryAcquisitionCanBeRefused) {
  const std::string path = folder.write("f", "0123456789");
  refuse_first(Acquisition::open);
  EXPECT_EQ(os->open(path).error().code, ErrorCode::io);
  refuse_first(Acquisition::open);
  EXPECT_EQ(os->read_text(path, 99).error().code, ErrorCode::io);
  refuse_first(Acquisition::open);
  EXPECT_TRUE(os->list_directory(folder.path()).empty());
  refuse_first(Acquisition::read);
  EXPECT_EQ(os->read_text(path, 99).error().code, ErrorCode::io);
  refuse_first(Acquisition::read);
  const auto file = os->open(path);
  ASSERT_TRUE(file.ok());
  std::array<std::byte, 1> out{};
  EXPECT_EQ((*file)->read(out, 0).error().code, ErrorCode::io);
  EXPECT_TRUE((*file)->read(out, 0).ok());
  refuse_first(Acquisition::host_memory);
  EXPECT_EQ(os->map_memory(kPage).error().code, ErrorCode::out_of_memory);
  refuse_first(Acquisition::thread);
  EXPECT_EQ(os->start_thread([] {}).error().code, ErrorCode::out_of_memory);
}

TEST_F(PosixOs, ThreadsRunAndAreJoined) {
  std::atomic<int> ran{0};
  {
    const auto thread = os->start_thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ran = 1;
    });
    ASSERT_TRUE(thread.ok());
  }
  EXPECT_EQ(ran.load(), 1);
}

TEST_F(PosixOs, ADetachedThreadOutlivesItsHandle) {
  struct Shared {
    std::promise<void> go;
    std::promise<int> result;
  };
  const auto shared = std::make_shared<Shared>();
  auto result = shared->result.get_future();
  {
    const auto thread = os->start_thread([shared] {
      shared->go.get_future().wait();
      shared->result.set_value(7);
    });
    ASSERT_TRUE(thread.ok());
    (*thread)->detach();
  }
  shared->go.set_value();
  EXPECT_EQ(result.get(), 7);
}

TEST_F(PosixOs, AFileMayBeKeptByWhoReadsIt) {
  auto opened = os->open(folder.write("f", "0123456789"));
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ((*opened)->weak_from_this().lock(), nullptr);
  const std::shared_ptr<File> shared = std::move(opened).value();
  EXPECT_EQ(shared->weak_from_this().lock(), shared);
}

TEST_F(PosixOs, KnowsClockEnvironmentProcessorsAndLimits) {
  const auto before = os->now();
  EXPECT_LE(before, os->now());
  ASSERT_EQ(::setenv("PLIMSOLL_TEST_VARIABLE", "value", 1), 0);
  EXPECT_EQ(os->environment("PLIMSOLL_TEST_VARIABLE"), "value");
  EXPECT_EQ(os->environment("PLIMSOLL_NO_SUCH_VARIABLE"), std::nullopt);
  EXPECT_FALSE(os->affinity().empty());

  rlimit saved{};
  ASSERT_EQ(::getrlimit(RLIMIT_DATA, &saved), 0);
  rlimit lowered = saved;
  lowered.rlim_cur = std::uint64_t{1} << 40U;
  ASSERT_EQ(::setrlimit(RLIMIT_DATA, &lowered), 0);
  EXPECT_EQ(os->memory_rlimit(RLIMIT_DATA), Bytes{std::uint64_t{1} << 40U});
  ASSERT_EQ(::setrlimit(RLIMIT_DATA, &saved), 0);
}

}  // namespace
}  // namespace plimsoll
