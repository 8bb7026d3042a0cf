// The kernels themselves, compiled for the host: CMakeLists.txt defines CUDA's words away, and warp-inl.h is the one of this folder.
#include <math.h>

#include <cstring>

#include "emulator.h"

namespace {

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
const plimsoll::emulator::Index& blockIdx = plimsoll::emulator::block_index;
const plimsoll::emulator::Index& threadIdx = plimsoll::emulator::thread_index;
void __syncthreads() { plimsoll::emulator::synchronize_block(); }

}  // namespace

#include "device/cuda/rows.cu"

#include "device/cuda/products.cu"

namespace plimsoll::emulator {
namespace {

template <typename Argument, void (*kernel)(Argument)>
void call(const void* argument) {
  kernel(*static_cast<const Argument*>(argument));
}

template <typename Argument, void (*kernel)(Argument)>
constexpr EmulatedKernel emulated(const char* name) {
  return {name, call<Argument, kernel>, sizeof(Argument)};
}

constexpr EmulatedKernel kAll[] = {emulated<EmbedStep, cuda::plimsoll_embed>("plimsoll_embed"),
                                   emulated<LayerNormStep, cuda::plimsoll_layer_norm>("plimsoll_layer_norm"),
                                   emulated<GatherRowsStep, cuda::plimsoll_gather>("plimsoll_gather"),
                                   emulated<PrepareStep, cuda::plimsoll_prepare>("plimsoll_prepare"),
                                   emulated<LinearStep, cuda::plimsoll_finish>("plimsoll_finish"),
                                   emulated<LinearStep, cuda::plimsoll_linear>("plimsoll_linear"),
                                   emulated<AttentionStep, cuda::plimsoll_attention_float>("plimsoll_attention_float"),
                                   emulated<AttentionStep, cuda::plimsoll_attention_32>("plimsoll_attention_32"),
                                   emulated<AttentionStep, cuda::plimsoll_attention_64>("plimsoll_attention_64"),
                                   emulated<AttentionStep, cuda::plimsoll_attention_128>("plimsoll_attention_128")};

}  // namespace

const EmulatedKernel* find_kernel(const char* name) {
  for (const EmulatedKernel& kernel : kAll) {
    if (std::strcmp(kernel.name, name) == 0) return &kernel;
  }
  return nullptr;
}

}  // namespace plimsoll::emulator
