#include <array>
#include <string_view>
#include <utility>

#include "tokenizer/parts/decoder.h"

namespace plimsoll::tokenizer {

namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::string replaced;
  std::size_t kept = 0;  // bytes before it are in `replaced`
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, kept)) {
    replaced.append(text, kept, at - kept).append(to);
    kept = at + from.size();
  }
  if (kept > 0) text = replaced.append(text, kept);
}

/// What tokenization put between a word and its punctuation.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kCleanup = {{
    {" .", "."},
    {" ?", "?"},
    {" !", "!"},
    {" ,", ","},
    {" ' ", "'"},
    {" n't", "n't"},
    {" 'm", "'m"},
    {" do not", " don't"},
    {" 's", "'s"},
    {" 've", "'ve"},
    {" 're", "'re"},
}};

class WordPieceDecoder final : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}

  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0) {
        if (token.starts_with(prefix_)) token.erase(0, prefix_.size());
        else token.insert(0, 1, ' ');
      }
      if (!cleanup_) continue;
      for (const auto& [from, to] : kCleanup) replace_all(token, from, to);
    }
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

}  // namespace

std::unique_ptr<Decoder> make_word_piece_decoder(std::string prefix, bool cleanup) {
  return std::make_unique<WordPieceDecoder>(std::move(prefix), cleanup);
}

Result<std::unique_ptr<Decoder>> read_word_piece_decoder(const JsonValue& part) {
  PLIMSOLL_TRY(const std::string_view prefix, part.get_string("prefix"));
  PLIMSOLL_TRY(const bool cleanup, part.get_bool("cleanup"));
  return make_word_piece_decoder(std::string(prefix), cleanup);
}

}  // namespace plimsoll::tokenizer
