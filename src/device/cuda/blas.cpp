#include "device/cuda/blas.h"

#include <type_traits>
#include <utility>

namespace plimsoll::cuda {

const char* find_functions(const Library& library, BlasFunctions& f) {
  const char* missing = nullptr;
  const auto visit = [&](const char* name, auto& function) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(library.find(name));
    if (function == nullptr && missing == nullptr) missing = name;
  };
  visit("cublasLtGetVersion", f.version);
  visit("cublasLtCreate", f.create);
  visit("cublasLtDestroy", f.destroy);
  visit("cublasLtMatmul", f.matmul);
  visit("cublasLtMatmulAlgoGetHeuristic", f.heuristic);
  visit("cublasLtMatmulDescCreate", f.product_create);
  visit("cublasLtMatmulDescDestroy", f.product_destroy);
  visit("cublasLtMatmulDescSetAttribute", f.product_set);
  visit("cublasLtMatrixLayoutCreate", f.layout_create);
  visit("cublasLtMatrixLayoutDestroy", f.layout_destroy);
  visit("cublasLtMatrixLayoutSetAttribute", f.layout_set);
  visit("cublasLtMatmulPreferenceCreate", f.preference_create);
  visit("cublasLtMatmulPreferenceDestroy", f.preference_destroy);
  visit("cublasLtMatmulPreferenceSetAttribute", f.preference_set);
  return missing;
}

Result<std::shared_ptr<const Blas>> Blas::load(Os& os, const std::vector<std::string>& names) {
  Error first{ErrorCode::internal, "no name of cuBLASLt was given", "cuda"};
  for (const std::string& name : names) {
    auto library = os.load_library(name);
    if (library.ok()) {
      std::shared_ptr<Blas> blas(new Blas());
      blas->library_ = std::move(library).value();
      const char* missing = find_functions(*blas->library_, blas->functions_);
      if (missing == nullptr) return std::shared_ptr<const Blas>(std::move(blas));
      library = Error{ErrorCode::unsupported, "cuBLASLt has no " + std::string(missing), name};
    }
    if (&name == &names.front()) first = std::move(library).error();
  }
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : " or ") + name;
  first.advice = "install cuBLAS of the CUDA toolkit (" + all + ") where the loader finds it, or use cpu";
  return first;
}

}  // namespace plimsoll::cuda
