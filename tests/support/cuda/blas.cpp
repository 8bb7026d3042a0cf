// cuBLASLt's functions that the back end uses. Matrices are column-major, as its manual says; sums are float32, from the first k to the
// last.
#include <cublasLt.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "stand_in.h"
#include "weights/convert.h"

using cuda_stand_in::push;
using cuda_stand_in::Stream;
using cuda_stand_in::world;

namespace {

struct Layout {
  std::uint32_t type = CUDA_R_32F;
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  std::int64_t stride = 0;
};
struct Product {
  std::int32_t transposed_a = CUBLAS_OP_N;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  std::int32_t bias_type = -1;
};
struct Preference {
  std::uint64_t workspace = 0;
  std::uint32_t reduction = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::uint32_t alignment[4] = {256, 256, 256, 256};
};
/// What an algorithm was chosen for: a product of other types, depth or epilogue may not use it.
struct Algorithm {
  std::uint32_t in;
  std::uint32_t out;
  std::uint64_t depth;
  std::uint64_t epilogue;  // as wide, so that there are no bytes without a value
};

template <typename T, typename Handle>
T& of(Handle handle) {
  return *reinterpret_cast<T*>(handle);
}
template <typename T>
cublasStatus_t read(T& field, const void* value, std::size_t size) {
  if (size != sizeof field) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&field, value, size);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t answer(const char* function) { return static_cast<cublasStatus_t>(cuda_stand_in::begin(function)); }

float element(const Layout& layout, const std::byte* data, std::uint64_t row, std::uint64_t col) {
  const std::uint64_t at = col * static_cast<std::uint64_t>(layout.stride) + row;
  if (layout.type == CUDA_R_32F) {
    float value = 0;
    std::memcpy(&value, data + at * 4, 4);
    return value;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, data + at * 2, 2);
  return layout.type == CUDA_R_16BF ? plimsoll::from_bfloat16(bits) : plimsoll::from_float16(bits);
}

void set_element(const Layout& layout, std::byte* data, std::uint64_t row, std::uint64_t col, float value) {
  const std::uint64_t at = col * static_cast<std::uint64_t>(layout.stride) + row;
  if (layout.type == CUDA_R_32F) {
    std::memcpy(data + at * 4, &value, 4);
    return;
  }
  const std::uint16_t bits = layout.type == CUDA_R_16BF ? plimsoll::to_bfloat16(value) : plimsoll::to_float16(value);
  std::memcpy(data + at * 2, &bits, 2);
}

bool has_bias(std::uint32_t epilogue) {
  return epilogue == CUBLASLT_EPILOGUE_BIAS || epilogue == CUBLASLT_EPILOGUE_RELU_BIAS || epilogue == CUBLASLT_EPILOGUE_GELU_BIAS;
}

float finish(std::uint32_t epilogue, float value) {
  if (epilogue == CUBLASLT_EPILOGUE_RELU || epilogue == CUBLASLT_EPILOGUE_RELU_BIAS) return value > 0 ? value : 0;
  if (epilogue == CUBLASLT_EPILOGUE_GELU || epilogue == CUBLASLT_EPILOGUE_GELU_BIAS)
    return 0.5F * value * (1 + std::tanh(0.7978845608F * (value + 0.044715F * value * value * value)));
  return value;
}

bool aligned(const void* place) { return reinterpret_cast<std::uintptr_t>(place) % 16 == 0; }
std::size_t bytes_of(std::uint32_t type) { return type == CUDA_R_32F ? 4 : 2; }
bool fits(const Layout& layout) {
  return layout.stride >= static_cast<std::int64_t>(layout.rows) &&
         static_cast<std::size_t>(layout.stride) * bytes_of(layout.type) % 16 == 0;
}

Algorithm algorithm_for(const Product& product, const Layout& a, const Layout& d) {
  return {a.type, d.type, product.transposed_a == CUBLAS_OP_T ? a.rows : a.cols, product.epilogue};
}

}  // namespace

