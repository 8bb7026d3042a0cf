#include "device/cuda/device_heap.h"

#include "device/cuda/stand_in_driver.h"

namespace plimsoll::test {
namespace {

using cuda::DeviceHeap;

class CudaHeap : public StandInTest {
 protected:
  void SetUp() override {
    driver_ = cuda::Driver::load(os(), PLIMSOLL_CUDA_STAND_IN).value();
    CUcontext context = nullptr;
    ASSERT_EQ(driver_->f().context_retain(&context, 0), CUDA_SUCCESS);
    ASSERT_EQ(driver_->f().context_set(context), CUDA_SUCCESS);
    heap_ = DeviceHeap::reserve(driver_, 0, mib(64), "cuda:0").value();
  }
  void TearDown() override {
    heap_.reset();
    driver_->f().context_release(0);
    StandInTest::TearDown();
  }
  std::span<std::byte> take(Bytes size) {
    std::span<std::byte> block;
    EXPECT_EQ(heap_->take(size, block), CUDA_SUCCESS);
    return block;
  }

  std::shared_ptr<const cuda::Driver> driver_;
  std::unique_ptr<DeviceHeap> heap_;
};

TEST_F(CudaHeap, BlocksShareAPageAndTheLastGivesItBack) {
  const auto a = take(kib(100)), b = take(mib(1)), c = take(mib(3));
  EXPECT_EQ(heap_->taken(), kib(100) + mib(4));
  EXPECT_EQ(heap_->mapped(), mib(6));
  EXPECT_EQ(figures().blocks, 3U);
  for (const auto block : {a, b, c}) {
    block.front() = block.back() = std::byte{1};
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.data()) % DeviceHeap::kAlignment, 0U);
  }
  heap_->give_back(b);
  EXPECT_EQ(heap_->mapped(), mib(6));
  heap_->give_back(c);
  EXPECT_EQ(heap_->mapped(), mib(2));
  EXPECT_EQ(take(kib(4)).data(), a.data() + kib(100).count);
  heap_->give_back(a);
  EXPECT_EQ(figures().blocks, 1U);
}

TEST_F(CudaHeap, KnowsWhatLiesInABlock) {
  const auto a = take(Bytes{1000}), b = take(Bytes{0});
  EXPECT_TRUE(heap_->holds(a));
  EXPECT_TRUE(heap_->holds({a.data() + 999, 1}));
  EXPECT_FALSE(heap_->holds({a.data(), 1025}));
  EXPECT_FALSE(heap_->holds({a.data() - 1, 1}));
  EXPECT_TRUE(heap_->holds({}));
  EXPECT_TRUE(heap_->holds({b.data(), 512}));
  heap_->give_back(a);
  EXPECT_FALSE(heap_->holds({a.data(), 1}));
  std::byte elsewhere{};
  EXPECT_FALSE(heap_->holds({&elsewhere, 1}));
}

TEST_F(CudaHeap, AGapIsUsedAgainAndTooMuchIsRefused) {
  const auto a = take(mib(20)), b = take(mib(20)), c = take(mib(20));
  std::span<std::byte> none;
  EXPECT_EQ(heap_->take(mib(20), none), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(heap_->take(Bytes{~std::uint64_t{0}}, none), CUDA_ERROR_OUT_OF_MEMORY);
  heap_->give_back(b);
  EXPECT_EQ(take(mib(19)).data(), b.data());
  static_cast<void>(a);
  static_cast<void>(c);
}

/// Whichever call fails, nothing is kept, and what was there stays usable.
TEST_F(CudaHeap, AFailureInTheMiddleTakesNothing) {
  const auto before = take(mib(3));
  for (const char* function : {"cuMemCreate", "cuMemMap", "cuMemSetAccess"}) {
    for (int first = 1; first <= 5; ++first) {
      script(std::string(function) + " 2 " + std::to_string(first));
      std::span<std::byte> block;
      const CUresult code = heap_->take(mib(9), block);
      script("");
      if (code == CUDA_SUCCESS) {
        heap_->give_back(block);
        EXPECT_GT(first, 1);
      } else {
        EXPECT_EQ(code, CUDA_ERROR_OUT_OF_MEMORY);
      }
      EXPECT_EQ(heap_->taken(), mib(3));
      EXPECT_EQ(heap_->mapped(), mib(4));
      EXPECT_EQ(figures().blocks, 2U);
      before.back() = std::byte{7};
    }
  }
}

}  // namespace
}  // namespace plimsoll::test
