#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  std::optional<Error> fault;

  Bytes size() const { return Bytes{id.size() + text.size() + (pair ? pair->size() : 0)}; }
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

  /// Of a stream: rows that were taken and not answered, in order. They come first from now on.
  void put_back(std::vector<KeptRow> rows);
  /// With what the rows that were put back take.
  Bytes held() const override;

 private:
  RowSource& rows_;
  std::int64_t first_ = 0;
  std::deque<KeptRow> kept_;
  KeptRow current_;
};

}  // namespace plimsoll::cli
