// Finding the driver and cuBLASLt, and what their errors mean.
#include "device/cuda/driver.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "device/cuda/blas.h"
#include "device/cuda/stand_in_driver.h"

namespace plimsoll::test {
namespace {

using ::testing::HasSubstr;

/// A library without one function.
class Lacking final : public Library {
 public:
  Lacking(std::shared_ptr<Library> all, std::string name) : all_(std::move(all)), name_(std::move(name)) {}
  void* find(const std::string& symbol) const override { return symbol == name_ ? nullptr : all_->find(symbol); }

 private:
  std::shared_ptr<Library> all_;
  std::string name_;
};

class CudaDriver : public StandInTest {
 protected:
  Error refusal(const CudaOptions& asked) {
    const auto opened = open_cuda(asked);
    EXPECT_FALSE(opened.ok());
    return opened.ok() ? Error{} : opened.error();
  }
  Error refusal() { return refusal(options()); }
};

TEST_F(CudaDriver, WithoutADriverItSaysWhichLibraryIsMissing) {
  CudaOptions asked = options();
  asked.driver = "libcuda-that-is-nowhere.so.1";
  const Error error = refusal(asked);
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_THAT(message(error), HasSubstr("libcuda-that-is-nowhere.so.1"));
  EXPECT_THAT(error.advice, HasSubstr("driver for CUDA 1"));
  EXPECT_EQ(count_cuda(os(), asked.driver).error().code, ErrorCode::not_found);
}

TEST_F(CudaDriver, WithoutCublasItSaysWhichVersionsWereTried) {
  CudaOptions asked = options();
  asked.blas = {"libcublasLt.so.98", "libcublasLt.so.99"};
  const Error error = refusal(asked);
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_THAT(message(error), HasSubstr("libcublasLt.so.98"));
  EXPECT_THAT(error.advice, HasSubstr("libcublasLt.so.99"));
}

TEST_F(CudaDriver, TheSecondCublasWillDo) {
  CudaOptions asked = options();
  asked.blas.insert(asked.blas.begin(), "libcublasLt.so.99");
  EXPECT_TRUE(open_cuda(asked).ok());
}

TEST_F(CudaDriver, OldDriversAndDevicesAreNamed) {
  script("version 11080");
  EXPECT_EQ(refusal().code, ErrorCode::unsupported);
  EXPECT_THAT(message(refusal()), HasSubstr("supports CUDA 11.8"));
  script("capability 7 5");
  EXPECT_EQ(refusal().code, ErrorCode::unsupported);
  EXPECT_THAT(message(refusal()), HasSubstr("Stand-in GPU has compute capability 7.5"));
}

TEST_F(CudaDriver, DevicesAreCountedAndNumbersChecked) {
  script("devices 2");
  EXPECT_EQ(count_cuda(os(), PLIMSOLL_CUDA_STAND_IN).value(), 2);
  CudaOptions asked = options();
  asked.number = 2;
  EXPECT_EQ(refusal(asked).code, ErrorCode::not_found);
  EXPECT_THAT(message(refusal(asked)), HasSubstr("cuda:2"));
  asked.number = 1;
  EXPECT_EQ(open(asked)->name(), "cuda:1");
  script("cuInit 100");
  EXPECT_EQ(count_cuda(os(), PLIMSOLL_CUDA_STAND_IN).error().code, ErrorCode::not_found);
  script("cuInit 999");
  EXPECT_EQ(count_cuda(os(), PLIMSOLL_CUDA_STAND_IN).error().code, ErrorCode::io);
}

TEST_F(CudaDriver, EveryFunctionIsNeeded) {
  const std::shared_ptr<Library> all = os().load_library(PLIMSOLL_CUDA_STAND_IN).value();
  cuda::Functions driver;
  cuda::BlasFunctions blas;
  EXPECT_EQ(cuda::find_functions(*all, driver), nullptr);
  EXPECT_EQ(cuda::find_functions(*all, blas), nullptr);
  for (const char* name : {"cuMemCreate", "cuMemHostRegister_v2", "cuLaunchKernel"})
    EXPECT_STREQ(cuda::find_functions(Lacking(all, name), driver), name);
  EXPECT_EQ(cuda::find_functions(Lacking(all, "cuFuncLoad"), driver), nullptr);
  EXPECT_EQ(driver.function_load, nullptr);
  EXPECT_STREQ(cuda::find_functions(Lacking(all, "cublasLtMatmul"), blas), "cublasLtMatmul");
}

/// The names are those that NVIDIA's own libraries have: the toolkit brings the driver's names as a stub, and cuBLASLt itself.
TEST_F(CudaDriver, TheToolkitsLibrariesHaveAllOfTheFunctions) {
  int found = 0;
  for (const char* folder : {"lib64/stubs", "lib/stubs", "lib64", "lib"}) {
    const std::filesystem::path root = std::filesystem::path(PLIMSOLL_CUDA_ROOT) / folder;
    if (const auto stub = os().load_library(root / "libcuda.so"); stub.ok()) {
      cuda::Functions functions;
      EXPECT_EQ(cuda::find_functions(**stub, functions), nullptr);
      ++found;
    }
    if (const auto library = os().load_library(root / "libcublasLt.so"); library.ok()) {
      cuda::BlasFunctions functions;
      EXPECT_EQ(cuda::find_functions(**library, functions), nullptr);
      EXPECT_GE(functions.version(), 120000U);
      ++found;
    }
  }
  if (found == 0) GTEST_SKIP() << "this toolkit has neither";
}

TEST(CudaFailure, StickyErrorsAreToldFromThoseThatPass) {
  const cuda::Functions none;
  const auto code = [&](CUresult result) { return cuda::failure(none, result, "it failed", "cuda:0").code; };
  for (const CUresult lost : {CUDA_ERROR_ILLEGAL_ADDRESS, CUDA_ERROR_LAUNCH_FAILED, CUDA_ERROR_ECC_UNCORRECTABLE, CUDA_ERROR_LAUNCH_TIMEOUT,
                              CUDA_ERROR_ILLEGAL_INSTRUCTION, CUDA_ERROR_MISALIGNED_ADDRESS, CUDA_ERROR_CONTEXT_IS_DESTROYED}) {
    EXPECT_TRUE(cuda::is_sticky(lost));
    EXPECT_EQ(code(lost), ErrorCode::device_lost);
  }
  EXPECT_EQ(code(CUDA_ERROR_OUT_OF_MEMORY), ErrorCode::out_of_memory);
  EXPECT_EQ(code(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES), ErrorCode::io);
  EXPECT_EQ(code(CUDA_ERROR_INVALID_VALUE), ErrorCode::internal);
  EXPECT_EQ(code(CUDA_ERROR_NO_BINARY_FOR_GPU), ErrorCode::unsupported);
  EXPECT_EQ(code(CUDA_ERROR_NO_DEVICE), ErrorCode::not_found);
  EXPECT_THAT(message(cuda::failure(none, CUDA_ERROR_ILLEGAL_ADDRESS, "it failed", "cuda:0")), HasSubstr("700"));
}

}  // namespace
}  // namespace plimsoll::test
