#include "device/cuda/cuda_figures.h"

#include <algorithm>
#include <iterator>

#include "device/cuda/open_cuda.h"

namespace plimsoll {
namespace {

// Products without split-K, the only ones that are used, need next to nothing.
constexpr std::int64_t kBlasWorkspace = std::int64_t{4} << 20;

/// Of one multiprocessor, each clock: multiplications with their additions, by NVIDIA's architecture papers.
struct Generation {
  int capability = 0;  ///< major * 10 + minor, the least
  double float32 = 0;
  double bfloat16 = 0;  ///< dense, with float32 sums
  double link = 0;
};
constexpr Generation kGenerations[] = {{80, 64, 1024, 20e9},  {86, 128, 512, 20e9},   {89, 128, 512, 20e9},
                                       {90, 128, 2048, 45e9}, {100, 128, 4096, 45e9}, {120, 128, 512, 45e9}};

// What products of a pass reach of that, and a launch or copy takes by itself.
constexpr double kShareOfPeak = 0.6;
constexpr double kLatency = 5e-6;

}  // namespace

std::int64_t cuda_workspace_bytes(const WorkspaceNeeds& /*needs*/) { return kBlasWorkspace; }

CudaRates cuda_rates(const CudaTraits& traits) {
  const int capability = traits.major * 10 + traits.minor;
  const Generation* found = kGenerations;
  for (const Generation& generation : kGenerations) {
    if (generation.capability <= capability) found = &generation;
  }
  const double clocks = 2 * kShareOfPeak * traits.clock * std::max(traits.multiprocessors, 1);
  return {clocks * found->float32, clocks * found->bfloat16, found->link, kLatency};
}

}  // namespace plimsoll
