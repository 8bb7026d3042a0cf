#include "device/cuda/open_cuda.h"

namespace plimsoll {
namespace {

Error not_built() {
  return {ErrorCode::unsupported, "this build has no CUDA back end", "cuda",
          "build again where nvcc of the CUDA toolkit is found, or with -DPLIMSOLL_CUDA=ON to see why it is not; or use cpu"};
}

}  // namespace

Result<OpenedCuda> open_cuda(const CudaOptions& /*options*/) { return not_built(); }

Result<int> count_cuda(Os& /*os*/, const std::string& /*driver*/) { return not_built(); }

}  // namespace plimsoll
