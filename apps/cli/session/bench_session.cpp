#include "session/bench_session.h"

#include <algorithm>

#include <fmt/format.h>

#include "process/watcher.h"
#include "report/report.h"
#include "session/load_watcher.h"
#include "terminal/progress.h"

namespace plimsoll::cli {
namespace {

// Every token of a shape is held at once where memory allows; larger passes are not faster, only larger.
constexpr std::int64_t kMostShapeTokens = std::int64_t{1} << 18;

/// Fills the session's own arrays with `texts` texts of `tokens` tokens and runs them.
Status run_pass(const Model& model, Session& session, std::int64_t texts, std::int64_t tokens) {
  const Session::InputBuffers buffers = session.input_buffers();
  const auto count = static_cast<std::size_t>(texts * tokens);
  const auto vocabulary = static_cast<std::size_t>(model.vocabulary());
  // Ids spread over the vocabulary, so that the table is read as it would be by text.
  static constexpr std::size_t kStep = 7919;
  for (std::size_t i = 0; i < count; ++i) {
    buffers.ids[i] = static_cast<std::int32_t>(i * kStep % vocabulary);
    buffers.type_ids[i] = 0;
  }
  for (std::size_t b = 0; b <= static_cast<std::size_t>(texts); ++b)
    buffers.text_starts[b] = static_cast<std::int32_t>(b * static_cast<std::size_t>(tokens));
  const auto logits = session.run(
      {buffers.ids.first(count), buffers.type_ids.first(count), buffers.text_starts.first(static_cast<std::size_t>(texts) + 1)});
  return logits.ok() ? Status() : Status(logits.error());
}

Result<double> time_shape(Context& context, const Model& model, Session& session, const Shape& shape, std::int64_t per_pass) {
  const auto start = context.os.now();
  for (std::int64_t done = 0; done < shape.texts; done += per_pass) {
    PLIMSOLL_CHECK(run_pass(model, session, std::min(per_pass, shape.texts - done), shape.tokens));
  }
  return std::chrono::duration<double>(context.os.now() - start).count();
}

Result<ShapeFigures> bench_shape(Context& context, const Model& model, Session& session, MemoryWatcher& memory, const Shape& shape) {
  const Plan& plan = session.plan();
  const std::int64_t per_pass = std::min({shape.texts, plan.texts_per_pass, plan.tokens_per_pass / shape.tokens});
  if (per_pass < 1) return Error{ErrorCode::internal, "a pass holds fewer tokens than a text", "bench", "please report this"};
  ShapeFigures figures{shape, static_cast<int>((shape.texts + per_pass - 1) / per_pass), 0, 0, model.pass_flops(shape.texts, shape.tokens)};
  std::vector<double> seconds;
  Pulse pulse(context.os);
  for (int i = 0; i <= context.options.repeat; ++i) {
    if (pulse.due()) context.console.progress(fmt::format("{}x{}: {} of {}", shape.texts, shape.tokens, i, context.options.repeat));
    PLIMSOLL_CHECK(memory.keep_fit());
    PLIMSOLL_TRY(const double taken, time_shape(context, model, session, shape, per_pass));
    if (i > 0) seconds.push_back(taken);
  }
  context.console.progress("");
  std::ranges::sort(seconds);
  figures.best_seconds = seconds.front();
  const std::size_t middle = seconds.size() / 2;
  figures.median_seconds = seconds.size() % 2 == 1 ? seconds[middle] : (seconds[middle - 1] + seconds[middle]) / 2;
  return figures;
}

}  // namespace

Result<std::vector<Shape>> bench_shapes(const Options& options, const Model& model) {
  const std::int64_t tokens = std::min<std::int64_t>(128, model.max_tokens());
  if (options.shapes.empty()) return std::vector<Shape>{{1, tokens}, {8, tokens}};
  for (const Shape& shape : options.shapes) {
    if (shape.texts * shape.tokens > kMostShapeTokens) {
      return Error{ErrorCode::usage, fmt::format("a pass of {}x{} is {} tokens", shape.texts, shape.tokens, shape.texts * shape.tokens),
                   "--shapes", fmt::format("give shapes of at most {} tokens, such as 512x512", kMostShapeTokens)};
    }
    if (shape.tokens > model.max_tokens()) {
      return Error{ErrorCode::usage, fmt::format("a text of {} tokens is too long", shape.tokens), "--shapes",
                   fmt::format("this model takes at most {}", model.max_tokens())};
    }
  }
  return options.shapes;
}

Workload bench_workload(const std::vector<Shape>& shapes) {
  Workload workload;
  for (const Shape& shape : shapes) {
    workload.longest = std::max(workload.longest, shape.tokens);
    workload.texts = std::max(workload.texts, shape.texts);
  }
  workload.batch_size = workload.texts;
  workload.total_tokens = workload.texts * workload.longest;
  return workload;
}

Result<BenchFigures> run_bench(Context& context, Engine& engine, const Plan& plan, const std::vector<Shape>& shapes) {
  BenchFigures figures;
  Recorder recorder(context.os);
  LoadWatcher watcher(context, recorder, plan);
  {
    EventLog events;
    const auto tell = [&](const SessionEvent& event) {
      events.add(recorder.seconds(), event);
      events.tell_at_once(context.console);
    };
    PLIMSOLL_TRY(Session session, engine.load(plan, watcher.function(), tell));
    MemoryWatcher memory(context.os, session, engine.devices(), [&] { return engine.least_to_go_on(plan); });
    watcher.loaded();
    figures.load_seconds = recorder.seconds();
    PLIMSOLL_CHECK(run_pass(engine.model(), session, 1, std::min<std::int64_t>({8, plan.tokens_per_pass, plan.workload.longest})));
    figures.first_result_seconds = recorder.seconds();
    for (const Shape& shape : shapes) {
      PLIMSOLL_TRY(const ShapeFigures timed, bench_shape(context, engine.model(), session, memory, shape));
      figures.shapes.push_back(timed);
    }
    recorder.observe("pass", engine.ledger().current(), true);
    const Duty::Shift beside_messages(context.console.meanwhile(), [&] { static_cast<void>(memory.keep_fit()); });
    events.tell(context.console);
  }
  figures.ledger_peak = engine.ledger().peak();
  figures.process_peak = recorder.process_peak();
  // Measured after the session has given its threads and memory back.
  PLIMSOLL_TRY(const MachinePeak peak, measure_peak(context.os, engine.machine()));
  figures.peak_flops = plan.compute_dtype == ElementType::bfloat16 ? peak.bfloat16_flops : peak.float32_flops;
  return figures;
}

}  // namespace plimsoll::cli
