// A CUDA device on a driver of our own: what it keeps, what fails, and what is lost.
#include <gmock/gmock.h>

#include "device/cuda/cuda_figures.h"
#include "device/cuda/stand_in_driver.h"
#include "support/build.h"
#include "support/heap_watch.h"

namespace plimsoll::test {
namespace {

using ::testing::HasSubstr;

class CudaDeviceTest : public StandInTest {
 protected:
  static Error must_fail(const Status& status) {
    EXPECT_FALSE(status.ok());
    return status.ok() ? Error{} : status.error();
  }
  /// A device with memory and a stream, on which a copy is queued.
  struct Busy {
    std::unique_ptr<Device> device;
    std::unique_ptr<DeviceMemory> memory;
    std::unique_ptr<Stream> stream;
  };
  Busy busy(const CudaOptions& asked) {
    Busy all;
    all.device = open(asked);
    all.memory = all.device->allocate(mib(1)).value();
    all.stream = all.device->make_stream(StreamKind::compute).value();
    return all;
  }
  void queue_step(const Busy& all, Kernels& kernels) {
    std::byte* at = all.memory->bytes().data();
    const MatrixView x{at, 4, 8, 8, ElementType::float32};
    const MatrixView out{at + 4096, 1, 8, 8, ElementType::float32};
    kernels.enqueue(*all.stream, GatherRowsStep{x, reinterpret_cast<const std::int32_t*>(at + 8192), out});
  }
};

TEST_F(CudaDeviceTest, NamesWhatTheContextTakes) {
  script("memory 1073741824\ncontext 104857600\nused 52428800");
  CudaOptions asked = options(std::nullopt);
  asked.free_before = mib(1024 - 50);
  const auto device = open(asked);
  const auto memory = device->allocate(mib(3)).value();
  const DeviceMemoryState state = device->memory().value();
  EXPECT_EQ(state.total, mib(1024));
  EXPECT_EQ(state.context, mib(100));
  EXPECT_EQ(state.ours, mib(100 + 4));
  EXPECT_EQ(state.others, mib(50));
  EXPECT_EQ(state.free, mib(1024 - 50 - 100 - 4 - 2));
}

/// What was taken from the driver has an owner before the heap may refuse anything more.
TEST_F(CudaDeviceTest, NothingIsLostWhereTheHeapIsEmpty) {
  if (testing::kSanitized) GTEST_SKIP() << "a sanitizer has an operator new of its own";
  const auto device = open();
  const auto pages = os().map_memory(mib(1)).value();
  const CudaStandInFigures before = figures();
  const Bytes ours = device->memory().value().ours;
  const auto sweep = [&](const char* what, const std::function<void()>& take) {
    for (std::size_t n = 1; n < 100; ++n) {
      {
        const testing::HeapFault fault(n, 1);
        try {
          take();
        } catch (const std::bad_alloc&) {
          testing::HeapFault::stop();
        }
      }
      EXPECT_EQ(figures().blocks, before.blocks) << what << " " << n;
      EXPECT_EQ(figures().registered, before.registered) << what << " " << n;
      EXPECT_EQ(figures().streams, before.streams) << what << " " << n;
      EXPECT_EQ(device->memory().value().ours, ours) << what << " " << n;
      if (testing::HeapFault::refused() == 0) return;
    }
    FAIL() << what << " asks the heap without end";
  };
  sweep("memory", [&] { static_cast<void>(device->allocate(mib(5))); });
  sweep("a pin", [&] { static_cast<void>(device->pin(pages->bytes())); });
  sweep("a stream", [&] { static_cast<void>(device->make_stream(StreamKind::compute)); });
}

/// Budgets come from what is free, never from what there is.
TEST_F(CudaDeviceTest, WhatOthersTakeIsNotFree) {
  script("memory 268435456\ncontext 67108864\nused 134217728");
  const auto device = open(options(std::nullopt));
  EXPECT_EQ(device->memory().value().free, mib(62));
  const auto refused = device->allocate(mib(65));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::out_of_memory);
  EXPECT_EQ(refused.error().memory->free, mib(62));
  EXPECT_EQ(refused.error().memory->limit, mib(256));
  EXPECT_EQ(device->memory().value().free, mib(62));
  EXPECT_TRUE(device->allocate(mib(62)).ok());
}

TEST_F(CudaDeviceTest, NoRoomForTheContextIsOutOfMemory) {
  script("memory 268435456\ncontext 67108864\nused 260000000");
  const auto opened = open_cuda(options());
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::out_of_memory);
  EXPECT_THAT(message(opened.error()), HasSubstr("context"));
}

