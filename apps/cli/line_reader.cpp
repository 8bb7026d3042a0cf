#include "line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace plimsoll::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
// How often a read that waits looks whether it should stop: a signal may come between the look and the wait.
constexpr int kLookMilliseconds = 200;

}  // namespace

bool GrowingBytes::append(std::string_view piece) {
  if (piece.empty()) return true;
  if (piece.size() > capacity_ - size_) {
    const std::size_t capacity = size_ + std::max(piece.size(), size_ / 4);
    auto* data = static_cast<char*>(std::realloc(data_.get(), capacity));
    if (data == nullptr) return false;
    (void)data_.release();
    data_.reset(data);
    capacity_ = capacity;
  }
  std::memcpy(data_.get() + size_, piece.data(), piece.size());
  size_ += piece.size();
  return true;
}

void GrowingBytes::release() {
  data_.reset();
  size_ = capacity_ = 0;
}

LineReader::LineReader(int fd, std::string name, Gate& gate, const CancelToken& cancel, std::size_t longest)
    : fd_(fd), name_(std::move(name)), gate_(&gate), cancel_(&cancel), longest_(longest), block_(std::make_unique<char[]>(kBlockBytes)) {}

void LineReader::restart() {
  begin_ = end_ = 0;
  delivered_ = true;
  release();
  skipping_ = started_ = false;
}

void LineReader::release() {
  if (!delivered_) return;
  if (kept_.capacity() > 2 * kBlockBytes) kept_.release();
  kept_.clear();
}

Result<Got> LineReader::fill(int patience_ms) {
  int waited = 0;
  for (;;) {
    if (cancel_->cancelled()) return Error{ErrorCode::cancelled, "stopped on request", name_, {}};
    pollfd waiting{fd_, POLLIN, 0};
    const int slice = patience_ms < 0 ? kLookMilliseconds : std::min(kLookMilliseconds, patience_ms - waited);
    const int ready = ::poll(&waiting, 1, slice);
    if (ready == 0) {
      waited += slice;
      if (patience_ms >= 0 && waited >= patience_ms) return Got::paused;
      continue;
    }
    // A signal may have come together with the last bytes or the end: it counts.
    if ((ready < 0 && errno == EINTR) || cancel_->cancelled()) continue;
    errno = EIO;
    const ssize_t got = gate_->admit(Acquisition::read) ? ::read(fd_, block_.get(), kBlockBytes) : -1;
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return Error{ErrorCode::io, "cannot read: " + std::system_category().message(errno), name_, "check the input"};
    begin_ = 0;
    end_ = static_cast<std::size_t>(got);
    return got == 0 ? Got::end : Got::one;
  }
}

void LineReader::keep(std::string_view piece) {
  if (delivered_) {
    kept_.clear();
    delivered_ = false;
  }
  if (skipping_) return;
  if (piece.size() > longest_ - std::min(longest_, kept_.size()) || !kept_.append(piece)) {
    skipping_ = true;
    kept_.release();
  }
}

void LineReader::finish(Line& line, std::string_view last) {
  if (!delivered_ || last.size() > longest_) {
    keep(last);
    last = kept_.view();
  }
  line.too_long = skipping_;
  line.text = skipping_ ? std::string_view() : last;
  skipping_ = false;
  delivered_ = true;
}

bool LineReader::take_line(Line& line) {
  const char* start = block_.get() + begin_;
  const void* newline = std::memchr(start, '\n', end_ - begin_);
  if (newline == nullptr) {
    if (begin_ < end_) keep({start, end_ - begin_});
    begin_ = end_;
    return false;
  }
  const auto length = static_cast<std::size_t>(static_cast<const char*>(newline) - start);
  begin_ += length + 1;
  finish(line, {start, length});
  if (line.text.ends_with('\r')) line.text.remove_suffix(1);
  return true;
}

Result<Got> LineReader::next(Line& line, int patience_ms) {
  line = {};
  release();
  for (;;) {
    const bool taken = begin_ < end_ && take_line(line);
    if (taken && !started_ && line.text.starts_with(kByteOrderMark)) line.text.remove_prefix(kByteOrderMark.size());
    started_ |= taken;
    if (taken) return Got::one;
    PLIMSOLL_TRY(const Got got, fill(patience_ms));
    if (got == Got::paused) return got;
    if (got == Got::one) continue;
    if (delivered_) return Got::end;
    finish(line, {});
    if (!started_ && line.text.starts_with(kByteOrderMark)) line.text.remove_prefix(kByteOrderMark.size());
    started_ = true;
    if (line.text.empty() && !line.too_long) return Got::end;
    return Got::one;
  }
}

}  // namespace plimsoll::cli
