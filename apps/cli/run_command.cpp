#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "answer_writer.h"
#include "commands.h"
#include "engine.h"
#include "jsonl_hint.h"
#include "picture.h"
#include "report.h"
#include "row_source.h"
#include "watcher.h"

namespace plimsoll::cli {
namespace {

// As a filter: how long the input may pause before what is there is answered.
constexpr int kPauseMilliseconds = 5;
constexpr int kRedrawMilliseconds = 100;
constexpr std::size_t kLongestEvent = 1000;
// Ids of the rows in a pass are kept until it is printed; beyond this many bytes the pass runs early.
constexpr std::size_t kMostIdBytes = 256U << 10U;

/// A row that waits for its pass.
struct Waiting {
  std::int64_t index = 0;
  std::string id;
};

/// Counts the time from here to the end of its scope as work, not as waiting for input.
class Busy {
 public:
  explicit Busy(RunStatistics& statistics) : statistics_(statistics), start_(statistics.recorder.seconds()) {}
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() { statistics_.busy_seconds += statistics_.recorder.seconds() - start_; }

 private:
  RunStatistics& statistics_;
  double start_;
};

/// Rows in, answers out, in order.
class Runner {
 public:
  struct Parts {
    RowSource& rows;
    Classifier& classifier;
    const Model& model;
    RunStatistics& statistics;
    RowBar& bar;
  };

  Runner(Context& context, const Parts& parts)
      : context_(context),
        rows_(parts.rows),
        classifier_(parts.classifier),
        writer_(parts.model, context.options, context.output, context.console),
        statistics_(parts.statistics),
        bar_(parts.bar),
        to_terminal_(context.output.is_terminal()) {}

  /// Until the rows end. Fails with what ends a run; bad rows do not.
  Status run() {
    for (;;) {
      Row row;
      PLIMSOLL_TRY(const Got got, rows_.next(row, patience()));
      if (got == Got::end || got == Got::paused) {
        const Busy busy(statistics_);
        PLIMSOLL_CHECK(run_pass());
        PLIMSOLL_CHECK(context_.output.flush());
        if (got == Got::end) return {};
        show_progress();
        continue;
      }
      if (context_.signals.token().cancelled()) return context_.signals.error();
      if (rows_.is_stream()) hint_at_jsonl(context_, row);
      ++statistics_.rows;
      {
        const Busy busy(statistics_);
        PLIMSOLL_CHECK(row.fault ? fault(row, *row.fault) : add(row));
      }
      show_progress();
    }
  }

 private:
  Status add(const Row& row) {
    auto added = classifier_.add(row.input);
    if (added.ok() && *added == Classifier::Added::pass_full) {
      PLIMSOLL_CHECK(run_pass());
      added = classifier_.add(row.input);
      if (added.ok() && *added == Classifier::Added::pass_full)
        return Error{ErrorCode::internal, "an empty pass is full", "run", "please report this"};
    }
    if (!added.ok()) return added.error().code == ErrorCode::bad_row ? fault(row, added.error()) : Status(added.error());
    waiting_.push_back({row.index, std::string(row.id)});
    id_bytes_ += row.id.size();
    return id_bytes_ > kMostIdBytes ? run_pass() : Status();
  }

  /// How long to wait for a row before doing what is owed.
  int patience() const {
    if (!rows_.is_stream()) return -1;
    if (classifier_.pending() > 0 || context_.output.buffered()) return kPauseMilliseconds;
    return bar_.stale() ? kRedrawMilliseconds : -1;
  }

  void show_progress() { bar_.answered(statistics_.rows - static_cast<std::int64_t>(waiting_.size()), statistics_.tokens_per_second()); }

  Status fault(const Row& row, const Error& error) {
    PLIMSOLL_CHECK(run_pass());
    ++statistics_.bad_rows;
    writer_.fault(row.index, row.id, error);
    if (!context_.options.fail_fast) return to_terminal_ ? context_.output.flush() : Status();
    PLIMSOLL_CHECK(context_.output.flush());
    return Error{ErrorCode::bad_row, fmt::format("row {} cannot be used: {}", row.index, error.what), "--fail-fast",
                 "mend the row, or leave the flag out to go on past it"};
  }

  Status run_pass() {
    if (waiting_.empty()) return {};
    PLIMSOLL_TRY(const std::span<const Answer> answers, classifier_.run());
    if (answers.size() != waiting_.size()) return Error{ErrorCode::internal, "a pass lost a text", "run", "please report this"};
    for (std::size_t i = 0; i < answers.size(); ++i) {
      writer_.answer(waiting_[i].index, waiting_[i].id, answers[i]);
      statistics_.tokens += static_cast<std::int64_t>(answers[i].input_ids.size());
      statistics_.truncated += answers[i].truncated ? 1 : 0;
    }
    waiting_.clear();
    id_bytes_ = 0;
    const bool first = statistics_.first_result_seconds == 0;
    if (first) statistics_.first_result_seconds = statistics_.recorder.seconds();
    return first || to_terminal_ || context_.output.failed() ? context_.output.flush() : Status();
  }

