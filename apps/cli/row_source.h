#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/classifier.h>
#include <plimsoll/gate.h>

#include "line_reader.h"
#include "options.h"

namespace plimsoll::cli {

/// One text, or the reason why there is none. Views are valid until the next call.
struct Row {
  std::int64_t index = 0;  ///< counted from 0, bad rows included, blank lines of JSON Lines not
  std::string_view id;     ///< a JSON scalar, or empty
  TextInput input;
  std::optional<Error> fault;  ///< bad_row
  bool mended = false;         ///< `input` was not UTF-8 when it was read first
};

/// Rows one after the other, from arguments, a file or a pipe. Holds one row, never more.
class RowSource {
 public:
  virtual ~RowSource() = default;

  /// `paused` when nothing arrived for `patience_ms` (negative: waits). Fails with `io` or `cancelled`.
  virtual Result<Got> next(Row& row, int patience_ms) = 0;
  /// Starts again from the first row. Only where `is_stream()` is false.
  virtual Status rewind() = 0;
  /// What it holds is known only as it arrives: a pipe, or standard input.
  virtual bool is_stream() const = 0;
  /// Rows of more bytes than this become faults.
  virtual void set_longest(std::size_t bytes) = 0;
};

/// Rows of a request: its arguments, --input, or standard input when that is not a terminal. Nothing (a null pointer) when there is
/// none. Fails with not_found. `gate`, `cancel` and `options` must outlive the result.
Result<std::unique_ptr<RowSource>> open_rows(const Options& options, Gate& gate, const CancelToken& cancel, bool read_stdin);

}  // namespace plimsoll::cli
