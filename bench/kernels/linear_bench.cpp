// Linear layers against the machine's own limit and against oneDNN. Prints one line a shape: medians (best in brackets) of
// GFLOP/s (by processor time) as a share of the best register-only peak measured between the samples, and medians of paired ratios.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <plimsoll/os.h>

#include "device/cpu/cpu_kernels.h"
#include "device/cpu/peak.h"
#include "kernels/dnnl_tiles.h"

namespace plimsoll::bench {
namespace {

struct Shape {
  std::int64_t rows;
  std::int64_t inputs;
  std::int64_t outputs;
  double flops() const { return 2.0 * static_cast<double>(rows * inputs * outputs); }
};

struct Setup {
  CpuFeatures features;
  ElementType type = ElementType::float32;
  int threads = 1;
  int pairs = 15;
};

/// Several copies of a weight, so that each call reads memory as a pass over a model does and not the caches.
struct Weights {
  std::vector<std::byte> bytes;
  std::size_t one = 0;
  std::size_t copies = 0;
  std::size_t next = 0;
  const std::byte* take() { return bytes.data() + one * (next++ % copies); }
};

constexpr std::size_t kResidentBytes = std::size_t{96} << 20;

Weights copies_of(const std::vector<std::byte>& one) {
  Weights w;
  w.one = one.size();
  w.copies = std::max<std::size_t>(2, kResidentBytes / one.size());
  w.bytes.resize(w.one * w.copies);
  for (std::size_t i = 0; i < w.copies; ++i) std::memcpy(w.bytes.data() + i * w.one, one.data(), one.size());
  return w;
}

std::vector<std::byte> random_values(std::int64_t count, ElementType type) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(count) * element_bytes(type));
  std::uint32_t state = 1;
  for (std::int64_t i = 0; i < count; ++i) {
    state = state * 1664525U + 1013904223U;
    const float value = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31F;
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, 4);
    bits = type == ElementType::bfloat16 ? bits >> 16 : bits;
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * element_bytes(type), &bits, element_bytes(type));
  }
  return bytes;
}

/// Processor time of all threads: what other programs take from the machine does not count.
double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

class LinearBench {
 public:
  LinearBench(Os& os, ThreadPool& pool, Setup setup) : os_(os), pool_(pool), setup_(setup) {}

  Status run(const Shape& shape) {
    WorkspaceNeeds needs{.largest_inputs = shape.inputs, .threads = setup_.threads, .tokens = shape.rows};
    std::vector<std::byte> memory(static_cast<std::size_t>(cpu_workspace_bytes(needs)) + 64);
    const std::size_t shift = 64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64;
    PLIMSOLL_TRY(kernels_, CpuKernels::create(pool_, setup_.features, needs, std::span(memory).subspan(shift)));
    const auto rows = random_values(shape.outputs * shape.inputs, setup_.type);
    const auto x = random_values(shape.rows * shape.inputs, setup_.type);
    const auto bias = random_values(shape.outputs, ElementType::float32);
    std::vector<std::byte> out(static_cast<std::size_t>(shape.rows * shape.outputs) * element_bytes(setup_.type));
    shape_ = shape;
    x_ = x.data();
    bias_ = reinterpret_cast<const float*>(bias.data());
    out_ = out.data();
    const WeightForm panels{setup_.type, WeightLayout::panels};
    std::vector<std::byte> packed(static_cast<std::size_t>(weight_bytes(panels, shape.outputs, shape.inputs)));
    CpuStream stream;
    kernels_->enqueue(stream, PrepareStep{rows.data(), setup_.type, shape.outputs, shape.inputs, 0, shape.outputs, panels, packed.data()});
    PLIMSOLL_CHECK(kernels_->synchronize(stream));
    own_packed_ = copies_of(packed);
    own_plain_ = copies_of(rows);
    if (setup_.features.isa != Isa::avx512) return sample_own();
    return sample_both(rows);
  }

 private:
  void own(Weights& weights, WeightLayout layout) {
    const LinearStep step{{const_cast<std::byte*>(x_), shape_.rows, shape_.inputs, shape_.inputs, setup_.type},
                          {weights.take(), {setup_.type, layout}, shape_.outputs, shape_.inputs},
                          bias_,
                          Activation::none,
                          {out_, shape_.rows, shape_.outputs, shape_.outputs, setup_.type}};
    kernels_->enqueue(stream_, step);
  }

  /// Seconds of one call, over enough calls to take some milliseconds.
  template <typename Call>
  double seconds(Call&& call) {
    const double weight = static_cast<double>(shape_.inputs * shape_.outputs) * static_cast<double>(element_bytes(setup_.type));
    const double guess = std::max(shape_.flops() / 2e11, weight / 1e10) / setup_.threads;
    const int calls = static_cast<int>(std::clamp(5e-3 / guess, 1.0, 400.0));
    const double begin = processor_seconds();
    for (int i = 0; i < calls; ++i) call();
    return (processor_seconds() - begin) / setup_.threads / calls;
  }

  /// The best seen since the start: one sample of few milliseconds may have been interrupted.
  double peak() {
    peak_ = std::max(peak_, measure_peak_flops(pool_, os_, setup_.features, setup_.type, std::chrono::milliseconds(3)));
    return peak_;
  }

  struct Samples {
    std::vector<double> share;
    void add(double flops, double time, double limit) { share.push_back(100 * flops / time / limit); }
    double middle() const { return median(share); }
    double best() const { return share.empty() ? 0 : *std::ranges::max_element(share); }
  };

