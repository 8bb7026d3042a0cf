#include "rows/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

namespace plimsoll::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
// How often a read that waits looks whether it should stop: a signal may come between the look and the wait.
constexpr int kLookMilliseconds = 200;

}  // namespace

LineReader::LineReader(int fd, std::string name, Gate& gate, const CancelToken& cancel, std::size_t longest)
    : fd_(fd), name_(std::move(name)), gate_(&gate), cancel_(&cancel), longest_(longest), block_(std::make_unique<char[]>(kBlockBytes)) {}

void LineReader::restart() {
  begin_ = end_ = beginning_size_ = 0;
  delivered_ = true;
  release();
  skipping_ = started_ = inside_ = ended_ = false;
}

void LineReader::release() {
  if (!delivered_) return;
  kept_.clear(2 * kBlockBytes);
}

Result<Got> LineReader::fill(Patience& patience) {
  for (;;) {
    if (cancel_->cancelled()) return Error{ErrorCode::cancelled, "stopped on request", name_, {}};
    const std::optional<int> most = patience.is_endless() ? kLookMilliseconds : patience.wait();
    if (!most) return Got::paused;
    pollfd waiting{fd_, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, *most);
    if (ready == 0 && !patience.is_endless()) return Got::paused;
    if (ready == 0) continue;
    // A signal may have come together with the last bytes or the end: it counts.
    if ((ready < 0 && errno == EINTR) || cancel_->cancelled()) continue;
    errno = EIO;
    if (begin_ == end_) begin_ = end_ = 0;
    const ssize_t got = gate_->admit(Acquisition::read, "LineReader::fill") ? ::read(fd_, block_.get() + end_, kBlockBytes - end_) : -1;
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return Error{ErrorCode::io, "cannot read: " + std::system_category().message(errno), name_, "check the input"};
    remember_beginning({block_.get() + end_, static_cast<std::size_t>(got)});
    end_ += static_cast<std::size_t>(got);
    return got == 0 ? Got::end : Got::one;
  }
}

void LineReader::remember_beginning(std::string_view bytes) {
  const std::size_t size = std::min(bytes.size(), beginning_.size() - beginning_size_);
  std::copy_n(bytes.begin(), size, beginning_.begin() + static_cast<std::ptrdiff_t>(beginning_size_));
  beginning_size_ += size;
}

void LineReader::keep(std::string_view piece) {
  if (delivered_) {
    kept_.clear(2 * kBlockBytes);
    delivered_ = false;
  }
  if (skipping_) return;
  if (piece.size() > longest_ - std::min(longest_, kept_.size()) || !kept_.append(piece)) {
    skipping_ = true;
    kept_.release();
  }
}

// The mark may arrive in parts.
bool LineReader::past_mark() {
  if (started_) return true;
  const std::string_view have(block_.get() + begin_, end_ - begin_);
  if (!ended_ && have.size() < kByteOrderMark.size() && kByteOrderMark.starts_with(have)) return false;
  if (have.starts_with(kByteOrderMark)) begin_ += kByteOrderMark.size();
  started_ = true;
  return true;
}

void LineReader::take_piece(Piece& piece) {
  const char* start = block_.get() + begin_;
  const void* newline = std::memchr(start, '\n', end_ - begin_);
  const std::size_t length = newline == nullptr ? end_ - begin_ : static_cast<std::size_t>(static_cast<const char*>(newline) - start);
  inside_ = newline == nullptr;
  begin_ += inside_ ? length : length + 1;
  piece = {{start, length}, !inside_, !inside_};
}

Result<Got> LineReader::next_piece(Piece& piece, Patience& patience) {
  for (;;) {
    if (past_mark() && begin_ < end_) {
      take_piece(piece);
      return Got::one;
    }
    if (ended_) {
      piece = {{}, true, false};
      return std::exchange(inside_, false) ? Got::one : Got::end;
    }
    PLIMSOLL_TRY(const Got got, fill(patience));
    if (got == Got::paused) return got;
    ended_ = got == Got::end;
  }
}

void LineReader::finish(Line& line, const Piece& last) {
  line.text = last.bytes;
  if (!delivered_ || last.bytes.size() > longest_) {
    keep(last.bytes);
    line.text = kept_.view();
  }
  line.too_long = skipping_;
  if (skipping_) line.text = {};
  if (last.newline && line.text.ends_with('\r')) line.text.remove_suffix(1);
  skipping_ = false;
  delivered_ = true;
}

Result<Got> LineReader::next(Line& line, int patience_ms) {
  Patience patience(patience_ms);
  line = {};
  release();
  for (;;) {
    Piece piece;
    PLIMSOLL_TRY(const Got got, next_piece(piece, patience));
    if (got != Got::one) return got;
    if (piece.ends) {
      finish(line, piece);
      return got;
    }
    keep(piece.bytes);
  }
}

}  // namespace plimsoll::cli