std::size_t cublasLtGetVersion() { return 130000; }
cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  if (const auto status = answer("cublasLtCreate"); status != CUBLAS_STATUS_SUCCESS) return status;
  *handle = reinterpret_cast<cublasLtHandle_t>(new int(1));
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete reinterpret_cast<int*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, cublasComputeType_t compute, cudaDataType_t scale) {
  if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F) return CUBLAS_STATUS_INVALID_VALUE;  // TF32 needs a permission
  if (const auto status = answer("cublasLtMatmulDescCreate"); status != CUBLAS_STATUS_SUCCESS) return status;
  *product = reinterpret_cast<cublasLtMatmulDesc_t>(new Product);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) {
  delete &of<Product>(product);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle, cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              std::size_t size) {
  Product& product = of<Product>(handle);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: return read(product.transposed_a, value, size);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return read(product.epilogue, value, size);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return read(product.bias, value, size);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return read(product.bias_type, value, size);
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type, std::uint64_t rows, std::uint64_t cols,
                                          std::int64_t stride) {
  if (const auto status = answer("cublasLtMatrixLayoutCreate"); status != CUBLAS_STATUS_SUCCESS) return status;
  *layout = reinterpret_cast<cublasLtMatrixLayout_t>(new Layout{static_cast<std::uint32_t>(type), rows, cols, stride});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete &of<Layout>(layout);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t handle, cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                std::size_t size) {
  Layout& layout = of<Layout>(handle);
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_TYPE: return read(layout.type, value, size);
    case CUBLASLT_MATRIX_LAYOUT_ROWS: return read(layout.rows, value, size);
    case CUBLASLT_MATRIX_LAYOUT_COLS: return read(layout.cols, value, size);
    case CUBLASLT_MATRIX_LAYOUT_LD: return read(layout.stride, value, size);
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  if (const auto status = answer("cublasLtMatmulPreferenceCreate"); status != CUBLAS_STATUS_SUCCESS) return status;
  *preference = reinterpret_cast<cublasLtMatmulPreference_t>(new Preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete &of<Preference>(preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle, cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t size) {
  Preference& preference = of<Preference>(handle);
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return read(preference.workspace, value, size);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return read(preference.reduction, value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return read(preference.alignment[0], value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return read(preference.alignment[1], value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return read(preference.alignment[2], value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return read(preference.alignment[3], value, size);
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t product, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int most, cublasLtMatmulHeuristicResult_t results[],
                                              int* found) {
  *found = 0;
  if (const auto status = answer("cublasLtMatmulAlgoGetHeuristic"); status != CUBLAS_STATUS_SUCCESS) return status;
  // As the script wills, no product that ends with a bias of another type than its result.
  const Product& asked = of<Product>(product);
  if (has_bias(asked.epilogue) && of<Layout>(d).type != static_cast<std::uint32_t>(asked.bias_type) &&
      answer("bias_of_another_type") != CUBLAS_STATUS_SUCCESS)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  const Preference& wish = of<Preference>(preference);
  bool sound =
      most >= 1 && c == d && wish.reduction == CUBLASLT_REDUCTION_SCHEME_NONE && (!has_bias(asked.epilogue) || aligned(asked.bias));
  for (const std::uint32_t alignment : wish.alignment) sound = sound && alignment == 16;
  for (const auto layout : {a, b, d}) sound = sound && fits(of<Layout>(layout));
  if (!sound) return CUBLAS_STATUS_INVALID_VALUE;
  const Algorithm chosen = algorithm_for(asked, of<Layout>(a), of<Layout>(d));
  results[0] = {};
  std::memcpy(&results[0].algo, &chosen, sizeof chosen);
  results[0].state = CUBLAS_STATUS_SUCCESS;
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t product_handle, const void* alpha, const void* a_data,
                              cublasLtMatrixLayout_t a_handle, const void* b_data, cublasLtMatrixLayout_t b_handle, const void* beta,
                              const void*, cublasLtMatrixLayout_t, void* d_data, cublasLtMatrixLayout_t d_handle,
                              const cublasLtMatmulAlgo_t* algorithm, void*, std::size_t, cudaStream_t stream_handle) {
  const std::scoped_lock lock(world().mutex);
  if (const auto status = answer("cublasLtMatmul"); status != CUBLAS_STATUS_SUCCESS) return status;
  const Product product = of<Product>(product_handle);
  const Layout a = of<Layout>(a_handle), b = of<Layout>(b_handle), d = of<Layout>(d_handle);
  const bool transposed = product.transposed_a == CUBLAS_OP_T;
  const std::uint64_t depth = transposed ? a.rows : a.cols;
  const Algorithm expected = algorithm_for(product, a, d);
  const bool sound = std::memcmp(algorithm, &expected, sizeof expected) == 0 && b.rows == depth &&
                     (transposed ? a.cols : a.rows) == d.rows && b.cols == d.cols && a.type == b.type && fits(a) && fits(b) && fits(d) &&
                     aligned(a_data) && aligned(b_data) && aligned(d_data) && *static_cast<const float*>(alpha) == 1 &&
                     *static_cast<const float*>(beta) == 0 &&
                     (!has_bias(product.epilogue) || (product.bias_type == CUDA_R_32F && aligned(product.bias)));
  if (!sound) return CUBLAS_STATUS_EXECUTION_FAILED;  // which nobody takes for a product that it does not have
  ++world().products;
  push(*reinterpret_cast<Stream*>(stream_handle), [=] {
    if (const CUresult code = cuda_stand_in::begin("product"); code != CUDA_SUCCESS) return code;
    const auto* a_bytes = static_cast<const std::byte*>(a_data);
    const auto* b_bytes = static_cast<const std::byte*>(b_data);
    for (std::uint64_t col = 0; col < d.cols; ++col) {
      for (std::uint64_t row = 0; row < d.rows; ++row) {
        float sum = 0;
        for (std::uint64_t k = 0; k < depth; ++k)
          sum += (transposed ? element(a, a_bytes, k, row) : element(a, a_bytes, row, k)) * element(b, b_bytes, k, col);
        if (has_bias(product.epilogue)) sum += static_cast<const float*>(product.bias)[row];
        set_element(d, static_cast<std::byte*>(d_data), row, col, finish(product.epilogue, sum));
      }
    }
    return CUDA_SUCCESS;
  });
  return CUBLAS_STATUS_SUCCESS;
}
