#include <array>
#include <string>
#include <string_view>

#include "tokenizer/parts/pre_tokenizer.h"
#include "tokenizer/parts/split_stage.h"
#include "tokenizer/unicode/unicode.h"

namespace plimsoll::tokenizer {

namespace {

class BertPreTokenizer final : public PreTokenizer {
 public:
  CharStage& attach(StageList& stages, CharStage& next) const override {
    CharStage& punctuation = stages.make<SplitStage>(unicode::is_punctuation, SplitBehavior::isolated, next);
    return stages.make<SplitStage>(unicode::is_whitespace, SplitBehavior::removed, punctuation);
  }
};

class PointSplit final : public PreTokenizer {
 public:
  PointSplit(SplitStage::Match match, SplitBehavior behavior) : match_(match), behavior_(behavior) {}
  CharStage& attach(StageList& stages, CharStage& next) const override { return stages.make<SplitStage>(match_, behavior_, next); }

 private:
  SplitStage::Match match_;
  SplitBehavior behavior_;
};

/// `\w+|[^\w\s]+`: runs of word characters and runs of anything else but white space.
class WhitespaceStage final : public CharStage {
 public:
  explicit WhitespaceStage(CharStage& next) : next_(next) {}

  void feed(Char c) override {
    const Kind kind = unicode::is_whitespace(c.point) ? Kind::space : unicode::is_word(c.point) ? Kind::word : Kind::other;
    if (kind != last_) next_.cut();
    if (kind != Kind::space) next_.feed(c);
    last_ = kind;
  }

  void cut() override {
    last_ = Kind::space;
    next_.cut();
  }

 private:
  enum class Kind : std::uint8_t { space, word, other };
  CharStage& next_;
  Kind last_ = Kind::space;
};

class Whitespace final : public PreTokenizer {
 public:
  CharStage& attach(StageList& stages, CharStage& next) const override { return stages.make<WhitespaceStage>(next); }
};

using Made = Result<std::unique_ptr<PreTokenizer>>;

constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kBehaviors = {{
    {"Removed", SplitBehavior::removed},
    {"Isolated", SplitBehavior::isolated},
    {"MergedWithPrevious", SplitBehavior::merged_with_previous},
    {"MergedWithNext", SplitBehavior::merged_with_next},
    {"Contiguous", SplitBehavior::contiguous},
}};

}  // namespace

Result<SplitBehavior> read_split_behavior(const JsonValue& part, SplitBehavior otherwise) {
  if (!part.find("behavior")) return otherwise;
  PLIMSOLL_TRY(const std::string_view name, part.get_string("behavior"));
  for (const auto& [known, behavior] : kBehaviors)
    if (known == name) return behavior;
  return Error{ErrorCode::corrupt_file, "no such split behavior: " + printable(name, 60), part.where() + ".behavior"};
}

std::unique_ptr<PreTokenizer> make_bert_pre_tokenizer() { return std::make_unique<BertPreTokenizer>(); }
Made read_bert_pre_tokenizer(const JsonValue&) { return make_bert_pre_tokenizer(); }
Made read_whitespace(const JsonValue&) { return std::unique_ptr<PreTokenizer>(std::make_unique<Whitespace>()); }

Made read_whitespace_split(const JsonValue&) {
  return std::unique_ptr<PreTokenizer>(std::make_unique<PointSplit>(unicode::is_whitespace, SplitBehavior::removed));
}

Made read_punctuation(const JsonValue& part) {
  PLIMSOLL_TRY(const SplitBehavior behavior, read_split_behavior(part, SplitBehavior::isolated));
  return std::unique_ptr<PreTokenizer>(std::make_unique<PointSplit>(unicode::is_punctuation, behavior));
}

}  // namespace plimsoll::tokenizer
