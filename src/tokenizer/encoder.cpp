#include "tokenizer/encoder.h"

#include <algorithm>

#include "base/utf8.h"
#include "tokenizer/unicode/unicode.h"

namespace plimsoll::tokenizer {

namespace {

/// A place in a text.
struct Place {
  std::size_t byte = 0;
  std::uint32_t index = 0;  ///< code points before it
};

/// Walks over a text once, from its beginning to its end, cutting it at raw added tokens.
class RawText {
  static constexpr std::size_t kWindow = 4096;

 public:
  RawText(const AddedTokens& tokens, std::string_view text, CharStage& head, TokenSink& sink, const CancelToken* cancel)
      : tokens_(tokens), text_(text), head_(head), sink_(sink), cancel_(cancel) {}

  void run() {
    for (std::size_t search = 0; search < text_.size() && !sink_.full();) {
      const std::size_t window = std::min(text_.size(), search + kWindow);  // tokens begin before it, so that nobody reads far ahead
      if (const auto match = tokens_.next_raw(text_, search, window)) {
        walk(match->start);
        if (!match->token->single_word || stands_alone(*match)) take(*match);
        search = std::max(match->end, at_.byte);
      } else {
        walk(window);
        search = at_.byte;
      }
      look();
    }
    walk(text_.size());
    release();
    cut();
  }

 private:
  /// Of a match that begins at `at_`.
  bool stands_alone(const AddedTokens::Match& match) const {
    const bool word_behind = match.end < text_.size() && unicode::is_word(utf8::decode(text_, match.end).point);
    return !unicode::is_word(previous_) && !word_behind;
  }

  void take(const AddedTokens::Match& match) {
    if (!match.token->lstrip) release();
    cut();
    if (sink_.full()) return;
    const Place start = sent_;
    while (at_.byte < match.end) pass(utf8::decode(text_, at_.byte));
    if (match.token->rstrip) pass_space();
    sent_ = at_;
    sink_.add({match.token->id, start.index, at_.index}, text_.substr(start.byte, at_.byte - start.byte));
  }

  /// Goes on to byte `end` and sends all on its way but the white space before it, which a token may take.
  void walk(std::size_t end) {
    while (at_.byte < end && !sink_.full()) {
      const utf8::Decoded decoded = utf8::decode(text_, at_.byte);
      const bool space = unicode::is_whitespace(decoded.point);
      if (!space && sent_.byte < at_.byte) release();
      pass(decoded);
      if (!space) send(decoded);
    }
  }

  void pass_space() {
    while (at_.byte < text_.size() && !sink_.full()) {
      const utf8::Decoded decoded = utf8::decode(text_, at_.byte);
      if (!unicode::is_whitespace(decoded.point)) return;
      pass(decoded);
    }
  }

  void pass(const utf8::Decoded& decoded) {
    at_.byte += decoded.size;
    if (++at_.index % kWindow == 0) look();
    previous_ = decoded.point;
  }

  /// Sends the white space before `at_` on its way.
  void release() {
    while (sent_.byte < at_.byte && !sink_.full()) {
      send(utf8::decode(text_, sent_.byte));
      if (sent_.index % kWindow == 0) look();
    }
  }

  void send(const utf8::Decoded& decoded) {
    head_.feed({decoded.point, sent_.index++});
    sent_.byte += decoded.size;
    cut_ = false;
  }

  /// Ends the stretch, if there is one.
  void cut() {
    if (!cut_ && !sink_.full()) head_.cut();
    cut_ = true;
  }

  void look() {
    if (cancel_ != nullptr && cancel_->cancelled()) sink_.stop();
  }

  const AddedTokens& tokens_;
  std::string_view text_;
  CharStage& head_;
  TokenSink& sink_;
  const CancelToken* cancel_;
  Place at_;
  Place sent_;             // white space stands from here to `at_`
  char32_t previous_ = 0;  // the point before `at_`
  bool cut_ = true;        // since the last point that was sent
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
