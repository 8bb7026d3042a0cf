// A neighbour: holds all memory of cuda:0 but what the argument says ("512MiB"), until its input ends. For tests on a GPU.
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "device/cuda/open_cuda.h"

int main(int count, char** arguments) {
  using namespace plimsoll;
  Gate gate;
  const std::unique_ptr<Os> os = make_os(gate);
  const auto leave = parse_bytes(count > 1 ? arguments[1] : "");
  Result<OpenedCuda> opened = open_cuda({.os = os.get()});
  if (!leave || !opened.ok()) {
    std::fprintf(stderr, "cuda_ballast: %s\n", leave ? message(opened.error()).c_str() : "usage: cuda_ballast SIZE");
    return 1;
  }
  const Result<DeviceMemoryState> state = opened->device->memory();
  Result<std::unique_ptr<DeviceMemory>> held = opened->device->allocate(state.ok() ? saturating_sub(state->free, *leave) : Bytes{});
  if (!held.ok()) {
    std::fprintf(stderr, "cuda_ballast: %s\n", message(held.error()).c_str());
    return 1;
  }
  const Result<DeviceMemoryState> now = opened->device->memory();
  std::printf("%s are free\n", now.ok() ? format_bytes(now->free).c_str() : "an unknown number of bytes");
  std::fflush(stdout);
  while (std::getchar() != EOF) {}
  return 0;
}
