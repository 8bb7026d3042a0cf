#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <plimsoll/result.h>

#include "json/json_document.h"
#include "tokenizer/length_rules.h"

namespace plimsoll::tokenizer {

/// One piece of what is given back for a text or a pair.
struct TemplatePiece {
  enum class Kind : std::uint8_t { first, second, special };
  Kind kind = Kind::first;
  std::int32_t type_id = 0;
  std::int32_t id = 0;     ///< of a special token
  std::string token = {};  ///< of a special token
};

/// How the tokens of one text or of two are put together with special ones. Without a post-processor: the texts alone,
/// the second with type 1.
struct PostTemplate {
  using Piece = TemplatePiece;
  std::vector<Piece> single = {{Piece::Kind::first, 0}};
  std::vector<Piece> pair = {{Piece::Kind::first, 0}, {Piece::Kind::second, 1}};

  const std::vector<Piece>& pieces(bool is_pair) const { return is_pair ? pair : single; }
  /// Tokens of texts of `lengths` once they are put together.
  std::int64_t length(bool is_pair, Lengths lengths, bool add_special) const;
  /// Of which are special.
  std::int64_t added(bool is_pair) const { return length(is_pair, {}, true); }
  std::int32_t max_id() const;
};

/// [CLS] A [SEP] and [CLS] A [SEP] B [SEP], B and what follows with type 1.
PostTemplate make_bert_template(const TemplatePiece& cls, const TemplatePiece& sep);

/// The "post_processor" section; null gives the plain template. A type that is not built here is `unsupported`.
Result<PostTemplate> make_post_template(const JsonValue& section);

}  // namespace plimsoll::tokenizer
