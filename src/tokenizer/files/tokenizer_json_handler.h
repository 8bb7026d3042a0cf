#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/json_reader.h"
#include "tokenizer/files/json_text.h"
#include "tokenizer/files/tables.h"

namespace plimsoll::tokenizer {

/// Takes a tokenizer.json apart as it streams by: the vocabulary and the added tokens go to a listener, the merges are
/// passed over, all other known sections are written to a small text.
class TokenizerJsonHandler final : public JsonHandler {
 public:
  /// `file` is for errors; `text` may be null.
  TokenizerJsonHandler(const std::string& file, TableListener& listener, JsonText* text) : file_(file), listener_(listener), text_(text) {}

  /// Whether the model's vocabulary was an object of tokens and ids.
  bool has_vocabulary() const { return has_vocabulary_; }

  Status on_null() override { return scalar("null"); }
  Status on_bool(bool value) override;
  Status on_integer(std::int64_t value) override;
  Status on_unsigned(std::uint64_t value) override;
  Status on_number(double value) override;
  Status on_string(std::string_view value) override;
  Status on_key(std::string_view name) override;
  Status begin_object() override { return open('{'); }
  Status end_object() override { return close('}'); }
  Status begin_array() override { return open('['); }
  Status end_array() override { return close(']'); }

 private:
  /// What the current value belongs to.
  enum class Section : std::uint8_t { root, small, added, vocabulary, skipped };

  Status scalar(std::string_view literal);
  Status open(char bracket);
  Status close(char bracket);
  Status enter(std::string_view name);
  Status vocabulary_value(std::optional<std::uint64_t> id);
  Status added_value(std::optional<bool> flag);
  Status see_field(std::uint32_t field);
  Status finish_added();
  Error bad(std::string what, std::string_view key) const;

  const std::string& file_;
  TableListener& listener_;
  JsonText* text_;
  std::uint32_t depth_ = 0;  // open objects and arrays
  Section section_ = Section::root;
  std::uint32_t section_depth_ = 0;  // depth at which the section's value stands
  bool in_model_ = false;
  bool has_vocabulary_ = false;
  std::uint32_t seen_ = 0;  // streamed sections, a bit each
  std::string key_;         // the last key of the vocabulary or of an added token
  AddedTokenSpec token_;    // the added token being read
  std::string content_;
  std::uint32_t token_fields_ = 0;
};

}  // namespace plimsoll::tokenizer
