#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/utf8.h"
#include "tokenizer/id_order.h"
#include "tokenizer/parts/char_list.h"
#include "tokenizer/unicode/unicode.h"

namespace plimsoll::tokenizer {

namespace {

/// Looks for normalized tokens in the stream. Held back are as many points as the longest token has and, before them, the white
/// space that a token may take from its left.
class AddedTokenStage final : public CharStage {
 public:
  AddedTokenStage(const AddedTokens& tokens, bool any_lstrip, CharStage& next, TokenSink& sink, std::pmr::memory_resource* memory)
      : tokens_(tokens), any_lstrip_(any_lstrip), next_(next), sink_(sink), space_(memory), ahead_(memory), text_(memory) {}

  void feed(Char c) override {
    ahead_.push_back(c);
    while (step(false)) {}
    trim();
  }

  void cut() override {
    while (step(true)) {}
    release_space();
    ahead_.clear();
    head_ = 0;
    previous_.reset();
    next_.cut();
  }

 private:
  struct Found {
    const AddedToken* token = nullptr;
    std::size_t end = 0;
  };

  /// Moves on by one point or token; false when more must be seen first, or all is done.
  bool step(bool final) {
    if (open_ != nullptr) return grow_right(final);
    const std::size_t available = ahead_.size() - head_;
    if (available == 0 || (!final && available <= tokens_.normalized().longest())) return false;
    if (const Found found = longest_here(); found.token != nullptr) take(found);
    else pass(head_ + 1);
    return true;
  }

  Found longest_here() const {
    const SortedStrings& patterns = tokens_.normalized();
    Found found;
    SortedStrings::Range range = patterns.all();
    for (std::size_t i = head_; i < ahead_.size() && !range.empty(); ++i) {
      std::array<char, 4> utf8{};
      const std::size_t bytes = utf8::encode(ahead_[i].point, utf8.data());
      for (std::size_t b = 0; b < bytes; ++b) patterns.narrow(range, static_cast<unsigned char>(utf8[b]));
      if (const StringEntry* entry = patterns.exact(range)) found = {&tokens_[entry->value], i + 1};
    }
    return found;
  }

  void take(const Found& found) {
    const bool word_before = space_.empty() && previous_ && unicode::is_word(*previous_);
    const bool word_behind = found.end < ahead_.size() && unicode::is_word(ahead_[found.end].point);
    if (found.token->single_word && (word_before || word_behind)) return pass(found.end);
    if (!found.token->lstrip) release_space();
    next_.cut();
    open_ = found.token;
    open_start_ = ahead_[head_].at;
    text_.clear();
    swallow_space();
    swallow(found.end);
    if (!open_->rstrip) close();
  }

  bool grow_right(bool final) {
    if (head_ == ahead_.size()) {
      if (final) close();
      return false;
    }
    if (unicode::is_whitespace(ahead_[head_].point)) swallow(head_ + 1);
    else close();
    return true;
  }

  /// Takes the white space into the open token.
  void swallow_space() {
    CharList::Cursor cursor(space_);
    Char c{};
    for (bool first = true; cursor.next(c); first = false) {
      if (first) open_start_ = c.at;
      show(c);
    }
    space_.clear();
  }

  /// Takes [head_, end) into the open token.
  void swallow(std::size_t end) {
    for (; head_ < end; ++head_) show(ahead_[head_]);
    previous_ = ahead_[end - 1].point;
    open_end_ = ahead_[end - 1].at + 1;
  }

  void show(Char c) {
    std::array<char, 4> utf8{};
    if (sink_.keeps_strings()) text_.append(utf8.data(), utf8::encode(c.point, utf8.data()));
  }

  void close() {
    sink_.add({open_->id, open_start_, open_end_}, text_);
    open_ = nullptr;
  }

  void release_space() {
    if (space_.empty()) return;
    CharList::Cursor cursor(space_);
    for (Char c{}; cursor.next(c);) {
      next_.feed(c);
      previous_ = c.point;
    }
    space_.clear();
  }

  /// Hands [head_, end) on, but for the white space at its end where a token may take it from its left.
  void pass(std::size_t end) {
    for (; head_ < end; ++head_) {
      if (any_lstrip_ && unicode::is_whitespace(ahead_[head_].point)) {
        space_.push_back(ahead_[head_]);
      } else {
        release_space();
        next_.feed(ahead_[head_]);
        previous_ = ahead_[head_].point;
      }
    }
  }

  void trim() {
    if (head_ == ahead_.size()) ahead_.clear();
    else if (head_ >= 1024 && head_ > ahead_.size() / 2) ahead_.erase(ahead_.begin(), ahead_.begin() + static_cast<std::ptrdiff_t>(head_));
    else return;
    head_ = 0;
  }

  const AddedTokens& tokens_;
  bool any_lstrip_;
  CharStage& next_;
  TokenSink& sink_;
  CharList space_;                // that a token may still take from its left
  std::pmr::vector<Char> ahead_;  // where the next token may begin: from head_ on
  std::size_t head_ = 0;
  std::optional<char32_t> previous_;  // the point before `space_`
  const AddedToken* open_ = nullptr;  // found, and still taking white space from its right
  std::uint32_t open_start_ = 0;
  std::uint32_t open_end_ = 0;
  std::pmr::string text_;
};

}  // namespace

AddedTokens::AddedTokens(std::span<const AddedToken> tokens, SortedStrings contents, SortedStrings raw, SortedStrings normalized,
                         std::span<std::uint32_t> by_id)
    : tokens_(tokens), contents_(contents), raw_(raw), normalized_(normalized), by_id_(by_id) {
  order_by_id(by_id, [&](std::uint32_t i) { return content(i).id; });
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const StringEntry* entry = contents_.find(content);
  return entry == nullptr ? nullptr : &(*this)[entry->value];
}

const AddedToken* AddedTokens::find(std::int32_t id) const {
  const auto found = find_by_id(by_id_, id, [&](std::uint32_t i) { return content(i).id; });
  return found ? &content(*found) : nullptr;
}

std::int32_t AddedTokens::max_id() const { return by_id_.empty() ? -1 : content(by_id_.back()).id; }

std::optional<AddedTokens::Match> AddedTokens::next_raw(std::string_view text, std::size_t from, std::size_t before) const {
  if (raw_.size() == 0) return std::nullopt;
  for (std::size_t start = from; start < before; start += utf8::decode(text, start).size) {
    Match longest{nullptr, start, start};
    SortedStrings::Range range = raw_.all();
    for (std::size_t at = start; at < text.size() && !range.empty();) {
      const utf8::Decoded decoded = utf8::decode(text, at);
      range = raw_.narrow(range, decoded.valid ? text.substr(at, decoded.size) : utf8::kReplacement);
      at += decoded.size;
      if (const StringEntry* entry = raw_.exact(range)) longest = {&(*this)[entry->value], start, at};
    }
    if (longest.token != nullptr) return longest;
  }
  return std::nullopt;
}

CharStage& AddedTokens::attach(StageList& stages, CharStage& next, TokenSink& sink) const {
  if (normalized_.size() == 0) return next;
  bool any_lstrip = false;
  for (std::size_t i = 0; i < normalized_.size(); ++i) any_lstrip = any_lstrip || (*this)[normalized_[i].value].lstrip;
  return stages.make<AddedTokenStage>(*this, any_lstrip, next, sink, stages.memory());
}

}  // namespace plimsoll::tokenizer
