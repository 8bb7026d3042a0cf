#include "device/sim/step_cost.h"

namespace plimsoll::sim {
namespace {

constexpr double kEmbedFlops = 2;      // of an element: two sums
constexpr double kLayerNormFlops = 8;  // of an element: residual, mean, variance, scale, shift
constexpr double kSoftmaxFlops = 5;    // of a score: maximum, difference, exponential, sum, quotient

double elements(const MatrixView& m) { return static_cast<double>(m.rows) * static_cast<double>(m.cols); }

double flops_of(const EmbedStep& step) { return kEmbedFlops * elements(step.out); }
double flops_of(const LayerNormStep& step) { return kLayerNormFlops * elements(step.out); }
double flops_of(const LinearStep& step) { return 2 * elements(step.out) * static_cast<double>(step.weight.inputs); }
double flops_of(const GatherRowsStep&) { return 0; }
double flops_of(const PrepareStep&) { return 0; }

double flops_of(const AttentionStep& step) {
  double scores = 0;
  for (std::size_t b = 0; b + 1 < step.text_starts.size(); ++b) {
    const auto length = static_cast<double>(step.text_starts[b + 1] - step.text_starts[b]);
    scores += length * length;
  }
  return scores * static_cast<double>(step.heads) * (4 * static_cast<double>(step.head_dim) + kSoftmaxFlops);
}

}  // namespace

double flops(const Step& step) {
  return std::visit([](const auto& kind) { return flops_of(kind); }, step);
}

}  // namespace plimsoll::sim
