#include "json/json_reader.h"

#include <array>
#include <cmath>
#include <exception>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/letters.h"

namespace plimsoll {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{64} << 10U;

/// Gives the next block of the text; empty at its end.
class Blocks {
 public:
  virtual ~Blocks() = default;
  virtual Result<std::string_view> next() = 0;
};

class FileBlocks final : public Blocks {
 public:
  FileBlocks(File& file, std::uint64_t first, std::uint64_t length)
      : file_(file), offset_(first), left_(length), buffer_(static_cast<std::size_t>(std::min<std::uint64_t>(length, kBufferBytes))) {}

  Result<std::string_view> next() override {
    const std::span<char> block(buffer_.data(), static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer_.size())));
    if (!block.empty()) PLIMSOLL_CHECK(file_.read(std::as_writable_bytes(block), offset_));
    offset_ += block.size();
    left_ -= block.size();
    return std::string_view(block.data(), block.size());
  }

 private:
  File& file_;
  std::uint64_t offset_;
  std::uint64_t left_;
  std::vector<char> buffer_;
};

class TextBlocks final : public Blocks {
 public:
  explicit TextBlocks(std::string_view text) : text_(text) {}
  Result<std::string_view> next() override { return std::exchange(text_, std::string_view{}); }

 private:
  std::string_view text_;
};

/// The bytes as the lexer sees them. Ends early, with `failure` set, where the text breaks a bound.
class Source {
 public:
  Source(Blocks& blocks, std::uint64_t first, const JsonLimits& limits) : blocks_(blocks), offset_(first), limits_(limits) {}

  /// Offset of the byte after the last one taken.
  std::uint64_t offset() const { return offset_; }
  const std::optional<Error>& failure() const { return failure_; }
  void fail(Error error) {
    if (!failure_) failure_ = std::move(error);
  }

  /// True when `peek` has a byte to give.
  bool ready() {
    if (peeked_) return true;
    if (failure_) return false;
    if (!fetch()) return false;
    if (!in_string_) skip_repeated_space();
    peeked_ = !failure_ && position_ < block_.size() && within_limits(block_[position_]);
    return peeked_;
  }

  char peek() const { return block_[position_]; }

