// That nothing is acquired once the reader is made.
#include "stream/stream_fixture.h"
#include "support/heap_watch.h"
#include "support/temporary_folder.h"

namespace plimsoll::testing {
namespace {

struct StreamMemory : StreamTest, ::testing::WithParamInterface<int> {
  TemporaryFolder folder;
  std::string path = folder.write("f", varied_text(1U << 20U));

  static void read_all(SlotReader& reader, File& file) {
    for (std::uint64_t offset = 7; offset + kLargest <= file.size(); offset += kLargest) {
      reader.request(0, {&file, offset, kLargest});
      reader.request(1, {&file, offset / 2, 1000});
      ASSERT_TRUE(reader.wait(1).ok());
      ASSERT_TRUE(reader.wait(0).ok());
      reader.release(0);
      reader.release(1);
    }
    reader.request(2, {&file, 0, kLargest});
    reader.reset();
  }
};

TEST_P(StreamMemory, NothingIsAcquiredAfterCreate) {
  const auto opened = os_->open(path);
  ASSERT_TRUE(opened.ok());
  File& file = **opened;
  file.open_direct();
  const auto reader = make(GetParam());
  const HeapWatch watch;
  gate_.refuse({});
  read_all(*reader, file);
  for (std::uint64_t offset = 0; offset < file.size(); offset += kLargest)  // into the cache, by way of a slot
    ASSERT_TRUE(file.read(memory_.bytes().first(kLargest), offset).ok());
  read_all(*reader, file);
  EXPECT_EQ(watch.allocations(), 0U);
  EXPECT_GT(reader->statistics().direct_bytes + reader->statistics().cached_bytes, file.size());
  for (const Acquisition kind : {Acquisition::open, Acquisition::thread, Acquisition::host_memory}) EXPECT_EQ(gate_.seen(kind), 0U);
}

INSTANTIATE_TEST_SUITE_P(Readers, StreamMemory, ::testing::Values(0, 1, 2));

}  // namespace
}  // namespace plimsoll::testing
