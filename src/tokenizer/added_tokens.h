#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/parts/char_stage.h"
#include "tokenizer/sorted_strings.h"
#include "tokenizer/token_sink.h"
#include "tokenizer/token_source.h"

namespace plimsoll::tokenizer {

/// A token that is cut out of the text before the model sees it.
struct AddedToken {
  std::string_view content;
  std::string_view normalized_content;  ///< what is looked for when `normalized`
  std::int32_t id = 0;
  bool single_word = false;  ///< only where no word character touches it
  bool lstrip = false;       ///< takes the white space before it
  bool rstrip = false;       ///< takes the white space behind it
  bool normalized = false;   ///< looked for in the normalized text, not in the raw one
  bool special = false;      ///< left out by `decode` when asked
  TokenSource source = TokenSource::tokenizer;
};

/// All added tokens; views of tables that stand in arenas.
class AddedTokens {
 public:
  AddedTokens() = default;
  /// `values` of all three are indexes into `tokens`. `contents` holds each token once; `by_id` has as many elements and is filled.
  AddedTokens(std::span<const AddedToken> tokens, SortedStrings contents, SortedStrings raw, SortedStrings normalized,
              std::span<std::uint32_t> by_id);

  /// Looked for in the raw text, and in the normalized text.
  const SortedStrings& raw() const { return raw_; }
  const SortedStrings& normalized() const { return normalized_; }
  const AddedToken& operator[](std::int32_t index) const { return tokens_[static_cast<std::size_t>(index)]; }

  const AddedToken* find(std::string_view content) const;
  const AddedToken* find(std::int32_t id) const;
  std::int32_t max_id() const;

  struct Match {
    const AddedToken* token;
    std::size_t start;  ///< bytes
    std::size_t end;
  };
  /// The leftmost, and there the longest, raw token that begins in bytes [from, before), whatever stands around it. At `from` a code
  /// point begins; ill-formed parts are U+FFFD.
  std::optional<Match> next_raw(std::string_view text, std::size_t from, std::size_t before) const;

  /// The stage that cuts normalized tokens out of the text on its way to `next`.
  CharStage& attach(StageList& stages, CharStage& next, TokenSink& sink) const;

 private:
  const AddedToken& content(std::uint32_t i) const { return (*this)[contents_[i].value]; }

  std::span<const AddedToken> tokens_;
  SortedStrings contents_;
  SortedStrings raw_;
  SortedStrings normalized_;
  std::span<const std::uint32_t> by_id_;  // indexes of `contents_`, by rising id
};

}  // namespace plimsoll::tokenizer
