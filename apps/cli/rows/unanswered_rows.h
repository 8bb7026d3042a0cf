#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "rows/row_source.h"

namespace plimsoll::cli {

/// A row with bytes of its own.
struct KeptRow {
  std::int64_t index = 0;
  std::int64_t line = 0;
  std::string id;
  std::string text;
  std::optional<std::string> pair;
  bool mended = false;
  std::unique_ptr<const Error> fault;  ///< apart: there are thousands of rows, and errors are large

  Bytes size() const;
};

KeptRow keep_row(const Row& row);

/// The rows of a source that no model has answered yet: another model goes on where the one before it ended. Rows that can be read again
/// are; those of a stream are put back by whoever took them.
class UnansweredRows final : public RowSource {
 public:
  /// `rows` outlives it.
  explicit UnansweredRows(RowSource& rows) : rows_(rows) {}

  /// Also of a stream, for its rows that were put back.
  Result<Got> next(Row& row, int patience_ms) override;
  /// To the first row that is not answered.
  Status rewind() override { return rows_.rewind(); }
  bool is_stream() const override { return rows_.is_stream(); }
  void set_longest(std::size_t bytes) override { rows_.set_longest(bytes); }
  std::string_view beginning() const override { return rows_.beginning(); }

  /// Every row before this one is answered or reported, and will not be seen again.
  void answered_before(std::int64_t index) { first_ = index; }
  std::int64_t first() const { return first_; }

  /// Of a stream: a row that was taken and not answered. It comes first from now on: the last of several is put back first.
  void put_back(KeptRow row) { kept_.push_front(std::move(row)); }
  /// Memory of the process that rows which were put back take, and no plan counts.
  Bytes held() const;

 private:
  RowSource& rows_;
  std::int64_t first_ = 0;
  std::deque<KeptRow> kept_;
  KeptRow current_;
};

}  // namespace plimsoll::cli
