#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/classifier.h>

#include "process/watcher.h"
#include "report/report.h"
#include "rows/answer_writer.h"
#include "rows/unanswered_rows.h"
#include "session/context.h"
#include "session/run_notice.h"
#include "terminal/progress.h"

namespace plimsoll::cli {

/// Rows in, answers out, in order.
class RowRunner {
 public:
  struct Parts {
    UnansweredRows& rows;
    Classifier& classifier;
    MemoryWatcher& memory;  ///< of the classifier's session
    const Model& model;
    RunStatistics& statistics;
    RowBar& bar;
    RunNotice& notice;
  };

  /// All must outlive the runner.
  RowRunner(Context& context, const Parts& parts);

  /// Until the rows end. Fails with what ends a run; bad rows do not. Then `rows` knows which are answered.
  Status run();
  /// After a failure for want of memory, before the session goes: rows that were taken and not answered come again, those of a stream given
  /// back to it, others read once more.
  Status put_back();

 private:
  /// A row that waits for its pass, or one that cannot be used for those before it.
  struct Waiting {
    std::int64_t index = 0;
    std::int64_t line = 0;
    std::string id;
    bool mended = false;
    std::unique_ptr<const Error> fault = nullptr;  ///< apart: there are thousands of rows, and errors are large

    Row row() const { return {index, line, id, {}, fault ? std::optional(*fault) : std::nullopt, mended}; }
    std::size_t bytes() const;
  };
  std::int64_t waiting_texts() const;

  Status take(const Row& row);
  Status add(const Row& row);
  Status fault(const Row& row, const Error& error);
  Status wait(Waiting row);
  Status run_pass();
  void answer(const Waiting& row, Answer answer);
  void report(const Row& row, const Error& error);
  bool owes_answers() const;
  Result<Got> next_row();
  void show_progress();

  Context& context_;
  UnansweredRows& rows_;
  Classifier& classifier_;
  MemoryWatcher& memory_;
  AnswerWriter writer_;
  RunStatistics& statistics_;
  RowBar& bar_;
  RunNotice& notice_;
  bool to_terminal_;  ///< then only whole lines are printed, or the bar would be drawn behind half of one
  Row row_;
  bool in_hand_ = false;  ///< `row_` was taken, and neither waits nor is reported
  std::vector<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace plimsoll::cli
