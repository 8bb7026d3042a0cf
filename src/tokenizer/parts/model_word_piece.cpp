#include <string>

#include "tokenizer/parts/model.h"
#include "tokenizer/parts/word_buffer.h"

namespace plimsoll::tokenizer {

namespace {

/// From each character of a word on, tokens are looked for as far as the shorter of word and token goes: both long are slow.
constexpr std::int64_t kLongBoth = 100;

/// What a stage needs of its model.
struct BoundVocabulary {
  const Vocabulary* vocabulary = nullptr;
  std::optional<std::int32_t> unknown_id;
  SortedStrings::Range continuing;  ///< tokens that begin with the prefix
};

/// Greedy longest match first (Schuster and Nakajima 2012, "Japanese and Korean voice search"; as in BERT).
class WordPieceStage final : public CharStage {
 public:
  WordPieceStage(const BoundVocabulary& bound, const WordPieceOptions& options, TokenSink& sink, std::pmr::memory_resource* memory)
      : bound_(bound), options_(options), sink_(sink), word_(static_cast<std::size_t>(options.longest_word), memory), pieces_(memory) {}

  void feed(Char c) override { word_.push(c); }

  void cut() override {
    if (word_.empty()) return;
    if (word_.overfull() || !match()) add_unknown();
    else add_pieces();
    word_.clear();
  }

 private:
  struct Piece {
    const StringEntry* entry;
    std::size_t end;  // in points
  };

  /// False when some part of the word is not in the vocabulary.
  bool match() {
    const std::string_view text = word_.text();
    pieces_.clear();
    for (std::size_t point = 0; point < word_.points();) {
      const std::size_t begin = word_.byte(point);
      const StringEntry* longest = longest_at(text.substr(begin), point == 0);
      if (longest == nullptr) return false;
      const std::size_t end = begin + longest->length - (point == 0 ? 0 : options_.prefix.size());
      while (word_.byte(point) < end) ++point;
      pieces_.push_back({longest, point});
    }
    return true;
  }

  // Byte by byte: tokens are UTF-8, so that one that matches ends where a character does.
  const StringEntry* longest_at(std::string_view text, bool is_first) const {
    const SortedStrings& strings = bound_.vocabulary->strings();
    SortedStrings::Range range = is_first ? strings.all() : bound_.continuing;
    const StringEntry* longest = nullptr;
    for (const char c : text) {
      strings.narrow(range, static_cast<unsigned char>(c));
      if (range.empty()) break;
      if (const StringEntry* entry = strings.exact(range)) longest = entry;
    }
    return longest;
  }

  void add_pieces() {
    std::size_t begin = 0;
    for (const Piece& piece : pieces_) {
      sink_.add({piece.entry->value, word_.at(begin), word_.at(piece.end - 1) + 1}, bound_.vocabulary->strings().string(*piece.entry));
      begin = piece.end;
    }
  }

  void add_unknown() {
    if (!bound_.unknown_id) return sink_.fail_unknown();
    sink_.add({*bound_.unknown_id, word_.start(), word_.end()}, options_.unknown);
  }

  const BoundVocabulary& bound_;
  const WordPieceOptions& options_;
  TokenSink& sink_;
  WordBuffer word_;
  std::pmr::vector<Piece> pieces_;
};

class WordPiece final : public Model {
 public:
  explicit WordPiece(WordPieceOptions options) : options_(std::move(options)) {}

  Status bind(const Vocabulary& vocabulary) override {
    if (options_.longest_word > kLongBoth && vocabulary.strings().longest() > kLongBoth)
      return Error{ErrorCode::unsupported,
                   "words of " + std::to_string(options_.longest_word) + " characters and a token of " +
                       std::to_string(vocabulary.strings().longest()) + " bytes",
                   "model.max_input_chars_per_word", "one of the two must be " + std::to_string(kLongBoth) + " or less"};
    bound_ = {&vocabulary, vocabulary.id(options_.unknown), vocabulary.strings().narrow(vocabulary.strings().all(), options_.prefix)};
    return {};
  }

  CharStage& attach(StageList& stages, TokenSink& sink) const override {
    return stages.make<WordPieceStage>(bound_, options_, sink, stages.memory());
  }

 private:
  WordPieceOptions options_;
  BoundVocabulary bound_;
};

}  // namespace

std::unique_ptr<Model> make_word_piece(WordPieceOptions options) { return std::make_unique<WordPiece>(std::move(options)); }

Result<std::unique_ptr<Model>> read_word_piece(const JsonValue& part) {
  WordPieceOptions options;
  PLIMSOLL_TRY(options.unknown, part.get_string("unk_token"));
  PLIMSOLL_TRY(options.prefix, part.get_string("continuing_subword_prefix"));
  PLIMSOLL_TRY(options.longest_word, part.get_int("max_input_chars_per_word", 0, std::numeric_limits<std::int64_t>::max()));
  if (options.longest_word > static_cast<std::int64_t>(kLongestWord))
    return Error{ErrorCode::unsupported, "words of " + std::to_string(options.longest_word) + " characters",
                 part.where() + ".max_input_chars_per_word", "at most " + std::to_string(kLongestWord) + " are built"};
  return make_word_piece(std::move(options));
}

}  // namespace plimsoll::tokenizer
