#include "tokenizer/encoder.h"

#include <algorithm>

#include "tokenizer/unicode/unicode.h"
#include "tokenizer/unicode/utf8.h"

namespace plimsoll::tokenizer {

namespace {

/// Walks over a text once, cutting it at raw added tokens.
class RawText {
  static constexpr std::size_t kWindow = 4096;

 public:
  RawText(const AddedTokens& tokens, std::string_view text, CharStage& head, TokenSink& sink, const CancelToken* cancel)
      : tokens_(tokens), text_(text), head_(head), sink_(sink), cancel_(cancel) {}

  void run() {
    std::size_t search = 0;
    std::size_t window = std::min(kWindow, text_.size());  // tokens are looked for up to here, so that nobody reads far ahead
    while (!sink_.full() && tokens_.raw().size() > 0) {
      if (const auto match = tokens_.next_raw(text_, search, window)) {
        search = match->end;
        if (!match->token->single_word || stands_alone(*match)) take(*match);
        look();
      } else if (window == text_.size()) {
        break;
      } else {
        send(before_whitespace(window));
        search = std::max(search, window);
        const std::size_t held = window > done_ ? window - done_ : 0;
        window = std::min(text_.size(), window + std::max(kWindow, held));
        look();
      }
    }
    feed(text_.size());
  }

 private:
  bool stands_alone(const AddedTokens::Match& match) const {
    const bool word_before = match.start > 0 && unicode::is_word(point_before(match.start));
    const bool word_behind = match.end < text_.size() && unicode::is_word(utf8::decode(text_, match.end).point);
    return !word_before && !word_behind;
  }

  void take(const AddedTokens::Match& match) {
    std::size_t start = match.start;
    std::size_t end = match.end;
    if (match.token->lstrip) start = before_whitespace(start);
    if (match.token->rstrip)
      while (end < text_.size() && unicode::is_whitespace(utf8::decode(text_, end).point)) end += utf8::decode(text_, end).size;
    feed(start);
    if (sink_.full()) return;
    const std::uint32_t first = index_of(start);
    const std::uint32_t last = index_of(end);
    sink_.add({match.token->id, first, last}, text_.substr(start, end - start));
    done_ = end;
  }

  /// Where the white space begins that ends at byte `end`, as far as it has not been sent on.
  std::size_t before_whitespace(std::size_t end) const {
    while (end > done_ && unicode::is_whitespace(point_before(end))) end = utf8::start_of_last(text_, end);
    return end;
  }

  /// Sends [done_, end) on its way.
  void send(std::size_t end) {
    if (end <= done_) return;
    std::uint32_t index = index_of(done_);
    while (done_ < end && !sink_.full()) {
      const std::size_t stretch = std::min(end, done_ + kWindow);
      while (done_ < stretch && !sink_.full()) {
        const utf8::Decoded decoded = utf8::decode(text_, done_);
        head_.feed({decoded.point, index++});
        done_ += decoded.size;
      }
      look();
    }
    known_ = done_;
    known_index_ = index;
    sent_ = true;
  }

  /// Sends [done_, end) and ends the stretch.
  void feed(std::size_t end) {
    send(end);
    if (sent_ && !sink_.full()) head_.cut();
    sent_ = false;
  }

  void look() {
    if (cancel_ != nullptr && cancel_->cancelled()) sink_.stop();
  }

  char32_t point_before(std::size_t end) const { return utf8::decode(text_, utf8::start_of_last(text_, end)).point; }

  /// Code points before byte `at`, counted on from where it was known last.
  std::uint32_t index_of(std::size_t at) {
    if (at < known_) known_ = known_index_ = 0;
    while (known_ < at) {
      known_ += utf8::decode(text_, known_).size;
      ++known_index_;
    }
    return known_index_;
  }

  const AddedTokens& tokens_;
  std::string_view text_;
  CharStage& head_;
  TokenSink& sink_;
  const CancelToken* cancel_;
  std::size_t done_ = 0;  // bytes that have been sent on
  bool sent_ = false;     // since the last cut
  std::size_t known_ = 0;
  std::uint32_t known_index_ = 0;
};

}  // namespace

void encode_text(const Parts& parts, std::string_view text, TokenSink& sink, std::pmr::memory_resource* memory, const CancelToken* cancel) {
  StageList stages(memory);
  CharStage& model = parts.model->attach(stages, sink);
  CharStage& split = attach_all(parts.pre_tokenizers, stages, model);
  CharStage& added = parts.tables.added().attach(stages, split, sink);
  RawText(parts.tables.added(), text, attach_all(parts.normalizers, stages, added), sink, cancel).run();
}

}  // namespace plimsoll::tokenizer
