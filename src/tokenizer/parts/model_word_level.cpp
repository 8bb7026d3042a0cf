#include <string>

#include "tokenizer/parts/model.h"
#include "tokenizer/parts/word_buffer.h"

namespace plimsoll::tokenizer {

namespace {

/// A piece is a token or unknown.
class WordLevelStage final : public CharStage {
 public:
  WordLevelStage(const Vocabulary& vocabulary, std::string_view unknown, TokenSink& sink, std::pmr::memory_resource* memory)
      : vocabulary_(vocabulary), unknown_(unknown), sink_(sink), word_(vocabulary.strings().longest(), memory) {}

  void feed(Char c) override { word_.push(c); }

  void cut() override {
    if (word_.empty()) return;
    const StringEntry* entry = word_.overfull() ? nullptr : vocabulary_.strings().find(word_.text());
    if (entry == nullptr) entry = vocabulary_.strings().find(unknown_);
    if (entry == nullptr) sink_.fail_unknown();
    else sink_.add({entry->value, word_.start(), word_.end()}, vocabulary_.strings().string(*entry));
    word_.clear();
  }

 private:
  const Vocabulary& vocabulary_;
  std::string_view unknown_;
  TokenSink& sink_;
  WordBuffer word_;
};

class WordLevel final : public Model {
 public:
  explicit WordLevel(std::string unknown) : unknown_(std::move(unknown)) {}

  Status bind(const Vocabulary& vocabulary) override {
    const std::uint32_t longest = vocabulary.strings().longest();
    if (longest > kLongestWord)
      return Error{ErrorCode::unsupported, "a word of " + std::to_string(longest) + " bytes", "model.vocab",
                   "at most " + std::to_string(kLongestWord) + " are built"};
    vocabulary_ = &vocabulary;
    return {};
  }

  CharStage& attach(StageList& stages, TokenSink& sink) const override {
    return stages.make<WordLevelStage>(*vocabulary_, unknown_, sink, stages.memory());
  }

 private:
  std::string unknown_;
  const Vocabulary* vocabulary_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<Model>> read_word_level(const JsonValue& part) {
  PLIMSOLL_TRY(const std::string_view unknown, part.get_string("unk_token"));
  return std::unique_ptr<Model>(std::make_unique<WordLevel>(std::string(unknown)));
}

}  // namespace plimsoll::tokenizer
