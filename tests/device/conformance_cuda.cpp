#include <cstdlib>
#include <stdexcept>

#include "device/conformance.h"
#include "device/cuda/cuda_figures.h"
#include "device/cuda/open_cuda.h"

namespace plimsoll::test {
namespace {

std::unique_ptr<Device> must(Result<OpenedCuda> opened) {
  if (!opened.ok()) throw std::runtime_error(message(opened.error()));
  return std::move(opened).value().device;
}

std::unique_ptr<Device> make_gpu(Os& os, ThreadPool&, Bytes memory) { return must(open_cuda({.os = &os, .memory = memory})); }

std::unique_ptr<Device> make_stand_in(Os& os, ThreadPool&, Bytes memory) {
  return must(open_cuda({.os = &os, .memory = memory, .driver = PLIMSOLL_CUDA_STAND_IN, .blas = {PLIMSOLL_CUDA_STAND_IN}}));
}

bool has_gpu() {
  Gate gate;
  const std::unique_ptr<Os> os = make_os(gate);
  const Result<int> count = count_cuda(*os);
  return count.ok() && *count > 0;
}

}  // namespace

std::vector<BackEnd> cuda_back_ends() {
  std::vector<BackEnd> all = {{"cuda_stand_in", make_stand_in, cuda_workspace_bytes}};
  if (std::getenv("PLIMSOLL_REQUIRE_CUDA") != nullptr || has_gpu()) all.push_back({"cuda", make_gpu, cuda_workspace_bytes});
  return all;
}

}  // namespace plimsoll::test
