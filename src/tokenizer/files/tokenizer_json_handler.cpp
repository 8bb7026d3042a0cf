#include "tokenizer/files/tokenizer_json_handler.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/decimal.h"

namespace plimsoll::tokenizer {

namespace {

constexpr std::array<std::string_view, 8> kSmallSections = {"version",       "truncation",     "padding", "normalizer",
                                                            "pre_tokenizer", "post_processor", "decoder", "model"};

constexpr std::uint32_t kAddedSeen = 1, kVocabularySeen = 2, kMergesSeen = 4;

struct Flag {
  std::string_view key;
  bool AddedTokenSpec::*field;
};
constexpr std::array<Flag, 5> kFlags = {{{"single_word", &AddedTokenSpec::single_word},
                                         {"lstrip", &AddedTokenSpec::lstrip},
                                         {"rstrip", &AddedTokenSpec::rstrip},
                                         {"normalized", &AddedTokenSpec::normalized},
                                         {"special", &AddedTokenSpec::special}}};
constexpr std::uint32_t kIdField = 1U << 8U, kContentField = 1U << 9U;

}  // namespace

Error TokenizerJsonHandler::bad(std::string what, std::string_view key) const {
  return {ErrorCode::corrupt_file, std::move(what), file_ + ": " + std::string(key)};
}

Status TokenizerJsonHandler::on_key(std::string_view name) {
  if (section_ == Section::root && depth_ == 1) return enter(name);
  if (section_ == Section::small && in_model_ && depth_ == 2 && (name == "vocab" || name == "merges")) return enter(name);
  if (section_ == Section::small) return text_ == nullptr ? Status() : text_->key(name);
  if (section_ == Section::vocabulary || section_ == Section::added) key_.assign(name);
  return {};
}

Status TokenizerJsonHandler::enter(std::string_view name) {
  std::uint32_t bit = 0;
  section_depth_ = depth_;
  if (depth_ == 2) {
    section_ = name == "vocab" ? Section::vocabulary : Section::skipped;
    bit = name == "vocab" ? kVocabularySeen : kMergesSeen;
    if (name == "merges" && text_ != nullptr) {  // a mark, for files that do not tell the model's type
      PLIMSOLL_CHECK(text_->key(name));
      PLIMSOLL_CHECK(text_->literal("null"));
    }
  } else if (name == "added_tokens") {
    section_ = Section::added;
    bit = kAddedSeen;
  } else if (std::find(kSmallSections.begin(), kSmallSections.end(), name) != kSmallSections.end()) {
    section_ = Section::small;
    in_model_ = name == "model";
    if (text_ != nullptr) PLIMSOLL_CHECK(text_->key(name));
  } else {
    return Error{ErrorCode::unsupported, "a section that no version of the format has", file_ + ": " + printable(name, 60),
                 "a newer version may read it"};
  }
  if ((seen_ & bit) != 0) return bad("the key occurs twice", name);
  seen_ |= bit;
  return {};
}

Status TokenizerJsonHandler::scalar(std::string_view literal) {
  if (section_ == Section::root) return bad("an object was expected", "the file");
  if (section_ == Section::small && text_ != nullptr) PLIMSOLL_CHECK(text_->literal(literal));
  if (section_ == Section::vocabulary) PLIMSOLL_CHECK(vocabulary_value(std::nullopt));
  if (section_ == Section::added) PLIMSOLL_CHECK(added_value(std::nullopt));
  if (depth_ == section_depth_) {
    section_ = depth_ == 2 ? Section::small : Section::root;
    section_depth_ = 1;
  }
  return {};
}

Status TokenizerJsonHandler::on_bool(bool value) {
  if (section_ == Section::added && depth_ == section_depth_ + 2) return added_value(value);
  return scalar(value ? "true" : "false");
}

Status TokenizerJsonHandler::on_integer(std::int64_t value) { return scalar(std::to_string(value)); }

Status TokenizerJsonHandler::on_unsigned(std::uint64_t value) {
  if (section_ == Section::vocabulary && depth_ == section_depth_ + 1 && has_vocabulary_) return vocabulary_value(value);
  if (section_ == Section::added && depth_ == section_depth_ + 2 && key_ == "id") {
    if (value > std::numeric_limits<std::int32_t>::max())
      return bad("the id " + std::to_string(value) + " is out of range", "added_tokens");
    token_.id = static_cast<std::int32_t>(value);
    return see_field(kIdField);
  }
  return scalar(std::to_string(value));
}

Status TokenizerJsonHandler::on_number(double value) {
  if (section_ == Section::small && value >= 1e15) return scalar("1000000000000000000");  // "unset", as 1e30 is
  std::string text = shortest(value);
  // "100" would be an integer.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return scalar(text);
}

Status TokenizerJsonHandler::on_string(std::string_view value) {
  if (section_ == Section::added && depth_ == section_depth_ + 2 && key_ == "content") {
    content_.assign(value);
    return see_field(kContentField);
  }
  if (section_ == Section::small && depth_ > section_depth_) return text_ == nullptr ? Status() : text_->string(value);
  if (section_ == Section::small && text_ != nullptr) {
    PLIMSOLL_CHECK(text_->string(value));
    section_ = Section::root;
    return {};
  }
  return scalar("\"\"");
}

Status TokenizerJsonHandler::vocabulary_value(std::optional<std::uint64_t> id) {
  if (depth_ > section_depth_ && !has_vocabulary_) return {};  // a list of pieces: another kind of model
  const std::string where = depth_ > section_depth_ ? "model.vocab." + printable(key_, 60) : "model.vocab";
  if (!id) return bad(depth_ > section_depth_ ? "an id of 0 or more was expected" : "an object of tokens and ids was expected", where);
  if (*id > std::numeric_limits<std::int32_t>::max()) return bad("the id " + std::to_string(*id) + " is out of range", where);
  return listener_.on_token(key_, static_cast<std::int32_t>(*id));
}

Status TokenizerJsonHandler::added_value(std::optional<bool> flag) {
  if (depth_ < section_depth_ + 2) return bad("a list of objects was expected", "added_tokens");
  if (depth_ > section_depth_ + 2) return {};
  for (std::size_t i = 0; i < kFlags.size(); ++i) {
    if (kFlags[i].key != key_) continue;
    if (!flag) return bad("true or false was expected", "added_tokens." + key_);
    token_.*kFlags[i].field = *flag;
    PLIMSOLL_CHECK(see_field(1U << i));
  }
  if (key_ == "content" || key_ == "id") return bad("of the wrong type", "added_tokens." + key_);
  return {};
}

Status TokenizerJsonHandler::see_field(std::uint32_t field) {
  if ((token_fields_ & field) != 0) return bad("the key occurs twice", "added_tokens." + key_);
  token_fields_ |= field;
  return {};
}

// The package `tokenizers` writes all seven, and opens no file without them.
Status TokenizerJsonHandler::finish_added() {
  const auto absent = [&](std::string_view key) { return bad("an added token without this key", "added_tokens." + std::string(key)); };
  if ((token_fields_ & kIdField) == 0) return absent("id");
  if ((token_fields_ & kContentField) == 0) return absent("content");
  for (std::size_t i = 0; i < kFlags.size(); ++i) {
    if ((token_fields_ & 1U << i) == 0) return absent(kFlags[i].key);
  }
  token_.content = content_;
  return listener_.on_added(token_);
}

Status TokenizerJsonHandler::open(char bracket) {
  if (depth_ > 0 && section_ == Section::root) return bad("an object was expected", "the file");
  if (section_ == Section::vocabulary && depth_ == section_depth_) has_vocabulary_ = bracket == '{';
  else if (section_ == Section::vocabulary && has_vocabulary_) return vocabulary_value(std::nullopt);
  if (section_ == Section::added) {
    const std::uint32_t level = depth_ - section_depth_;
    if ((level == 0 && bracket != '[') || (level == 1 && bracket != '{')) return bad("a list of objects was expected", "added_tokens");
    if (level == 1) {
      token_ = {};
      token_fields_ = 0;
    }
    if (level == 2) PLIMSOLL_CHECK(added_value(std::nullopt));
  }
  if (depth_ == 0 && bracket != '{') return bad("an object was expected", "the file");
  if ((section_ == Section::small || depth_ == 0) && text_ != nullptr) PLIMSOLL_CHECK(text_->open(bracket));
  ++depth_;
  return {};
}

Status TokenizerJsonHandler::close(char bracket) {
  --depth_;
  if (section_ == Section::added && depth_ == section_depth_ + 1 && bracket == '}') PLIMSOLL_CHECK(finish_added());
  if ((section_ == Section::small || depth_ == 0) && text_ != nullptr) text_->close(bracket);
  if (section_ != Section::root && depth_ == section_depth_) {
    section_ = depth_ == 2 ? Section::small : Section::root;
    section_depth_ = 1;
  }
  return {};
}

}  // namespace plimsoll::tokenizer