/// Every call that opening makes, failing once each: a typed error, and nothing is left.
TEST_F(CudaDeviceTest, OpeningMayFailAnywhere) {
  int failures = 0;
  for (const char* function : {"cuInit",
                               "cuDriverGetVersion",
                               "cuDeviceGetCount",
                               "cuDeviceGet",
                               "cuDeviceGetName",
                               "cuDeviceGetAttribute",
                               "cuDevicePrimaryCtxRetain",
                               "cuCtxSetCurrent",
                               "cuMemGetInfo",
                               "cuMemGetAllocationGranularity",
                               "cuMemAddressReserve",
                               "cuMemCreate",
                               "cuMemMap",
                               "cuMemSetAccess",
                               "cuEventCreate",
                               "cuModuleLoadData",
                               "cuModuleGetFunction",
                               "cuFuncLoad",
                               "cuFuncSetAttribute",
                               "cuStreamCreate",
                               "cuStreamQuery",
                               "cublasLtCreate",
                               "cublasLtMatmulDescCreate",
                               "cublasLtMatrixLayoutCreate",
                               "cublasLtMatmulPreferenceCreate",
                               "cublasLtMatmul"}) {
    for (int first = 1;; ++first) {
      script(std::string(function) + " 3 " + std::to_string(first));
      auto opened = open_cuda(options());
      if (opened.ok()) {
        EXPECT_GT(first, 1) << function << " was never called";
        break;
      }
      EXPECT_FALSE(opened.error().what.empty());
      ++failures;
      const CudaStandInFigures left = figures();
      ASSERT_EQ(left.blocks + left.reserved + left.contexts + left.streams, 0U) << function << " " << first;
      if (first == 40) break;  // events: one like the other
    }
  }
  EXPECT_GT(failures, 60);
}

TEST_F(CudaDeviceTest, AnErrorThatStaysEndsTheUseOfTheDevice) {
  const Busy all = busy(options());
  const auto workspace = all.device->allocate(Bytes{static_cast<std::uint64_t>(cuda_workspace_bytes({}))}).value();
  const auto kernels = all.device->make_kernels({}, workspace->bytes()).value();
  script("execute 700");
  queue_step(all, *kernels);
  const Error lost = must_fail(all.device->synchronize(*all.stream));
  EXPECT_EQ(lost.code, ErrorCode::device_lost);
  EXPECT_THAT(message(lost), HasSubstr("ILLEGAL_ADDRESS"));
  EXPECT_THAT(lost.advice, HasSubstr("Xid"));
  script("");  // the driver would go on: this process does not
  EXPECT_EQ(must_fail(all.device->synchronize(*all.stream)).code, ErrorCode::device_lost);
  EXPECT_EQ(all.device->allocate(mib(1)).error().code, ErrorCode::device_lost);
  EXPECT_EQ(all.device->memory().error().code, ErrorCode::device_lost);
  EXPECT_EQ(all.device->make_stream(StreamKind::copy_in).error().code, ErrorCode::device_lost);
  EXPECT_EQ(all.device->pin(std::span<std::byte>()).error().code, ErrorCode::device_lost);
  queue_step(all, *kernels);
  static_cast<void>(all.device->record(*all.stream));
  EXPECT_EQ(must_fail(kernels->synchronize(*all.stream)).code, ErrorCode::device_lost);
}

