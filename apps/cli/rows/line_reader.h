#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <plimsoll/cancel.h>
#include <plimsoll/gate.h>
#include <plimsoll/result.h>

#include "rows/growing_bytes.h"
#include "rows/patience.h"

namespace plimsoll::cli {

/// What a source had when it was asked for its next row or line.
enum class Got : std::uint8_t { one, paused, end };

/// Lines of a file or pipe. Only \n and \r\n end a line; a UTF-8 byte order mark at the very start is dropped; a last line
/// without an end counts if it is not empty. Memory is one block of 64 KiB and, where whole lines are asked for, one line that
/// crosses its edge, which is given back with the next.
class LineReader {
 public:
  struct Line {
    std::string_view text;  ///< valid until the next call
    bool too_long = false;  ///< longer than `longest`: skipped, `text` is empty
  };

  struct Piece {
    std::string_view bytes;  ///< valid until the next call; may be empty where a line ends
    bool ends = false;       ///< the line ends behind them
    bool newline = false;    ///< with \n (a \r before it is among the bytes), not with the file
  };

  static constexpr std::size_t kBlockBytes = 64U << 10U;

  /// `fd` is borrowed. `name` is for errors. `gate` and `cancel` must outlive the reader.
  LineReader(int fd, std::string name, Gate& gate, const CancelToken& cancel, std::size_t longest);

  /// `paused` when nothing arrived for `patience_ms`, or no whole line in a tenth of a second; negative waits for ever. Fails with `io` or
  /// `cancelled`.
  Result<Got> next(Line& line, int patience_ms);
  /// Likewise the next piece of a line, as it comes. Not in the midst of a line that `next` has paused in.
  Result<Got> next_piece(Piece& piece, Patience& patience);

  void set_longest(std::size_t bytes) { longest_ = bytes; }
  /// The first bytes that were read, up to four.
  std::string_view beginning() const { return {beginning_.data(), beginning_size_}; }
  /// Starts anew after the file has been rewound.
  void restart();

 private:
  void release();
  Result<Got> fill(Patience& patience);
  void remember_beginning(std::string_view bytes);
  bool past_mark();
  void take_piece(Piece& piece);
  void keep(std::string_view piece);
  void finish(Line& line, const Piece& last);

  int fd_;
  std::string name_;
  Gate* gate_;
  const CancelToken* cancel_;
  std::size_t longest_;
  std::unique_ptr<char[]> block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::array<char, 4> beginning_{};
  std::size_t beginning_size_ = 0;
  GrowingBytes kept_;      ///< the start of a line that crosses blocks
  bool delivered_ = true;  ///< `kept_` belongs to a line that was handed out
  bool skipping_ = false;  ///< inside a line that is too long
  bool started_ = false;   ///< past where a byte order mark may be
  bool inside_ = false;    ///< a piece was given that did not end its line
  bool ended_ = false;
};

}  // namespace plimsoll::cli