  void advance() {
    track(block_[position_]);
    ++position_;
    ++offset_;
    peeked_ = false;
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
  static bool continues_number(char c) { return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'; }

  bool fetch() {
    if (position_ < block_.size()) return true;
    if (limits_.cancel != nullptr && limits_.cancel->cancelled()) {
      fail(Error{ErrorCode::cancelled, "stopped on request"});
      return false;
    }
    auto block = blocks_.next();
    if (!block.ok()) {
      fail(std::move(block).error());
      return false;
    }
    block_ = *block;
    position_ = 0;
    return !block_.empty();
  }

  void skip_repeated_space() {
    while (is_space(previous_) && is_space(block_[position_])) {
      ++position_;
      ++offset_;
      if (!fetch()) return;
    }
  }

  bool within_limits(char c) {
    // nlohmann takes a NUL for the end of the text, and skips a byte order mark.
    if (c == '\0') fail(Error{ErrorCode::corrupt_file, "not valid JSON: a NUL byte"});
    if (c == '\xEF' && !in_string_)
      fail(Error{ErrorCode::corrupt_file,
                 "not valid JSON: a byte order mark or stray character",
                 {},
                 "save it as UTF-8 without a byte order mark"});
    if (run_ >= limits_.token) fail(Error{ErrorCode::corrupt_file, "a JSON token longer than " + format_bytes(Bytes{limits_.token})});
    return !failure_;
  }

  // `run_` is what the lexer holds on to: bytes since the last string or number began.
  void track(char c) {
    ++run_;
    if (in_string_) {
      if (escaped_) escaped_ = false;
      else if (c == '\\') escaped_ = true;
      else if (c == '"') in_string_ = false;
    } else if (c == '"') {
      in_string_ = true;
      run_ = 0;
    } else if ((is_digit(c) || c == '-') && !continues_number(previous_)) {
      run_ = 0;
    }
    previous_ = c;
  }

  Blocks& blocks_;
  std::uint64_t offset_;
  const JsonLimits& limits_;
  std::string_view block_;
  std::size_t position_ = 0;
  std::size_t run_ = 0;
  std::optional<Error> failure_;
  char previous_ = '\n';
  bool in_string_ = false;
  bool escaped_ = false;
  bool peeked_ = false;
};

/// What nlohmann reads from: all copies share one Source; one without a Source is the end.
class SourceIterator {
 public:
  // NOLINTBEGIN(readability-identifier-naming): the standard's names.
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;
  using iterator_category = std::input_iterator_tag;
  // NOLINTEND(readability-identifier-naming)

  explicit SourceIterator(Source* source) : source_(source) {}
  char operator*() const { return source_->peek(); }
  SourceIterator& operator++() {
    source_->advance();
    return *this;
  }
  bool operator!=(const SourceIterator& /*end*/) const { return source_->ready(); }
  bool operator==(const SourceIterator& /*end*/) const { return !source_->ready(); }

 private:
  Source* source_;
};

// "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while parsing value - invalid
// literal; last read: 'nul,'" without its own position, which counts what the Source left out.
std::string reason_of(std::string_view text) {
  static constexpr std::string_view kStart = "syntax error ";
  if (const auto at = text.find(kStart); at != std::string_view::npos) text.remove_prefix(at + kStart.size());
  else if (const auto close = text.find("] "); close != std::string_view::npos) text.remove_prefix(close + 2);
  return printable(text, 120);
}

/// nlohmann's callbacks, handed on.
class Events final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Events(JsonHandler& handler, Source& source, const JsonLimits& limits) : handler_(handler), source_(source), limits_(limits) {}

  bool null() override { return pass(handler_.on_null()); }
  bool boolean(bool value) override { return pass(handler_.on_bool(value)); }
  bool number_integer(number_integer_t value) override { return pass(handler_.on_integer(value)); }
  bool number_unsigned(number_unsigned_t value) override { return pass(handler_.on_unsigned(value)); }
  bool number_float(number_float_t value, const string_t& /*text*/) override { return pass(handler_.on_number(value)); }
  bool string(string_t& value) override { return pass(handler_.on_string(value)); }
  bool key(string_t& value) override { return pass(handler_.on_key(value)); }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return enter() && pass(handler_.begin_object()); }
  bool start_array(std::size_t /*size*/) override { return enter() && pass(handler_.begin_array()); }
  bool end_object() override { return --depth_, pass(handler_.end_object()); }
  bool end_array() override { return --depth_, pass(handler_.end_array()); }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const nlohmann::detail::exception& error) override {
    return pass(Error{ErrorCode::corrupt_file, "not valid JSON: " + reason_of(error.what())});
  }

 private:
  bool pass(Status status) {
    if (!status.ok()) source_.fail(std::move(status).error());
    return !source_.failure();
  }

  bool enter() {
    if (++depth_ <= limits_.depth) return true;
    return pass(Error{ErrorCode::corrupt_file, "JSON nested deeper than " + std::to_string(limits_.depth) + " levels"});
  }

  JsonHandler& handler_;
  Source& source_;
  const JsonLimits& limits_;
  std::size_t depth_ = 0;
};

Status read_blocks(Blocks& blocks, std::uint64_t first, std::string_view name, const JsonLimits& limits, JsonHandler& handler) {
  Source source(blocks, first, limits);
  Events events(handler, source, limits);
  try {
    nlohmann::json::sax_parse(SourceIterator(&source), SourceIterator(nullptr), &events);
  } catch (const std::exception& thrown) {
    source.fail(Error{ErrorCode::out_of_memory, "cannot hold a JSON token: " + std::string(thrown.what())});
  }
  if (!source.failure()) return {};
  Error error = *source.failure();
  if (error.where.empty()) error.where = std::string(name) + " at byte " + std::to_string(source.offset());
  if (error.code == ErrorCode::corrupt_file && error.advice.empty()) error.advice = "correct the file, or get it again";
  return error;
}

}  // namespace

Status read_json(File& file, std::uint64_t first, std::uint64_t length, const JsonLimits& limits, JsonHandler& handler) {
  FileBlocks blocks(file, first, length);
  return read_blocks(blocks, first, file.path(), limits, handler);
}

Status read_json(std::string_view text, std::string_view name, const JsonLimits& limits, JsonHandler& handler) {
  TextBlocks blocks(text);
  return read_blocks(blocks, 0, name, limits, handler);
}

}  // namespace plimsoll
