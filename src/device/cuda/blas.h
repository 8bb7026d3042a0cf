#pragma once

#include <cublasLt.h>

#include <memory>
#include <string>
#include <vector>

#include <plimsoll/os.h>

namespace plimsoll::cuda {

/// Functions of cuBLASLt; all are there once it is loaded.
struct BlasFunctions {
  decltype(&::cublasLtGetVersion) version = nullptr;
  decltype(&::cublasLtCreate) create = nullptr;
  decltype(&::cublasLtDestroy) destroy = nullptr;
  decltype(&::cublasLtMatmul) matmul = nullptr;
  decltype(&::cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&::cublasLtMatmulDescCreate) product_create = nullptr;
  decltype(&::cublasLtMatmulDescDestroy) product_destroy = nullptr;
  decltype(&::cublasLtMatmulDescSetAttribute) product_set = nullptr;
  decltype(&::cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&::cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&::cublasLtMatrixLayoutSetAttribute) layout_set = nullptr;
  decltype(&::cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&::cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&::cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
};

/// cuBLASLt, found at run time.
class Blas {
 public:
  /// The first of `names` that can be loaded and has all functions. Fails with `not_found` or `unsupported`, naming what was tried.
  static Result<std::shared_ptr<const Blas>> load(Os& os, const std::vector<std::string>& names);
  const BlasFunctions& f() const { return functions_; }
  std::size_t version() const { return functions_.version(); }  ///< 130000 is 13.0

 private:
  Blas() = default;
  std::shared_ptr<Library> library_;
  BlasFunctions functions_;
};

/// Finds all functions of `library`. Gives the name of one that is missing, or null.
const char* find_functions(const Library& library, BlasFunctions& functions);

}  // namespace plimsoll::cuda
