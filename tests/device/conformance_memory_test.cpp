// What a device's memory does.
#include <algorithm>

#include "device/conformance.h"

namespace plimsoll::test {
namespace {

class ConformanceMemory : public ConformanceTest {
 protected:
  DeviceMemoryState state() {
    auto now = device().memory();
    EXPECT_TRUE(now.ok());
    return now.ok() ? now.value() : DeviceMemoryState{};
  }
};

TEST_P(ConformanceMemory, CountsWhatIsTakenAndGivenBack) {
  const DeviceMemoryState before = state();
  EXPECT_EQ(before.total, kMemory);
  EXPECT_EQ(before.free + before.ours + before.others, before.total);
  {
    const auto block = device().allocate(mib(8));
    ASSERT_TRUE(block.ok());
    EXPECT_EQ(block.value()->bytes().size(), mib(8).count);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.value()->bytes().data()) % 256, 0U);
    EXPECT_EQ(state().free, before.free - mib(8));
    EXPECT_EQ(state().ours, before.ours + mib(8));
  }
  EXPECT_EQ(state().free, before.free);
  EXPECT_EQ(state().ours, before.ours);
}

TEST_P(ConformanceMemory, HoldsWhatIsCopiedThereToItsEnds) {
  auto block = device().allocate(mib(3) + Bytes{1});
  ASSERT_TRUE(block.ok());
  const auto bytes = block.value()->bytes();
  std::vector<std::byte> pattern(bytes.size());
  for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] = static_cast<std::byte>(i * 2654435761U >> 13U);
  device().copy_in(in(), bytes.data(), pattern);
  ASSERT_TRUE(device().synchronize(in()).ok());
  std::vector<std::byte> back(pattern.size());
  device().copy_out(out(), back, bytes.data());
  ASSERT_TRUE(device().synchronize(out()).ok());
  EXPECT_TRUE(back == pattern);
}

TEST_P(ConformanceMemory, ExhaustionIsTypedAndHasFigures) {
  const Bytes free = state().free;
  const auto refused = device().allocate(free + Bytes{1});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::out_of_memory);
  ASSERT_TRUE(refused.error().memory.has_value());
  EXPECT_EQ(refused.error().memory->device, device().name());
  EXPECT_EQ(refused.error().memory->requested, free + Bytes{1});
  EXPECT_EQ(refused.error().memory->free, free);
  EXPECT_EQ(refused.error().memory->limit, kMemory);
  EXPECT_FALSE(device().allocate(Bytes{~std::uint64_t{0}}).ok());
  EXPECT_EQ(state().free, free);
  EXPECT_TRUE(device().allocate(free).ok());
}

/// Takes all in small blocks, gives some back in an order that leaves no holes behind, and takes all at once.
TEST_P(ConformanceMemory, BlocksAreApartAndComeTogetherAgain) {
  const Bytes free = state().free;
  std::vector<std::unique_ptr<DeviceMemory>> blocks;
  while (auto block = device().allocate(mib(1))) blocks.push_back(std::move(block).value());
  EXPECT_EQ(blocks.size(), free.count / mib(1).count);
  std::vector<std::pair<std::byte*, std::byte*>> ranges;
  for (const auto& block : blocks) ranges.emplace_back(block->bytes().data(), block->bytes().data() + block->bytes().size());
  std::ranges::sort(ranges);
  for (std::size_t i = 1; i < ranges.size(); ++i) EXPECT_LE(ranges[i - 1].second, ranges[i].first);
  for (std::size_t i = 0; i < blocks.size(); i += 3) blocks[i].reset();
  for (std::size_t i = 2; i < blocks.size(); i += 3) blocks[i].reset();
  blocks.clear();
  EXPECT_TRUE(device().allocate(free).ok());
}

TEST_P(ConformanceMemory, AnyAcquisitionMayBeRefused) {
  const WorkspaceNeeds needs{.largest_inputs = 64, .threads = 2};
  const auto workspace = static_cast<std::size_t>(GetParam().workspace_bytes(needs));
  std::byte* scratch = take(workspace);
  std::vector<std::byte> pages(4096);
  for (std::uint64_t ordinal = 1;; ++ordinal) {
    gate().refuse({ordinal});
    const auto memory = device().allocate(mib(1));
    const auto stream = device().make_stream(StreamKind::compute);
    const auto kernels = device().make_kernels(needs, {scratch, workspace});
    const auto pin = device().pin(pages);
    if (gate().refused() == 0) {
      EXPECT_TRUE(memory.ok() && stream.ok() && kernels.ok() && pin.ok());
      EXPECT_GT(ordinal, 2U);
      break;
    }
    EXPECT_EQ(!memory.ok() + !stream.ok() + !kernels.ok() + !pin.ok(), 1);
    for (const Error* error : {memory.ok() ? nullptr : &memory.error(), stream.ok() ? nullptr : &stream.error(),
                               kernels.ok() ? nullptr : &kernels.error(), pin.ok() ? nullptr : &pin.error()}) {
      EXPECT_TRUE(error == nullptr || error->code == ErrorCode::out_of_memory) << message(*error);
    }
  }
  EXPECT_EQ(state().ours, kTaken);
  for (const Acquisition kind : {Acquisition::device_memory, Acquisition::kernel, Acquisition::pinned_memory}) {
    gate().refuse({1, true, static_cast<int>(kind)});
    EXPECT_EQ(device().allocate(mib(1)).ok(), kind != Acquisition::device_memory);
    EXPECT_EQ(device().make_kernels(needs, {scratch, workspace}).ok(), kind != Acquisition::kernel);
  }
  gate().refuse({});
}

TEST_P(ConformanceMemory, AWorkspaceThatIsTooSmallIsRefused) {
  const WorkspaceNeeds needs{.largest_inputs = 64, .threads = 2};
  EXPECT_FALSE(device().make_kernels(needs, {take(64), 64}).ok());
}

INSTANTIATE_TEST_SUITE_P(BackEnds, ConformanceMemory, ::testing::ValuesIn(back_ends()), back_end_name);

}  // namespace
}  // namespace plimsoll::test