  void head() const {
    std::printf("%-11s %-8s %dt peak %3.0f M%-4lld K%-4lld N%-4lld", std::string(cpu_features_name(setup_.features)).c_str(),
                std::string(element_name(setup_.type)).c_str(), setup_.threads, peak_ / 1e9, static_cast<long long>(shape_.rows),
                static_cast<long long>(shape_.inputs), static_cast<long long>(shape_.outputs));
  }

  Status sample_own() {
    Samples packed;
    Samples plain;
    for (int i = 0; i < setup_.pairs; ++i) {
      const double before = peak();
      const double a = seconds([&] { own(own_packed_, WeightLayout::panels); });
      const double b = seconds([&] { own(own_plain_, WeightLayout::rows); });
      const double limit = std::max(before, peak());
      packed.add(shape_.flops(), a, limit);
      plain.add(shape_.flops(), b, limit);
    }
    head();
    std::printf("  packed %5.1f (%5.1f)  plain %5.1f (%5.1f)\n", packed.middle(), packed.best(), plain.middle(), plain.best());
    return {};
  }

  Status sample_both(const std::vector<std::byte>& rows) {
    DnnlTiles packed_tiles(shape_.rows, shape_.inputs, setup_.type, true, setup_.threads);
    DnnlTiles plain_tiles(shape_.rows, shape_.inputs, setup_.type, false, setup_.threads);
    std::vector<std::byte> panels;
    const std::size_t stride = static_cast<std::size_t>(kPanelOutputs * shape_.inputs) * element_bytes(setup_.type);
    for (std::size_t at = 0; at < rows.size(); at += stride) {
      const auto panel = packed_tiles.prepare(rows.data() + at);
      panels.insert(panels.end(), panel.begin(), panel.end());
    }
    Weights theirs = copies_of(panels);
    Samples shares[4];
    std::vector<double> packed_ratio;
    std::vector<double> plain_ratio;
    for (int i = 0; i < setup_.pairs; ++i) {
      const double before = peak();
      double t[4] = {};
      const auto ours_packed = [&] { t[0] += seconds([&] { own(own_packed_, WeightLayout::panels); }); };
      const auto ours_plain = [&] { t[1] += seconds([&] { own(own_plain_, WeightLayout::rows); }); };
      const auto dnnl_packed = [&] { t[2] += seconds([&] { packed_tiles.run(pool_, x_, theirs.take(), bias_, shape_.outputs, out_); }); };
      const auto dnnl_plain = [&] { t[3] += seconds([&] { plain_tiles.run(pool_, x_, own_plain_.take(), bias_, shape_.outputs, out_); }); };
      ours_packed();
      dnnl_packed();
      dnnl_packed();
      ours_packed();
      ours_plain();
      dnnl_plain();
      dnnl_plain();
      ours_plain();
      const double limit = std::max(before, peak());
      for (int k = 0; k < 4; ++k) shares[k].add(shape_.flops(), t[k] / 2, limit);
      packed_ratio.push_back(t[2] / t[0]);
      plain_ratio.push_back(t[3] / t[1]);
    }
    head();
    std::printf("  own packed %5.1f (%5.1f) plain %5.1f (%5.1f)  dnnl packed %5.1f (%5.1f) plain %5.1f (%5.1f)  x packed %.2f plain %.2f\n",
                shares[0].middle(), shares[0].best(), shares[1].middle(), shares[1].best(), shares[2].middle(), shares[2].best(),
                shares[3].middle(), shares[3].best(), median(packed_ratio), median(plain_ratio));
    return {};
  }

  Os& os_;
  ThreadPool& pool_;
  Setup setup_;
  double peak_ = 0;
  std::unique_ptr<CpuKernels> kernels_;
  CpuStream stream_;
  Shape shape_{};
  const std::byte* x_ = nullptr;
  const float* bias_ = nullptr;
  std::byte* out_ = nullptr;
  Weights own_packed_;
  Weights own_plain_;
};

/// linear_bench [pairs [isa [type [threads [rows]]]]]; "-" means all.
int run(int argc, char** argv) {
  const auto chosen = [&](int i, const std::string& value) { return argc <= i || std::string(argv[i]) == "-" || value == argv[i]; };
  Gate gate;
  const auto os = make_os(gate);
  const CpuFeatures best = detect_cpu_features();
  for (const CpuFeatures features : {CpuFeatures{Isa::avx2, false}, best}) {
    if (!chosen(2, std::string(cpu_features_name(features)))) continue;
    for (const ElementType type : {ElementType::float32, ElementType::bfloat16}) {
      if (!chosen(3, std::string(element_name(type))) || (type == ElementType::bfloat16 && !features.native_bfloat16)) continue;
      for (const int threads : {1, 2}) {
        if (!chosen(4, std::to_string(threads))) continue;
        auto pool = ThreadPool::create(*os, threads);
        if (!pool.ok()) return 1;
        LinearBench bench(*os, **pool, Setup{features, type, threads, argc > 1 ? std::atoi(argv[1]) : 15});
        for (const std::int64_t rows : {1, 8, 16, 32, 128, 512, 1024}) {
          if (!chosen(5, std::to_string(rows))) continue;
          for (const auto& [inputs, outputs] : {std::pair{1024, 1024}, {1024, 3072}, {1024, 4096}, {4096, 1024}}) {
            const Status status = bench.run(Shape{rows, inputs, outputs});
            if (!status.ok()) std::fprintf(stderr, "%s\n", message(status.error()).c_str());
            std::fflush(stdout);
          }
        }
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) { return plimsoll::bench::run(argc, argv); }
