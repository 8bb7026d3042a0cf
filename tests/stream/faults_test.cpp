// What goes wrong below: reads that fail, files that shrink, disks that do not answer, acquisitions that are refused.
#include <unistd.h>

#include "stream/stream_fixture.h"
#include "support/page_cache.h"
#include "support/temporary_folder.h"

namespace plimsoll::testing {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

struct Faults : StreamTest {
  std::shared_ptr<ScriptedFile> file = std::make_shared<ScriptedFile>(varied_text(100'000));
  std::shared_ptr<Door> door = std::make_shared<Door>();
  Extent whole{file.get(), 5, 60'000};
  std::string expected = file->text().substr(5, 60'000);

  /// The reads up to `last` stay in the system until the door opens.
  void get_stuck(int last) {
    file->on_read = [door = door, last](int attempt, std::uint64_t) -> Status {
      if (attempt <= last) door->pass();
      return {};
    };
  }
};

struct FaultsWith : Faults, ::testing::WithParamInterface<int> {};

TEST_P(FaultsWith, AReadThatFailsIsTriedAgain) {
  for (const int failures : {1, 2, 3}) {
    const auto reader = make(GetParam());
    file->reads = 0;
    file->on_read = [failures](int attempt, std::uint64_t) { return attempt <= failures ? Status(disk_error()) : Status(); };
    ASSERT_EQ(read(*reader, whole), expected) << failures;
    EXPECT_EQ(reader->statistics().retries, static_cast<std::uint64_t>(failures));
  }
}

TEST_P(FaultsWith, AReadThatAlwaysFailsSaysHowOftenItWasTried) {
  const auto reader = make(GetParam());
  file->on_read = [](int, std::uint64_t) { return Status(disk_error()); };
  reader->request(0, whole);
  for (int ask = 0; ask < 2; ++ask) {
    const auto bytes = reader->wait(0);
    ASSERT_FALSE(bytes.ok());
    EXPECT_EQ(bytes.error().code, ErrorCode::io);
    EXPECT_EQ(bytes.error().what, "cannot read: Input/output error, tried 4 times");
  }
  EXPECT_EQ(file->reads.load(), 4);
  EXPECT_EQ(reader->statistics().direct_bytes, 0U);
  reader->release(0);
  file->on_read = nullptr;
  EXPECT_EQ(read(*reader, whole), expected) << "the next request is a new one";
}

TEST_P(FaultsWith, OtherSlotsDoNotSuffer) {
  const auto reader = make(GetParam());
  file->on_read = [](int, std::uint64_t offset) { return offset == 0 ? Status(disk_error()) : Status(); };
  reader->request(0, whole);
  for (int slot = 1; slot < kSlots; ++slot) reader->request(slot, {file.get(), 8192, 10'000});
  for (int slot = 1; slot < kSlots; ++slot) EXPECT_EQ(text_of(*reader->wait(slot)), file->text().substr(8192, 10'000));
  EXPECT_EQ(reader->wait(0).error().code, ErrorCode::io);
}

TEST_P(FaultsWith, ATruncatedFileIsNotTriedAgain) {
  const TemporaryFolder folder;
  const std::string path = folder.write("f", file->text());
  for (const bool direct : {false, true}) {
    folder.write("f", file->text());
    const auto real = os_->open(path);
    ASSERT_TRUE(real.ok());
    if (direct) (*real)->open_direct();
    const auto reader = make(GetParam());
    ASSERT_EQ(read(*reader, {real->get(), 5, 60'000}), expected);
    ASSERT_EQ(::truncate(path.c_str(), 50'000), 0);
    reader->request(0, {real->get(), 5, 60'000});
    reader->request(1, {real->get(), 70'000, 10});
    reader->request(2, {real->get(), 40'000, 5000});
    for (const int slot : {0, 1}) {
      const auto bytes = reader->wait(slot);
      ASSERT_FALSE(bytes.ok());
      EXPECT_EQ(bytes.error().code, ErrorCode::corrupt_file) << message(bytes.error());
    }
    EXPECT_EQ(text_of(*reader->wait(2)), file->text().substr(40'000, 5000)) << "what is before the cut";
    EXPECT_EQ(reader->statistics().retries, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, FaultsWith, ::testing::Values(0, 1, 2));

TEST_F(Faults, AStuckReadDoesNotBlockCancelNorTheNextReads) {
  get_stuck(1);
  const auto reader = make(2);
  reader->request(0, whole);
  ASSERT_TRUE(door->wait_for(1));
  std::thread user([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    cancelled_ = true;
  });
  const auto start = steady_clock::now();
  EXPECT_EQ(reader->wait(0).error().code, ErrorCode::cancelled);
  reader->reset();
  EXPECT_LT(steady_clock::now() - start, seconds{5});
  user.join();

  cancelled_ = false;
  EXPECT_EQ(read(*reader, whole, 1), expected) << "by the other reader";
  reader->request(0, {file.get(), 30'000, 50'000});
  EXPECT_EQ(read(*reader, whole, 1), expected);
  EXPECT_EQ(file->reads.load(), 3) << "the slot of the stuck read waits";
  door->open();
  EXPECT_EQ(text_of(*reader->wait(0)), file->text().substr(30'000, 50'000)) << "and is read when that is back";
}

TEST_F(Faults, NothingIsCopiedIntoASlotThatAStuckReadMayStillWrite) {
  get_stuck(1);
  const auto reader = make(1);
  reader->request(0, whole);
  ASSERT_TRUE(door->wait_for(1));
  reader->reset();
  file->cached = [](std::uint64_t) { return true; };
  reader->request(0, {file.get(), 30'000, 50'000});
  door->open();
  EXPECT_EQ(text_of(*reader->wait(0)), file->text().substr(30'000, 50'000));
  EXPECT_EQ(reader->statistics().cached_bytes, 0U);
}

TEST_F(Faults, DestructionLeavesAStuckReadBehindWithAllThatItTouches) {
  get_stuck(2);
  auto reader = make(2);
  const std::weak_ptr<void> memory = memory_.owner();
  const std::weak_ptr<File> kept = file;
  reader->request(0, whole);
  reader->request(1, whole);
  ASSERT_TRUE(door->wait_for(2));
  const auto start = steady_clock::now();
  reader.reset();
  EXPECT_LT(steady_clock::now() - start, seconds{5});
  memory_ = AlignedBytes(0);
  file.reset();
  EXPECT_FALSE(memory.expired());
  EXPECT_FALSE(kept.expired());
  door->open();
  EXPECT_TRUE(eventually([&] { return memory.expired() && kept.expired(); })) << "nothing stays once it is back";
}

TEST_F(Faults, ResetWaitsForReadsThatAreOnlySlow) {
  std::atomic<int> begun{0};
  std::atomic<int> over{0};
  file->on_read = [&](int, std::uint64_t) -> Status {
    ++begun;
    std::this_thread::sleep_for(std::chrono::milliseconds(40));
    ++over;
    return {};
  };
  const auto reader = make(2);
  for (int slot = 0; slot < kSlots; ++slot) reader->request(slot, whole);
  ASSERT_TRUE(eventually([&] { return begun > 0; }));
  reader->reset();
  EXPECT_EQ(over.load(), begun.load());
  EXPECT_LE(begun.load(), 2) << "what waited for a reader is forgotten";
}

TEST_F(Faults, NothingIsKeptAfterAnOrderlyEnd) {
  auto reader = make(2);
  const std::weak_ptr<void> memory = memory_.owner();
  const std::weak_ptr<File> kept = file;
  reader->request(0, whole);
  ASSERT_TRUE(reader->wait(0).ok());
  reader->request(1, whole);
  reader.reset();
  memory_ = AlignedBytes(0);
  file.reset();
  EXPECT_TRUE(memory.expired());
  EXPECT_TRUE(kept.expired());
}

TEST_F(Faults, CancelEndsAWaitForAReadThatKeepsFailing) {
  for (const int readers : {0, 1}) {
    cancelled_ = true;
    const auto reader = make(readers);
    file->on_read = [](int, std::uint64_t) { return Status(disk_error()); };
    reader->request(0, whole);
    const ErrorCode code = reader->wait(0).error().code;
    EXPECT_TRUE(code == ErrorCode::cancelled || (readers > 0 && code == ErrorCode::io)) << error_code_name(code);
    const auto start = steady_clock::now();
    reader->reset();
    EXPECT_LT(steady_clock::now() - start, seconds{5});
  }
}

struct GateSweep : StreamTest {
  TemporaryFolder folder;
  std::string text = varied_text(500'000);
  std::string path = folder.write("f", text);

  Result<std::string> everything() {
    drop_from_cache(path);
    PLIMSOLL_TRY(const std::shared_ptr<File> file, os_->open(path));
    file->open_direct();
    PLIMSOLL_TRY(const auto reader, create(2));
    return read_through(*reader, *file, 3, 50'000);
  }
};

TEST_F(GateSweep, AnyAcquisitionMayBeRefused) {
  for (const Acquisition kind : {Acquisition::open, Acquisition::read, Acquisition::thread}) {
    for (const bool persistent : {false, true}) {
      std::uint64_t refused = 1;
      for (std::uint64_t ordinal = 1; refused != 0; ++ordinal) {
        gate_.refuse({.ordinal = ordinal, .persistent = persistent, .kind = static_cast<int>(kind)});
        const auto result = everything();
        refused = gate_.refused();
        if (result.ok()) {
          ASSERT_EQ(*result, text.substr(3)) << acquisition_name(kind) << " " << ordinal;
        } else {
          ASSERT_EQ(result.error().code, ErrorCode::io) << message(result.error());
          ASSERT_TRUE(persistent || kind == Acquisition::open) << "a single refusal is overcome: " << message(result.error());
        }
        ASSERT_TRUE(result.ok() || kind != Acquisition::thread) << "without threads, by itself";
        gate_.refuse({});
        ASSERT_EQ(*everything(), text.substr(3)) << "the next clean request";
      }
    }
  }
}

}  // namespace
}  // namespace plimsoll::testing
