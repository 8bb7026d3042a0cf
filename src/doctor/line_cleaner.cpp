#include "doctor/line_cleaner.h"

#include <algorithm>

namespace plimsoll::doctor {
namespace {

constexpr char kEscape = '\x1b';
constexpr char kBell = '\a';
// A sequence that does not end is taken for text again after so many bytes.
constexpr std::size_t kLongestSequence = 256;

/// Bytes of UTF-8 that `text` begins with and that are as good as a blank: U+00A0, and U+2500 to U+257F.
std::size_t blank_size(std::string_view text) {
  if (text.starts_with("\xC2\xA0")) return 2;
  return text.size() > 2 && (text.starts_with("\xE2\x94") || text.starts_with("\xE2\x95")) ? 3 : 0;
}

void blank_out(std::string& line) {
  std::size_t to = std::min(line.size(), line.find_first_of("\xC2\xE2"));
  for (std::size_t from = to; from < line.size(); ++to) {
    const std::size_t blank = blank_size(std::string_view(line).substr(from));
    line[to] = blank > 0 ? ' ' : line[from];
    from += std::max<std::size_t>(blank, 1);
  }
  line.resize(to);
}

}  // namespace

LineCleaner::LineCleaner() {
  for (std::size_t byte = 0x20; byte < plain_.size(); ++byte) plain_[byte] = byte != 0x7F;
  line_.reserve(kLongestPiece);
}

bool LineCleaner::next(std::string_view& bytes, Piece& piece) {
  if (given_) {
    line_.clear();
    given_ = false;
    number_ += feeds_;
    feeds_ = 0;
  }
  while (!bytes.empty()) {
    if (inside_ == Inside::text) {
      const std::size_t room = std::min(bytes.size(), kLongestPiece - line_.size());
      std::size_t plain = 0;
      while (plain < room && plain_[static_cast<unsigned char>(bytes[plain])]) ++plain;
      const bool writes = plain > 0 || bytes[0] == '\t';
      if (writes && backspaces_ > 0 && go_back()) return give(piece);
      line_.append(bytes.substr(0, plain));
      bytes.remove_prefix(plain);
      if (line_.size() == kLongestPiece) return give(piece);
      if (bytes.empty()) return false;
    }
    const char byte = bytes[0];
    bytes.remove_prefix(1);
    if (take(byte)) return give(piece);
  }
  return false;
}

bool LineCleaner::last(Piece& piece) {
  if (given_) {
    line_.clear();
    number_ += feeds_;
    feeds_ = 0;
  }
  if (line_.empty()) return false;
  return give(piece);
}

bool LineCleaner::give(Piece& piece) {
  given_ = true;
  backspaces_ = 0;
  blank_out(line_);
  piece = {line_, number_};
  return true;
}

// True when nothing of the line stays before what comes next.
bool LineCleaner::go_back() {
  const auto begins_character = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80; };
  std::size_t left = line_.size();
  for (; left > 0 && backspaces_ > 0; --left) backspaces_ -= begins_character(line_[left - 1]) ? 1 : 0;
  backspaces_ = 0;
  if (left == 0) return !line_.empty();
  line_.resize(left);
  return false;
}

// True when a line ends that has something in it.
bool LineCleaner::take(char byte) {
  if (inside_ != Inside::text) return take_inside(byte);
  switch (byte) {
    case '\n':
      if (line_.empty()) ++number_;
      else feeds_ = 1;
      return !line_.empty();
    case '\r': return !line_.empty();
    case '\t': line_ += ' '; break;
    case '\b': ++backspaces_; break;
    case kEscape:
      inside_ = Inside::escape;
      inside_bytes_ = 0;
      break;
    default: break;
  }
  return false;
}

LineCleaner::Inside LineCleaner::behind_escape(char byte) {
  // Device controls, operating system commands, privacy messages, applications' commands and plain strings end alike.
  static constexpr std::string_view kStrings = "P]^_X";
  if (byte == '[') return Inside::sequence;
  if (kStrings.find(byte) != std::string_view::npos) return Inside::string;
  return byte >= 0x20 && byte <= 0x2F ? Inside::escape : Inside::text;
}

bool LineCleaner::take_inside(char byte) {
  // No sequence holds a line end: one that is cut gives the line back.
  if (byte == '\n' || ++inside_bytes_ > kLongestSequence) {
    inside_ = Inside::text;
    return byte == '\n' && take(byte);
  }
  switch (inside_) {
    case Inside::escape: inside_ = behind_escape(byte); break;
    case Inside::sequence:
      if (byte >= 0x40 && byte <= 0x7E) inside_ = Inside::text;
      break;
    case Inside::string:
      if (byte == kBell) inside_ = Inside::text;
      else if (byte == kEscape) inside_ = Inside::string_escape;
      break;
    default: inside_ = Inside::text; break;
  }
  return false;
}

}  // namespace plimsoll::doctor
