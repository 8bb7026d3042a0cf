#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/cuda/blas.h"
#include "device/cuda/driver.h"
#include "device/cuda/linear_path.h"

namespace plimsoll::cuda {

/// Products by cuBLASLt. For each combination of types, K and epilogue one algorithm is chosen, when it is first seen and for `rows` rows
/// and a fixed number of outputs, and kept: so chunks of a weight, and passes of any size, are computed alike. No split-K: an element is
/// summed in an order of K alone. One thread at a time, the context current.
class BlasProducts {
 public:
  enum class Outcome : std::uint8_t {
    done,        ///< epilogue included
    unfinished,  ///< the product without bias and activation
    refused,     ///< cuBLASLt has no such product; nothing was queued
    failed
  };

  /// `rows`: of a typical step. `workspace` is device memory. Fails with `out_of_memory` or `io`.
  static Result<std::unique_ptr<BlasProducts>> create(std::shared_ptr<const Blas> blas, std::int64_t rows, std::span<std::byte> workspace,
                                                      const std::string& device);
  ~BlasProducts();
  BlasProducts(const BlasProducts&) = delete;
  BlasProducts& operator=(const BlasProducts&) = delete;

  Outcome multiply(const LinearStep& step, const LinearPath& path, CUstream stream);
  /// Of the last that failed.
  cublasStatus_t status() const { return status_; }

 private:
  struct Key {
    ElementType in = ElementType::float32;
    ElementType out = ElementType::float32;
    std::int64_t inputs = 0;
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Choice {
    Key key;
    bool found = false;
    cublasLtMatmulAlgo_t algorithm = {};
  };
  static constexpr std::size_t kChoices = 64;  ///< more than a model has; beyond them products are refused

  BlasProducts(std::shared_ptr<const Blas> blas, std::int64_t rows, std::span<std::byte> workspace)
      : blas_(std::move(blas)), rows_(rows), workspace_(workspace) {}
  cublasStatus_t open();
  const Choice* choose(const Key& key, const LinearStep& step);
  bool search(Choice& choice, const LinearStep& step);
  bool describe(const Key& key, const LinearStep& step, std::int64_t rows, std::int64_t outputs, const void* bias);
  bool describe_matrix(cublasLtMatrixLayout_t layout, ElementType type, std::int64_t rows, std::int64_t cols, std::int64_t stride);
  template <typename Value>
  bool set(cublasLtMatmulDescAttributes_t attribute, const Value& value) {
    return blas_->f().product_set(product_, attribute, &value, sizeof value) == CUBLAS_STATUS_SUCCESS;
  }

  std::shared_ptr<const Blas> blas_;
  std::int64_t rows_;
  std::span<std::byte> workspace_;
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulDesc_t product_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
  cublasLtMatrixLayout_t weight_ = nullptr;
  cublasLtMatrixLayout_t x_ = nullptr;
  cublasLtMatrixLayout_t out_ = nullptr;
  std::vector<Choice> choices_;
  cublasStatus_t status_ = CUBLAS_STATUS_SUCCESS;
};

}  // namespace plimsoll::cuda