TEST_F(CudaDeviceTest, AnErrorThatPassesIsToldOnce) {
  const Busy all = busy(options());
  const auto workspace = all.device->allocate(Bytes{static_cast<std::uint64_t>(cuda_workspace_bytes({}))}).value();
  const auto kernels = all.device->make_kernels({}, workspace->bytes()).value();
  script("cuLaunchKernel 701");
  queue_step(all, *kernels);
  EXPECT_EQ(must_fail(all.device->synchronize(*all.stream)).code, ErrorCode::io);
  std::vector<std::int32_t> zeros(16);
  all.device->copy_in(*all.stream, all.memory->bytes().data() + 8192, std::as_bytes(std::span(zeros)));
  queue_step(all, *kernels);
  EXPECT_TRUE(all.device->synchronize(*all.stream).ok());
}

TEST_F(CudaDeviceTest, WorkThatNeverEndsLosesTheDevice) {
  CudaOptions asked = options();
  asked.patience = 1;  // far more than its start takes
  const Busy all = busy(asked);
  script("hang");
  const Error lost = must_fail(all.device->synchronize(*all.stream));
  EXPECT_EQ(lost.code, ErrorCode::device_lost);
  EXPECT_THAT(message(lost), HasSubstr("did not end its work"));
  script("");
}

/// No wrong address reaches the driver: a kernel that followed it would cost the device.
TEST_F(CudaDeviceTest, AddressesBeyondItsMemoryAreRefused) {
  const Busy all = busy(options());
  std::vector<std::byte> host(4096);
  std::byte* end = all.memory->bytes().data() + all.memory->bytes().size();
  all.device->copy_in(*all.stream, end - 4095, host);
  EXPECT_EQ(must_fail(all.device->synchronize(*all.stream)).code, ErrorCode::internal);
  const auto workspace = all.device->allocate(Bytes{static_cast<std::uint64_t>(cuda_workspace_bytes({}))}).value();
  const auto kernels = all.device->make_kernels({}, workspace->bytes()).value();
  const MatrixView x{host.data(), 4, 8, 8, ElementType::float32};
  const MatrixView out{all.memory->bytes().data(), 1, 8, 8, ElementType::float32};
  const std::uint64_t before = figures().launches;
  kernels->enqueue(*all.stream, GatherRowsStep{x, reinterpret_cast<const std::int32_t*>(all.memory->bytes().data()), out});
  const Error stray = must_fail(kernels->synchronize(*all.stream));
  EXPECT_EQ(stray.code, ErrorCode::internal);
  EXPECT_THAT(message(stray), HasSubstr("gather: x"));
  EXPECT_EQ(figures().launches, before);
}

TEST_F(CudaDeviceTest, ARefusedPinIsNoReasonToStop) {
  const Busy all = busy(options());
  std::vector<std::byte> pages(8192);
  script("cuMemHostRegister 304");
  const auto refused = all.device->pin(pages);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::out_of_memory);
  all.device->copy_in(*all.stream, all.memory->bytes().data(), pages);
  EXPECT_TRUE(all.device->synchronize(*all.stream).ok());
}

TEST_F(CudaDeviceTest, MemoryThatGoesWaitsForWhatUsesIt) {
  const Busy all = busy(options());
  std::vector<std::byte> host(mib(1).count, std::byte{1});
  const auto pin = all.device->pin(host);
  ASSERT_TRUE(pin.ok());
  for (int i = 0; i < 50; ++i) {
    auto block = all.device->allocate(mib(1)).value();
    all.device->copy_in(*all.stream, block->bytes().data(), host);
    block.reset();  // its pages are gone after this: the copy must be done
  }
  EXPECT_TRUE(all.device->synchronize(*all.stream).ok());
}

TEST_F(CudaDeviceTest, HeadsThatAreTooWideAreUnsupported) {
  const Busy all = busy(options());
  const auto workspace = all.device->allocate(Bytes{static_cast<std::uint64_t>(cuda_workspace_bytes({}))}).value();
  const auto refused = all.device->make_kernels({.head_dim = 300}, workspace->bytes());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace plimsoll::test