  Context& context_;
  RowSource& rows_;
  Classifier& classifier_;
  AnswerWriter writer_;
  RunStatistics& statistics_;
  RowBar& bar_;
  bool to_terminal_;  ///< then only whole lines are printed, or the bar would be drawn behind half of one
  std::vector<Waiting> waiting_;
  std::size_t id_bytes_ = 0;
};

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

// What a sacrifice saves and costs, where it does either.
std::string sacrifice_figures(const Sacrifice& sacrifice) {
  std::string figures;
  if (sacrifice.saved.count > 0) figures += fmt::format(", saves {}", format_bytes(sacrifice.saved));
  if (sacrifice.cost_seconds > 1e-6) figures += fmt::format(", costs {:.3g} s a pass", sacrifice.cost_seconds);
  return figures;
}

void print_plan_details(Console& console, const Plan& plan) {
  if (plan.verdict == Verdict::does_not_fit) return;
  for (const Sacrifice& sacrifice : plan.sacrifices) {
    console.note(fmt::format("to fit: {} ({}{})", printable(sacrifice.why), rung_name(sacrifice.rung), sacrifice_figures(sacrifice)));
  }
  console.detail(fmt::format("{}, {} on {} threads; a pass holds {} texts and {} tokens; smallest budget {}", precision_name(plan),
                             plan.isa, plan.threads, plan.texts_per_pass, plan.tokens_per_pass,
                             plan.smallest_budget.empty() ? "unknown" : format_exact(plan.smallest_budget[0].bytes)));
}

/// A file or argument list without rows: nothing to load a model for.
Result<bool> is_empty(RowSource& rows) {
  if (rows.is_stream()) return false;
  Row row;
  PLIMSOLL_TRY(const Got got, rows.next(row, -1));
  PLIMSOLL_CHECK(rows.rewind());
  return got == Got::end;
}

/// Loads the model and answers every row.
Status answer_rows(Context& context, Engine& engine, const Plan& plan, RowSource& rows, RunStatistics& statistics) {
  RowBar bar(context.console, context.os, {engine.counted_rows(), rows.is_stream() && ::isatty(STDIN_FILENO) == 1});
  LoadWatcher watcher(context, statistics.recorder, plan, &bar);
  const auto tell = [&](const SessionEvent& event) {
    statistics.events.add(statistics.recorder.seconds(), event);
    context.console.note(printable(event.text, kLongestEvent));
  };
  PLIMSOLL_TRY(Session session, engine.load(plan, watcher.function(), tell));
  const MemoryWatcher memory(context.os, session);
  statistics.load_seconds = statistics.recorder.seconds();
  watcher.loaded();
  if (rows.is_stream()) rows.set_longest(session.io().size());
  PLIMSOLL_TRY(const std::int64_t limit, engine.text_limit());
  Classifier classifier(engine.model(), session, limit, &context.signals.token());
  Status status = Runner(context, {rows, classifier, engine.model(), statistics, bar}).run();
  bar.done();
  statistics.recorder.observe("pass", engine.ledger().current(), true);
  return status;
}

}  // namespace

Result<int> run_command(Context& context) {
  const Options& options = context.options;
  PLIMSOLL_TRY(const std::unique_ptr<RowSource> rows, open_rows(options, context.gate, context.signals.token(), true));
  if (rows == nullptr) return no_texts();
  PLIMSOLL_TRY(std::optional<Output> report, open_report(context));
  RunStatistics statistics(context.os);
  PLIMSOLL_TRY(const std::unique_ptr<Engine> engine, Engine::open(context));
  PLIMSOLL_TRY(const Workload workload, engine->measure(rows.get()));
  PLIMSOLL_TRY(const Plan plan, engine->plan(workload));
  PLIMSOLL_TRY(const bool empty, is_empty(*rows));
  if (empty) context.console.note("there were no texts");
  if (empty && !report) return 0;
  print_plan_details(context.console, plan);
  const Status status = answer_rows(context, *engine, plan, *rows, statistics);
  statistics.ledger_peak = engine->ledger().peak();
  statistics.devices = engine->device_figures();
  if (report) {
    report->write(report_json(plan, statistics));
    PLIMSOLL_CHECK(report->commit());
  }
  if (!status.ok()) return status.error();
  if (statistics.rows > statistics.bad_rows) context.console.note(summary_line(plan, statistics));
  if (statistics.rows == 0 && !empty) context.console.note("there were no texts");
  if (statistics.bad_rows == 0) return 0;
  context.console.note(fmt::format("{} of {} rows could not be used", statistics.bad_rows, statistics.rows));
  return 1;
}

}  // namespace plimsoll::cli
