#include "rows/unanswered_rows.h"

#include <iterator>
#include <utility>

namespace plimsoll::cli {

KeptRow keep_row(const Row& row) {
  KeptRow kept{row.index, row.line, std::string(row.id), std::string(row.input.text), std::nullopt, row.mended, row.fault};
  if (row.input.pair) kept.pair = std::string(*row.input.pair);
  return kept;
}

Result<Got> UnansweredRows::next(Row& row, int patience_ms) {
  if (!kept_.empty()) {
    current_ = std::move(kept_.front());
    kept_.pop_front();
    row = Row{current_.index, current_.line, current_.id, {current_.text, current_.pair}, current_.fault, current_.mended};
    return Got::one;
  }
  for (;;) {
    PLIMSOLL_TRY(const Got got, rows_.next(row, patience_ms));
    if (got != Got::one || row.index >= first_) return got;
  }
}

void UnansweredRows::put_back(std::vector<KeptRow> rows) {
  kept_.insert(kept_.begin(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
}

Bytes UnansweredRows::held() const {
  Bytes sum = rows_.held();
  for (const KeptRow& row : kept_) sum += row.size();
  return sum;
}

}  // namespace plimsoll::cli
