#include <cstdlib>
#include <stdexcept>

#include "device/conformance.h"
#include "device/cuda/cuda_figures.h"

namespace plimsoll::test {

std::vector<BackEnd> cuda_back_ends() {
  if (std::getenv("PLIMSOLL_REQUIRE_CUDA") == nullptr) return {};
  return {{"cuda",
           [](Os&, ThreadPool&, Bytes) -> std::unique_ptr<Device> { throw std::runtime_error("this build has no CUDA: PLIMSOLL_CUDA=ON"); },
           cuda_workspace_bytes}};
}

}  // namespace plimsoll::test
