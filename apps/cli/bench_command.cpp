#include <algorithm>

#include <fmt/format.h>

#include "commands.h"
#include "report/picture.h"
#include "report/report.h"
#include "session/bench_session.h"
#include "session/measured_rates.h"
#include "text/counted.h"
#include "text/json_writer.h"

namespace plimsoll::cli {
namespace {

std::string table(const Plan& plan, const BenchFigures& figures) {
  std::string text =
      fmt::format("{}: {}, {} on {}\n", printable(plan.model), precision_name(plan), plan.isa, counted(plan.threads, "thread"));
  text += fmt::format("load {:.3f} s, first result after {:.3f} s; memory: ledger {}, process {}, planned {}\n", figures.load_seconds,
                      figures.first_result_seconds, format_bytes(figures.ledger_peak), format_bytes(figures.process_peak),
                      format_bytes(planned_of_process(plan)));
  text += fmt::format("machine peak {:.1f} GFLOP/s (registers only, this run)\n\n", figures.peak_flops / 1e9);
  text += fmt::format("{:>12}{:>12}{:>12}{:>12}{:>12}{:>8}\n", "texts x tok", "median ms", "best ms", "tokens/s", "GFLOP/s", "peak");
  for (const ShapeFigures& shape : figures.shapes) {
    text +=
        fmt::format("{:>12}{:>12.3f}{:>12.3f}{:>12.0f}{:>12.1f}{:>7.1f}%\n", fmt::format("{}x{}", shape.shape.texts, shape.shape.tokens),
                    shape.median_seconds * 1e3, shape.best_seconds * 1e3, shape.tokens_per_second(), shape.flops_per_second() / 1e9,
                    figures.peak_flops > 0 ? 100 * shape.flops_per_second() / figures.peak_flops : 0);
  }
  return text;
}

std::string object(const Plan& plan, const BenchFigures& figures) {
  JsonWriter json;
  json.begin_object()
      .key("model")
      .value(plan.model)
      .key("dtype")
      .value(element_name(plan.dtype))
      .key("compute_dtype")
      .value(element_name(plan.compute_dtype));
  json.key("isa").value(plan.isa).key("threads").value(plan.threads).key("load_seconds").value(figures.load_seconds);
  json.key("first_result_seconds").value(figures.first_result_seconds).key("ledger_peak").value(figures.ledger_peak);
  json.key("rss_anon_peak").value(figures.process_peak).key("planned_bytes").value(planned_of_process(plan));
  json.key("peak_flops").value(figures.peak_flops).key("shapes").begin_array();
  for (const ShapeFigures& shape : figures.shapes) {
    json.begin_object().key("texts").value(shape.shape.texts).key("tokens").value(shape.shape.tokens).key("passes").value(shape.passes);
    json.key("median_seconds").value(shape.median_seconds).key("best_seconds").value(shape.best_seconds);
    json.key("tokens_per_second").value(shape.tokens_per_second()).key("flops_per_second").value(shape.flops_per_second());
    json.key("peak_share").value(figures.peak_flops > 0 ? shape.flops_per_second() / figures.peak_flops : 0.0).end_object();
  }
  json.end_array().end_object();
  return json.text() + "\n";
}

}  // namespace

Result<int> bench_command(Context& context) {
  PLIMSOLL_TRY(const std::unique_ptr<Engine> engine, Engine::open(context, context.options.model));
  PLIMSOLL_TRY(const std::vector<Shape> shapes, bench_shapes(context.options, engine->model()));
  // For the plans to come, and not in less memory than makes good figures. What this run is measured against is measured on its own.
  if (!context.options.policy.max_memory)
    measured_rates(context, engine->machine(), absolute_path(engine->model().largest_file()), "measuring this machine...");
  PLIMSOLL_TRY(const Plan plan, engine->plan(bench_workload(shapes)));
  PLIMSOLL_TRY(const BenchFigures figures, run_bench(context, *engine, plan, shapes));
  context.output.write(context.options.json ? object(plan, figures) : table(plan, figures));
  return 0;
}

}  // namespace plimsoll::cli
