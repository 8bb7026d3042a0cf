#include "device/cuda/pinned_pages.h"

#include "device/cuda/stand_in_driver.h"

namespace plimsoll::test {
namespace {

using cuda::PinnedPages;

class CudaPins : public StandInTest {
 protected:
  static constexpr std::size_t kPage = 4096;

  void SetUp() override {
    driver_ = cuda::Driver::load(os(), PLIMSOLL_CUDA_STAND_IN).value();
    CUcontext context = nullptr;
    ASSERT_EQ(driver_->f().context_retain(&context, 0), CUDA_SUCCESS);
    ASSERT_EQ(driver_->f().context_set(context), CUDA_SUCCESS);
    pins_ = std::make_unique<PinnedPages>(driver_);
    mapping_ = os().map_memory(Bytes{16 * kPage}).value();
  }
  void TearDown() override {
    pins_.reset();
    driver_->f().context_release(0);
    StandInTest::TearDown();
  }
  std::span<const std::byte> bytes(std::size_t first, std::size_t size) const { return mapping_->bytes().subspan(first, size); }
  std::vector<std::size_t> pieces(std::span<const std::byte> range) const {
    std::vector<std::size_t> sizes;
    pins_->for_each_piece(range, [&](std::size_t, std::size_t size) {
      sizes.push_back(size);
      return true;
    });
    return sizes;
  }

  std::shared_ptr<const cuda::Driver> driver_;
  std::unique_ptr<PinnedPages> pins_;
  std::unique_ptr<Mapping> mapping_;
};

TEST_F(CudaPins, OverlappingPinsRegisterEachPageOnce) {
  EXPECT_EQ(pins_->pin(bytes(2 * kPage + 1, kPage)), CUDA_SUCCESS);  // pages 2, 3
  EXPECT_EQ(pins_->pin(bytes(6 * kPage, kPage)), CUDA_SUCCESS);      // page 6
  EXPECT_EQ(pins_->pin(bytes(0, 8 * kPage)), CUDA_SUCCESS);          // 0-1, 4-5, 7 beside them
  EXPECT_EQ(figures().registered, 5U);
  pins_->unpin(bytes(2 * kPage + 1, kPage));
  EXPECT_EQ(figures().registered, 5U);
  pins_->unpin(bytes(0, 8 * kPage));
  EXPECT_EQ(figures().registered, 1U);
  pins_->unpin(bytes(6 * kPage, kPage));
  EXPECT_EQ(figures().registered, 0U);
}

TEST_F(CudaPins, CopiesAreCutAtTheEndsOfWhatIsRegistered) {
  ASSERT_EQ(pins_->pin(bytes(2 * kPage, 2 * kPage)), CUDA_SUCCESS);
  ASSERT_EQ(pins_->pin(bytes(4 * kPage, kPage)), CUDA_SUCCESS);
  EXPECT_EQ(pieces(bytes(2 * kPage + 8, 100)), std::vector<std::size_t>{100});
  EXPECT_EQ(pieces(bytes(kPage, 6 * kPage)), (std::vector<std::size_t>{kPage, 2 * kPage, kPage, 2 * kPage}));
  EXPECT_EQ(pieces(bytes(8 * kPage, kPage)), std::vector<std::size_t>{kPage});
  EXPECT_EQ(pieces(bytes(0, 0)).size(), 0U);
  pins_->unpin(bytes(2 * kPage, 2 * kPage));
  pins_->unpin(bytes(4 * kPage, kPage));
  EXPECT_EQ(pieces(bytes(kPage, 6 * kPage)), std::vector<std::size_t>{6 * kPage});
}

TEST_F(CudaPins, AFailureInTheMiddlePinsNothing) {
  ASSERT_EQ(pins_->pin(bytes(2 * kPage, kPage)), CUDA_SUCCESS);
  ASSERT_EQ(pins_->pin(bytes(5 * kPage, kPage)), CUDA_SUCCESS);
  for (int first = 1; first <= 3; ++first) {
    script("cuMemHostRegister 2 " + std::to_string(first));
    EXPECT_EQ(pins_->pin(bytes(0, 8 * kPage)), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(figures().registered, 2U);
  }
  script("");
  ASSERT_EQ(pins_->pin(bytes(0, 8 * kPage)), CUDA_SUCCESS);
  pins_->unpin(bytes(0, 8 * kPage));
  EXPECT_EQ(figures().registered, 2U);
}

}  // namespace
}  // namespace plimsoll::test
