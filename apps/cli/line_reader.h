#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <plimsoll/gate.h>
#include <plimsoll/result.h>
#include <plimsoll/session.h>

namespace plimsoll::cli {

/// What a source had when it was asked for its next row or line.
enum class Got : std::uint8_t { one, paused, end };

/// Bytes that grow at their end. A long one is not copied to grow: its pages are moved.
class GrowingBytes {
 public:
  /// False when there is no memory; nothing has changed then.
  bool append(std::string_view piece);
  void clear() { size_ = 0; }
  /// Gives the memory back.
  void release();
  std::string_view view() const { return {data_.get(), size_}; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }

 private:
  struct Free {
    void operator()(char* data) const { std::free(data); }
  };

  std::unique_ptr<char, Free> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Lines of a file or pipe. Only \n and \r\n end a line; a UTF-8 byte order mark at the very start is dropped; a last line
/// without an end counts if it is not empty. Memory is one block of 64 KiB and, for lines that cross its edge, one line, which
/// is given back with the next.
class LineReader {
 public:
  struct Line {
    std::string_view text;  ///< valid until the next call
    bool too_long = false;  ///< longer than `longest`: skipped, `text` is empty
  };

  static constexpr std::size_t kBlockBytes = 64U << 10U;

  /// `fd` is borrowed. `name` is for errors. `gate` and `cancel` must outlive the reader.
  LineReader(int fd, std::string name, Gate& gate, const CancelToken& cancel, std::size_t longest);

  /// `paused` when nothing arrived for `patience_ms`; negative waits for ever. Fails with `io` or `cancelled`.
  Result<Got> next(Line& line, int patience_ms);

  void set_longest(std::size_t bytes) { longest_ = bytes; }
  /// Forgets the line that was handed out last: a long one gives its memory back.
  void release();
  /// Starts anew after the file has been rewound.
  void restart();

 private:
  Result<Got> fill(int patience_ms);
  bool take_line(Line& line);
  void keep(std::string_view piece);
  void finish(Line& line, std::string_view last);

  int fd_;
  std::string name_;
  Gate* gate_;
  const CancelToken* cancel_;
  std::size_t longest_;
  std::unique_ptr<char[]> block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  GrowingBytes kept_;      ///< the start of a line that crosses blocks
  bool delivered_ = true;  ///< `kept_` belongs to a line that was handed out
  bool skipping_ = false;  ///< inside a line that is too long
  bool started_ = false;
};

}  // namespace plimsoll::cli
