#include "device/support.h"

namespace plimsoll::test {
namespace {

/// An error waits for synchronize, and what was enqueued after it is discarded.
TEST(Queue, ErrorsSurfaceAtSynchronizeAndDiscardWhatFollows) {
  Gate gate;
  const auto os = make_os(gate);
  const auto pool = std::move(ThreadPool::create(*os, 1)).value();
  const WorkspaceNeeds needs{.largest_inputs = 4, .threads = 1, .tokens = 4};
  std::vector<std::byte> memory(static_cast<std::size_t>(cpu_workspace_bytes(needs)));
  const auto kernels = std::move(make_cpu_kernels(*pool, detect_cpu_features(), needs, memory)).value();
  CpuStream stream;
  Matrix x(2, 3);
  x.set(1, 0, 5);
  const std::vector<std::int32_t> rows = {1, 1};
  Matrix out(2, 3);
  const Matrix narrow(2, 2);
  kernels->enqueue(stream, GatherRowsStep{x.view(), rows.data(), narrow.view()});
  kernels->enqueue(stream, GatherRowsStep{x.view(), rows.data(), out.view()});
  EXPECT_EQ(out.at(0, 0), 0);
  const Status failed = kernels->synchronize(stream);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::internal);
  EXPECT_TRUE(kernels->synchronize(stream).ok());
  kernels->enqueue(stream, GatherRowsStep{x.view(), rows.data(), out.view()});
  EXPECT_TRUE(kernels->synchronize(stream).ok());
  EXPECT_EQ(out.at(0, 0), 5);
}

}  // namespace
}  // namespace plimsoll::test
