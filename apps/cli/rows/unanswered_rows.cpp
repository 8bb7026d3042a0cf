#include "rows/unanswered_rows.h"

#include <utility>

namespace plimsoll::cli {

KeptRow keep_row(const Row& row) {
  KeptRow kept{row.index, row.line, std::string(row.id), std::string(row.input.text), std::nullopt, row.mended, nullptr};
  if (row.fault) kept.fault = std::make_unique<const Error>(*row.fault);
  if (row.input.pair) kept.pair = std::string(*row.input.pair);
  return kept;
}

Bytes KeptRow::size() const {
  return Bytes{sizeof(KeptRow) + id.size() + text.size() + (pair ? pair->size() : 0) + (fault ? sizeof(Error) : 0)};
}

Result<Got> UnansweredRows::next(Row& row, int patience_ms) {
  if (!kept_.empty()) {
    current_ = std::move(kept_.front());
    kept_.pop_front();
    row = Row{current_.index, current_.line, current_.id, {current_.text, current_.pair}, std::nullopt, current_.mended};
    if (current_.fault) row.fault = *current_.fault;
    return Got::one;
  }
  for (;;) {
    PLIMSOLL_TRY(const Got got, rows_.next(row, patience_ms));
    if (got != Got::one || row.index >= first_) return got;
  }
}

Bytes UnansweredRows::held() const {
  Bytes sum;
  for (const KeptRow& row : kept_) sum += row.size();
  return sum;
}

}  // namespace plimsoll::cli
