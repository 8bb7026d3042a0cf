#pragma once

#include <vector>

#include "session/context.h"
#include "session/engine.h"

namespace plimsoll::cli {

/// One shape's timings. When the plan's passes are smaller than the shape, a timing is that of all its passes.
struct ShapeFigures {
  Shape shape;
  int passes = 1;
  double median_seconds = 0;
  double best_seconds = 0;
  double flops = 0;  ///< of the shape, by formula (Model::pass_flops)

  double tokens_per_second() const { return static_cast<double>(shape.texts * shape.tokens) / median_seconds; }
  double flops_per_second() const { return flops / median_seconds; }
};

struct BenchFigures {
  double load_seconds = 0;
  double first_result_seconds = 0;
  double peak_flops = 0;  ///< of the machine, in the plan's compute type
  Bytes ledger_peak;
  Bytes process_peak;  ///< RssAnon
  std::vector<ShapeFigures> shapes;
};

/// --shapes, or 1x128 and 8x128 (fewer tokens where the model takes fewer). `usage` for texts that are too long
/// for the model, and for more than 2^18 tokens in all.
Result<std::vector<Shape>> bench_shapes(const Options& options, const Model& model);

/// What all shapes together ask of a plan.
Workload bench_workload(const std::vector<Shape>& shapes);

/// Loads the model and times every shape --repeat times, after one pass that is not counted.
Result<BenchFigures> run_bench(Context& context, Engine& engine, const Plan& plan, const std::vector<Shape>& shapes);

}  // namespace plimsoll::cli
