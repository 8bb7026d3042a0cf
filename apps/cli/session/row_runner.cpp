#include "session/row_runner.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "rows/row_fault.h"
#include "session/input_hint.h"

namespace plimsoll::cli {
namespace {

// As a filter: how long the input may pause before what is there is answered.
constexpr int kPauseMilliseconds = 5;
// How often a run that waits for a row looks what others need of its memory.
constexpr int kFitMilliseconds = 100;
// Ids of the rows in a pass, and what is wrong with those between them, are kept until it is printed; beyond this many bytes it runs early.
constexpr std::size_t kMostWaitingBytes = 256U << 10U;

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

}  // namespace

RowRunner::RowRunner(Context& context, const Parts& parts)
    : context_(context),
      rows_(parts.rows),
      classifier_(parts.classifier),
      memory_(parts.memory),
      writer_(parts.model, context.options, context.output, context.console),
      statistics_(parts.statistics),
      bar_(parts.bar),
      notice_(parts.notice),
      to_terminal_(context.output.is_terminal()) {}

Status RowRunner::run() {
  for (;;) {
    PLIMSOLL_CHECK(memory_.keep_fit());
    statistics_.events.tell(context_.console);
    PLIMSOLL_TRY(const Got got, next_row());
    if (got != Got::one) {
      const Busy busy(statistics_);
      if (got == Got::end || rows_.is_stream()) {
        PLIMSOLL_CHECK(run_pass());
        PLIMSOLL_CHECK(context_.output.flush());
      }
      if (got == Got::end) return {};
      show_progress();
      continue;
    }
    in_hand_ = true;
    if (context_.signals.token().cancelled()) return context_.signals.error();
    if (rows_.is_stream()) hint_at_form(context_, rows_, row_);
    statistics_.rows = row_.index + 1;
    {
      const Busy busy(statistics_);
      PLIMSOLL_CHECK(take(row_));
      if (context_.output.failed()) PLIMSOLL_CHECK(context_.output.flush());
    }
    show_progress();
  }
}

Status RowRunner::put_back() {
  if (!rows_.is_stream()) return rows_.rewind();
  if (in_hand_) rows_.put_back(keep_row(row_));
  std::int64_t texts = waiting_texts();
  for (auto waiting = waiting_.rbegin(); waiting != waiting_.rend(); ++waiting) {
    Row row = waiting->row();
    if (!row.fault) {
      const Answer& text = classifier_.waiting(--texts);
      row.input = {text.text, text.pair};
      row.mended = row.mended || text.replaced;
    }
    rows_.put_back(keep_row(row));
  }
  return {};
}

Status RowRunner::take(const Row& row) { return row.fault ? fault(row, *row.fault) : add(row); }

Status RowRunner::add(const Row& row) {
  auto added = classifier_.add(row.input);
  if (added.ok() && *added == Classifier::Added::pass_full) {
    PLIMSOLL_CHECK(run_pass());
    added = classifier_.add(row.input);
    if (added.ok() && *added == Classifier::Added::pass_full)
      return Error{ErrorCode::internal, "an empty pass is full", "run", "please report this"};
  }
  if (!added.ok()) return added.error().code == ErrorCode::bad_row ? fault(row, added.error()) : Status(added.error());
  return wait({row.index, row.line, std::string(row.id), row.mended});
}

std::size_t RowRunner::Waiting::bytes() const {
  return id.size() + (fault ? sizeof(Waiting) + sizeof(Error) + fault->what.size() + fault->where.size() + fault->advice.size() : 0);
}

std::int64_t RowRunner::waiting_texts() const {
  return std::ranges::count_if(waiting_, [](const Waiting& row) { return !row.fault; });
}

Status RowRunner::wait(Waiting row) {
  waiting_bytes_ += row.bytes();
  waiting_.push_back(std::move(row));
  in_hand_ = false;
  return waiting_bytes_ > kMostWaitingBytes ? run_pass() : Status();
}

// As a filter: whether somebody waits for what is there.
bool RowRunner::owes_answers() const { return rows_.is_stream() && (classifier_.pending() > 0 || context_.output.buffered()); }

Result<Got> RowRunner::next_row() {
  const bool owes = owes_answers();
  if (rows_.is_stream() && !owes) notice_.enter("waiting");
  auto got = rows_.next(row_, owes ? kPauseMilliseconds : kFitMilliseconds);
  if (!got.ok() || *got != Got::paused) notice_.enter("running");
  return got;
}

void RowRunner::show_progress() {
  bar_.answered(statistics_.rows - static_cast<std::int64_t>(waiting_.size()), statistics_.tokens_per_second());
}

// Told in its place among the answers: no pass is run for it, unless it is the last.
Status RowRunner::fault(const Row& row, const Error& error) {
  const bool ends = context_.options.fail_fast;
  if (ends) PLIMSOLL_CHECK(run_pass());
  if (!waiting_.empty()) return wait({row.index, row.line, std::string(row.id), row.mended, std::make_unique<const Error>(error)});
  report(row, error);
  in_hand_ = false;
  if (ends || to_terminal_) PLIMSOLL_CHECK(context_.output.flush());
  return ends ? Status(stopped_at(row, error)) : Status();
}

void RowRunner::report(const Row& row, const Error& error) {
  ++statistics_.bad_rows;
  writer_.fault(row, error);
  rows_.answered_before(row.index + 1);
}

void RowRunner::answer(const Waiting& row, Answer answer) {
  answer.replaced = answer.replaced || row.mended;
  if (answer.replaced) statistics_.replaced.add(row.index, row.line);
  writer_.answer(row.index, row.id, answer);
  statistics_.tokens += static_cast<std::int64_t>(answer.input_ids.size());
  statistics_.truncated += answer.truncated ? 1 : 0;
  rows_.answered_before(row.index + 1);
}

Status RowRunner::run_pass() {
  if (waiting_.empty()) return {};
  PLIMSOLL_TRY(const std::span<const Answer> answers, classifier_.run());
  if (answers.size() != static_cast<std::size_t>(waiting_texts()))
    return Error{ErrorCode::internal, "a pass lost a text", "run", "please report this"};
  auto next = answers.begin();
  for (const Waiting& row : waiting_) {
    if (row.fault) report(row.row(), *row.fault);
    else answer(row, *next++);
  }
  waiting_.clear();
  waiting_bytes_ = 0;
  const bool first = statistics_.first_result_seconds == 0;
  if (first) statistics_.first_result_seconds = statistics_.recorder.seconds();
  return first || to_terminal_ ? context_.output.flush() : Status();
}

}  // namespace plimsoll::cli
