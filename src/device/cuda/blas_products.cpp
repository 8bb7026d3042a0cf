#include "device/cuda/blas_products.h"

#include <algorithm>

namespace plimsoll::cuda {
namespace {

// Algorithms are chosen for so many outputs, however many a weight or its chunks have.
constexpr std::int64_t kTypicalOutputs = 1024;
constexpr std::int64_t kTypicalRows = 1024;  // where nothing is known
constexpr std::uint32_t kAlignment = 16;     // what linear_path.cpp asks for

cudaDataType_t data_type(ElementType type) {
  switch (type) {
    case ElementType::bfloat16: return CUDA_R_16BF;
    case ElementType::float16: return CUDA_R_16F;
    default: return CUDA_R_32F;
  }
}

cublasLtEpilogue_t epilogue_of(const LinearStep& step, const LinearPath& path) {
  if (!path.fused) return CUBLASLT_EPILOGUE_DEFAULT;
  const bool bias = step.bias != nullptr;
  switch (step.activation) {
    case Activation::relu: return bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
    case Activation::gelu_tanh: return bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    default: return bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
  }
}

}  // namespace

Result<std::unique_ptr<BlasProducts>> BlasProducts::create(std::shared_ptr<const Blas> blas, std::int64_t rows,
                                                           std::span<std::byte> workspace, const std::string& device) {
  std::unique_ptr<BlasProducts> products(new BlasProducts(std::move(blas), rows > 0 ? rows : kTypicalRows, workspace));
  const cublasStatus_t status = products->open();
  if (status == CUBLAS_STATUS_SUCCESS) return products;
  const bool memory = status == CUBLAS_STATUS_ALLOC_FAILED;
  return Error{memory ? ErrorCode::out_of_memory : ErrorCode::io,
               "cuBLASLt does not start: status " + std::to_string(static_cast<int>(status)), device,
               memory ? "leave more of the device's memory free, or use cpu" : "see that cuBLAS and the driver belong together"};
}

cublasStatus_t BlasProducts::open() {
  const BlasFunctions& f = blas_->f();
  const std::uint64_t most = workspace_.size();
  const std::uint32_t no_split = CUBLASLT_REDUCTION_SCHEME_NONE;
  const cublasOperation_t transposed = CUBLAS_OP_T;
  choices_.reserve(kChoices);
  cublasStatus_t status = f.create(&handle_);
  const auto then = [&](auto&& call) {
    if (status == CUBLAS_STATUS_SUCCESS) status = call();
  };
  then([&] { return f.product_create(&product_, CUBLAS_COMPUTE_32F, CUDA_R_32F); });
  then([&] { return f.product_set(product_, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed); });
  for (cublasLtMatrixLayout_t* layout : {&weight_, &x_, &out_}) then([&] { return f.layout_create(layout, CUDA_R_32F, 16, 16, 16); });
  then([&] { return f.preference_create(&preference_); });
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    then([&] { return f.preference_set(preference_, attribute, &value, sizeof value); });
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most);
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, no_split);
  for (const auto attribute : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                               CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    prefer(attribute, kAlignment);
  return status;
}

BlasProducts::~BlasProducts() {
  const BlasFunctions& f = blas_->f();
  if (preference_ != nullptr) f.preference_destroy(preference_);
  for (const cublasLtMatrixLayout_t layout : {weight_, x_, out_}) {
    if (layout != nullptr) f.layout_destroy(layout);
  }
  if (product_ != nullptr) f.product_destroy(product_);
  if (handle_ != nullptr) f.destroy(handle_);
}

// A row-major matrix of [rows, cols] is a column-major one of [cols, rows].
bool BlasProducts::describe_matrix(cublasLtMatrixLayout_t layout, ElementType type, std::int64_t rows, std::int64_t cols,
                                   std::int64_t stride) {
  const auto set_one = [&](cublasLtMatrixLayoutAttribute_t attribute, const auto& value) {
    return blas_->f().layout_set(layout, attribute, &value, sizeof value) == CUBLAS_STATUS_SUCCESS;
  };
  const auto kind = static_cast<std::uint32_t>(data_type(type));
  return set_one(CUBLASLT_MATRIX_LAYOUT_TYPE, kind) && set_one(CUBLASLT_MATRIX_LAYOUT_ROWS, static_cast<std::uint64_t>(cols)) &&
         set_one(CUBLASLT_MATRIX_LAYOUT_COLS, static_cast<std::uint64_t>(rows)) && set_one(CUBLASLT_MATRIX_LAYOUT_LD, stride);
}

