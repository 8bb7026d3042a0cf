#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "commands.h"
#include "process/watcher.h"
#include "report/picture.h"
#include "report/report.h"
#include "rows/row_source.h"
#include "session/engine.h"
#include "session/fallback.h"
#include "session/load_watcher.h"
#include "session/row_runner.h"
#include "session/run_notice.h"
#include "session/shortage.h"
#include "text/counted.h"

namespace plimsoll::cli {
namespace {

Error no_texts() {
  return Error{ErrorCode::usage, "there are no texts", "plimsoll run",
               "for example: plimsoll run ./model \"I loved this film.\", or --input reviews.txt"};
}

/// Where --report goes, opened before anything is computed; nothing without the flag.
Result<std::optional<Output>> open_report(Context& context) {
  const Options& options = context.options;
  if (options.report.empty()) return std::optional<Output>();
  PLIMSOLL_TRY(Output report, Output::open(options.report, context.gate, context.signals.token()));
  return std::optional<Output>(std::move(report));
}

void print_plan_details(Console& console, const Plan& plan) {
  if (plan.verdict == Verdict::does_not_fit) return;
  for (const Sacrifice& sacrifice : plan.sacrifices) {
    if (sacrifice.rung == Rung::fallback) continue;  // told when it happened
    const std::string figures = sacrifice_figures(sacrifice);
    console.note(
        fmt::format("to fit: {} ({}{}{})", printable(sacrifice.why), rung_name(sacrifice.rung), figures.empty() ? "" : ", ", figures));
  }
  console.detail(fmt::format("{}, {} on {}; a pass holds {} and {}; smallest budget {}", precision_name(plan), plan.isa,
                             counted(plan.threads, "thread"), counted(plan.texts_per_pass, "text"), counted(plan.tokens_per_pass, "token"),
                             budget_text(plan.smallest_budget)));
}

/// A file or argument list without rows: nothing to load a model for.
Result<bool> is_empty(RowSource& rows) {
  if (rows.is_stream()) return false;
  Row row;
  PLIMSOLL_TRY(const Got got, rows.next(row, -1));
  PLIMSOLL_CHECK(rows.rewind());
  return got == Got::end;
}

void tell(Context& context, RunStatistics& statistics, const SessionEvent& event) {
  statistics.events.add(statistics.recorder.seconds(), event);
  // Memory is given back whether or not anybody reads of it: else it is told when nothing waits for that.
  statistics.events.tell_at_once(context.console);
}

/// A run as it stands: the model that answers now, its plan, and what others are told.
struct Answering {
  explicit Answering(Os& os) : notice(os) {}

