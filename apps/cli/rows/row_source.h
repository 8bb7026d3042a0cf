#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/classifier.h>
#include <plimsoll/gate.h>

#include "arguments/options.h"
#include "rows/line_reader.h"

namespace plimsoll::cli {

/// One text, or the reason why there is none. Views are valid until the next call.
struct Row {
  std::int64_t index = 0;  ///< counted from 0, bad rows included, blank lines of JSON Lines not
  std::int64_t line = 0;   ///< of the file or pipe, counted from 1; 0 for an argument
  std::string_view id;     ///< a JSON scalar, or empty
  TextInput input;
  std::optional<Error> fault;  ///< bad_row
  bool mended = false;         ///< `input` was not UTF-8 when it was read first
};

/// "row 10 (line 12)", or "row 10" of an argument, whose `line` is 0.
std::string row_name(std::int64_t index, std::int64_t line);
inline std::string row_name(const Row& row) { return row_name(row.index, row.line); }

/// Rows one after the other, from arguments, a file or a pipe. Holds one row, never more.
class RowSource {
 public:
  virtual ~RowSource() = default;

  /// `paused` when nothing arrived for `patience_ms`, or no whole row in a tenth of a second (negative: waits). Fails with `io` or
  /// `cancelled`.
  virtual Result<Got> next(Row& row, int patience_ms) = 0;
  /// Starts again from the first row. Only where `is_stream()` is false.
  virtual Status rewind() = 0;
  /// What it holds is known only as it arrives: a pipe, or standard input.
  virtual bool is_stream() const = 0;
  /// Rows of more bytes than this become faults.
  virtual void set_longest(std::size_t bytes) = 0;
  /// The first bytes of a file or pipe, up to four of those that were read.
  virtual std::string_view beginning() const = 0;
};

/// Whether the rows of --input are JSON Lines: by --jsonl, or by a name that ends in .jsonl or .ndjson.
bool reads_json_lines(const Options& options);

/// Rows of a request: its arguments, --input, or standard input when that is not a terminal. Nothing (a null pointer) when there is
/// none. Fails with not_found, and with `usage` for a .json file, which may hold anything. `gate`, `cancel` and `options` must outlive the
/// result.
Result<std::unique_ptr<RowSource>> open_rows(const Options& options, Gate& gate, const CancelToken& cancel, bool read_stdin);

}  // namespace plimsoll::cli