// Column-major, out^T [outputs, rows] = (weight^T [inputs, outputs])^T * x^T [inputs, rows]; the bias goes along the outputs.
bool BlasProducts::describe(const Key& key, const LinearStep& step, std::int64_t rows, std::int64_t outputs, const void* bias) {
  const auto epilogue = static_cast<std::uint32_t>(key.epilogue);
  const auto bias_type = static_cast<std::int32_t>(CUDA_R_32F);
  return describe_matrix(weight_, key.in, outputs, key.inputs, key.inputs) &&
         describe_matrix(x_, key.in, rows, key.inputs, step.x.stride) && describe_matrix(out_, key.out, rows, outputs, step.out.stride) &&
         set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue) && set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias) &&
         set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, bias_type);
}

bool BlasProducts::search(Choice& choice, const LinearStep& step) {
  // The heuristic derives the bias's alignment from its address.
  const void* typical_bias = step.bias == nullptr ? nullptr : reinterpret_cast<const void*>(std::uintptr_t{kAlignment});
  LinearStep typical = step;
  typical.out.stride = std::max(step.out.stride, kTypicalOutputs);
  if (!describe(choice.key, typical, rows_, kTypicalOutputs, typical_bias)) return false;
  cublasLtMatmulHeuristicResult_t result = {};
  int found = 0;
  const cublasStatus_t status = blas_->f().heuristic(handle_, product_, weight_, x_, out_, out_, preference_, 1, &result, &found);
  if (status != CUBLAS_STATUS_SUCCESS || found == 0 || result.state != CUBLAS_STATUS_SUCCESS) return false;
  if (result.workspaceSize > workspace_.size()) return false;
  choice.algorithm = result.algo;
  return true;
}

const BlasProducts::Choice* BlasProducts::choose(const Key& key, const LinearStep& step) {
  const auto known = std::ranges::find(choices_, key, &Choice::key);
  if (known != choices_.end()) return &*known;
  if (choices_.size() == kChoices) return nullptr;
  Choice& choice = choices_.emplace_back(Choice{key});
  choice.found = search(choice, step);
  return &choice;
}

BlasProducts::Outcome BlasProducts::multiply(const LinearStep& step, const LinearPath& path, CUstream stream) {
  if (step.x.rows == 0) return Outcome::done;
  Key key{step.x.type, step.out.type, step.weight.inputs, epilogue_of(step, path)};
  const Choice* choice = choose(key, step);
  bool finished = path.fused || !path.needs_finish;
  if ((choice == nullptr || !choice->found) && key.epilogue != CUBLASLT_EPILOGUE_DEFAULT) {
    key.epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    choice = choose(key, step);
    finished = !path.needs_finish;
  }
  if (choice == nullptr || !choice->found) return Outcome::refused;
  const bool with_bias = key.epilogue != CUBLASLT_EPILOGUE_DEFAULT && step.bias != nullptr;
  const void* bias = with_bias ? step.bias : nullptr;
  if (!describe(key, step, step.x.rows, step.weight.outputs, bias)) return Outcome::refused;
  const float one = 1;
  const float zero = 0;
  status_ = blas_->f().matmul(handle_, product_, &one, step.weight.data, weight_, step.x.data, x_, &zero, step.out.data, out_,
                              step.out.data, out_, &choice->algorithm, workspace_.data(), workspace_.size(), stream);
  if (status_ == CUBLAS_STATUS_NOT_SUPPORTED || status_ == CUBLAS_STATUS_INVALID_VALUE) return Outcome::refused;
  if (status_ != CUBLAS_STATUS_SUCCESS) return Outcome::failed;
  return finished ? Outcome::done : Outcome::unfinished;
}

}  // namespace plimsoll::cuda