  std::unique_ptr<Engine> engine;
  Plan plan;
  RunNotice notice;
};

/// Loads the model and answers what is left of the rows.
Status answer_rows(Context& context, const ModelChain& chain, Answering& now, UnansweredRows& rows, RunStatistics& statistics) {
  Engine& engine = *now.engine;
  const Plan& plan = now.plan;
  print_plan_details(context.console, plan);
  std::optional<std::int64_t> total = engine.counted_rows();
  if (total) *total += rows.first();
  RowBar bar(context.console, context.os, {.total = total, .verb = "answering", .typed = rows.is_stream() && ::isatty(STDIN_FILENO) == 1});
  now.notice.loading(engine, plan);
  LoadWatcher watcher(context, statistics.recorder, plan, &bar, &now.notice);
  PLIMSOLL_TRY(Session session,
               engine.load(plan, watcher.function(), [&](const SessionEvent& event) { tell(context, statistics, event); }));
  MemoryWatcher memory(context.os, session, engine.devices(), [&] { return engine.least_to_go_on(plan); });
  if (statistics.load_seconds == 0) statistics.load_seconds = statistics.recorder.seconds();
  watcher.loaded();
  now.notice.loaded(session);
  if (rows.is_stream()) rows.set_longest(session.io().size());
  PLIMSOLL_TRY(const std::int64_t limit, engine.text_limit());
  Classifier classifier(engine.model(), session, limit, &context.signals.token());
  const auto grant = [&] {
    const Plan& present = session.plan();
    return growth_beside(probe_memory(context.os), planned_of_process(present), least_of_host(present));
  };
  const FileGrowth::Watch results(context.output.growth(), grant);
  const FileGrowth::Watch messages(context.console.growth(), grant);
  // Logits lie in what would be given back; of a session that cannot do with less the next pass says so.
  const auto keep_fit = [&] {
    if (!context.options.logits) static_cast<void>(memory.keep_fit());
  };
  const Duty::Shift beside_results(context.output.meanwhile(), keep_fit);
  const Duty::Shift beside_messages(context.console.meanwhile(), keep_fit);
  RowRunner runner(context, {rows, classifier, memory, engine.model(), statistics, bar, now.notice});
  Status status = runner.run();
  bar.done();
  statistics.recorder.observe("pass", engine.ledger().current(), true);
  statistics.last_plan = session.plan();
  if (!status.ok() && chain.goes_on_after(status.error())) PLIMSOLL_CHECK(runner.put_back());
  return status;
}

Status plan_rows(Context& context, ModelChain& chain, Answering& now, UnansweredRows& rows, RunStatistics& statistics) {
  now.notice.reading(now.engine->model().name());
  PLIMSOLL_TRY(const Workload workload, now.engine->measure(&rows));
  PLIMSOLL_TRY(now.plan, chain.plan(*now.engine, workload));
  if (chain.has_news() && now.plan.verdict != Verdict::does_not_fit) tell(context, statistics, chain.event(rows.first()));
  return {};
}

/// Model after model, until one has answered the last row.
Status answer_all(Context& context, ModelChain& chain, Answering& now, UnansweredRows& rows, RunStatistics& statistics) {
  for (;;) {
    Status status = answer_rows(context, chain, now, rows, statistics);
    statistics.events.tell(context.console);
    statistics.ledger_peak = now.engine->ledger().peak();
    statistics.devices = now.engine->device_figures();
    if (status.ok() || !chain.goes_on_after(status.error())) return status;
    now.notice.reading(now.plan.model);
    PLIMSOLL_TRY(now.engine, chain.next(std::move(now.engine), now.plan, status.error(), rows.held()));
    statistics.recorder.restart_peak();
    PLIMSOLL_CHECK(plan_rows(context, chain, now, rows, statistics));
  }
}

}  // namespace

Result<int> run_command(Context& context) {
  const Options& options = context.options;
  PLIMSOLL_TRY(const std::unique_ptr<RowSource> source, open_rows(options, context.gate, context.signals.token(), true));
  if (source == nullptr) return no_texts();
  PLIMSOLL_TRY(std::optional<Output> report, open_report(context));
  RunStatistics statistics(context.os);
  ModelChain chain(context);
  UnansweredRows rows(*source);
  Answering now(context.os);
  now.notice.reading(options.model.model);
  PLIMSOLL_TRY(now.engine, chain.open());
  PLIMSOLL_CHECK(plan_rows(context, chain, now, rows, statistics));
  PLIMSOLL_TRY(const bool empty, is_empty(rows));
  if (empty) context.console.note("there were no texts");
  const Status status = empty ? Status() : answer_all(context, chain, now, rows, statistics);
  if (report) {
    report->write(report_json(now.plan, statistics));
    PLIMSOLL_CHECK(report->commit());
  }
  if (!status.ok()) return status.error();
  statistics.replaced.warn(context.console);
  if (statistics.rows > statistics.bad_rows) context.console.note(summary_line(now.plan, statistics));
  if (statistics.rows == 0 && !empty) context.console.note("there were no texts");
  if (statistics.bad_rows == 0) return 0;
  context.console.note(fmt::format("{} of {} could not be used", statistics.bad_rows, counted(statistics.rows, "row")));
  return 1;
}

}  // namespace plimsoll::cli
