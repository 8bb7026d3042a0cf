#include "tokenizer/parts/post_template.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "tokenizer/parts/part_list.h"
#include "tokenizer/token_text.h"

namespace plimsoll::tokenizer {

namespace {

using Kind = TemplatePiece::Kind;

constexpr std::size_t kPieceLimit = 256;
constexpr std::int64_t kIdLimit = std::numeric_limits<std::int32_t>::max();

Error corrupt(std::string what, const JsonValue& where) { return {ErrorCode::corrupt_file, std::move(what), where.where()}; }

Result<std::string> read_string(const JsonValue& token) {
  PLIMSOLL_TRY(const std::string_view string, token.as_string());
  if (string.size() > kTokenTextBytes) return token_too_long("a token of a template", string.size(), token.where());
  return std::string(string);
}

/// The ids and strings that `name` stands for, each as a piece.
Status add_special(const JsonValue& specials, std::string_view name, std::int32_t type_id, std::vector<TemplatePiece>& pieces) {
  PLIMSOLL_TRY(const JsonValue special, specials.get_object(name));
  PLIMSOLL_CHECK(special.get_string("id"));
  PLIMSOLL_TRY(const JsonValue ids, special.get_array("ids"));
  PLIMSOLL_TRY(const JsonValue tokens, special.get_array("tokens"));
  if (ids.size() != tokens.size()) return corrupt("ids and tokens differ in number", special);
  auto token = tokens.children().begin();
  for (const JsonValue id : ids.children()) {
    if (pieces.size() == kPieceLimit) return corrupt("a template of more than " + std::to_string(kPieceLimit) + " pieces", special);
    PLIMSOLL_TRY(const std::int64_t value, id.as_int(0, kIdLimit));
    PLIMSOLL_TRY(std::string string, read_string(*token));
    pieces.push_back({Kind::special, type_id, static_cast<std::int32_t>(value), std::move(string)});
    ++token;
  }
  return {};
}

Status add_piece(const JsonValue& piece, const JsonValue& specials, std::vector<TemplatePiece>& pieces) {
  const auto special = piece.find("SpecialToken");
  const auto sequence = piece.find("Sequence");
  if (special.has_value() == sequence.has_value() || piece.size() != 1)
    return corrupt("a template piece is a SpecialToken or a Sequence", piece);
  const JsonValue& body = special ? *special : *sequence;
  PLIMSOLL_TRY(const std::int64_t type, body.get_int("type_id", 0, kIdLimit));
  PLIMSOLL_TRY(const std::string_view id, body.get_string("id"));
  const auto type_id = static_cast<std::int32_t>(type);
  if (special) return add_special(specials, id, type_id, pieces);
  if (id != "A" && id != "B") return corrupt("a Sequence is A or B", body);
  if (pieces.size() == kPieceLimit) return corrupt("a template of more than " + std::to_string(kPieceLimit) + " pieces", piece);
  pieces.push_back({id == "A" ? Kind::first : Kind::second, type_id});
  return {};
}

Result<std::vector<TemplatePiece>> read_pieces(const JsonValue& part, std::string_view key, const JsonValue& specials) {
  std::vector<TemplatePiece> pieces;
  PLIMSOLL_TRY(const JsonValue list, part.get_array(key));
  for (const JsonValue piece : list.children()) PLIMSOLL_CHECK(add_piece(piece, specials, pieces));
  return pieces;
}

bool occurs_once_at_most(const std::vector<TemplatePiece>& pieces, Kind kind) {
  return std::ranges::count(pieces, kind, &TemplatePiece::kind) <= 1;
}

// Also those that no piece names.
Status check_specials(const JsonValue& specials) {
  for (const JsonValue special : specials.children()) {
    std::vector<TemplatePiece> pieces;
    PLIMSOLL_CHECK(add_special(specials, special.key(), 0, pieces));
  }
  return {};
}

Result<std::unique_ptr<PostTemplate>> read_template(const JsonValue& part) {
  PLIMSOLL_TRY(const JsonValue specials, part.get_object("special_tokens"));
  PLIMSOLL_CHECK(check_specials(specials));
  auto post = std::make_unique<PostTemplate>();
  PLIMSOLL_TRY(post->single, read_pieces(part, "single", specials));
  PLIMSOLL_TRY(post->pair, read_pieces(part, "pair", specials));
  for (const auto* pieces : {&post->single, &post->pair}) {
    if (!occurs_once_at_most(*pieces, Kind::first) || !occurs_once_at_most(*pieces, Kind::second))
      return Error{ErrorCode::unsupported, "a template that names a text twice", part.where(), "texts are given once each"};
  }
  for (const TemplatePiece& piece : post->single)
    if (piece.kind == Kind::second) return corrupt("the template of one text names a second", part);
  return post;
}

/// ["[SEP]", 102]
Result<TemplatePiece> read_token(const JsonValue& part, std::string_view key) {
  PLIMSOLL_TRY(const JsonValue list, part.get_array(key));
  if (list.size() != 2) return corrupt("a token and its id were expected", list);
  auto it = list.children().begin();
  PLIMSOLL_TRY(std::string token, read_string(*it));
  ++it;
  PLIMSOLL_TRY(const std::int64_t id, (*it).as_int(0, kIdLimit));
  return TemplatePiece{Kind::special, 0, static_cast<std::int32_t>(id), std::move(token)};
}

Result<std::unique_ptr<PostTemplate>> read_bert_processing(const JsonValue& part) {
  PLIMSOLL_TRY(const TemplatePiece cls, read_token(part, "cls"));
  PLIMSOLL_TRY(const TemplatePiece sep, read_token(part, "sep"));
  return std::make_unique<PostTemplate>(make_bert_template(cls, sep));
}

/// Every post-processor that is built here. RobertaProcessing has the keys of BertProcessing and more.
constexpr std::array<PartType<PostTemplate>, 2> kPostProcessors = {{
    {"TemplateProcessing", read_template, "single"},
    {"BertProcessing", read_bert_processing, "cls"},
}};

std::int32_t largest(const std::vector<TemplatePiece>& pieces) {
  std::int32_t id = -1;
  for (const TemplatePiece& piece : pieces)
    if (piece.kind == Kind::special) id = std::max(id, piece.id);
  return id;
}

}  // namespace

std::int64_t PostTemplate::length(bool is_pair, Lengths lengths, bool add_special) const {
  std::int64_t length = 0;
  for (const Piece& piece : pieces(is_pair)) {
    if (piece.kind == Kind::special) length += add_special ? 1 : 0;
    else length += piece.kind == Kind::first ? lengths.first : lengths.second;
  }
  return length;
}

std::int32_t PostTemplate::max_id() const { return std::max(largest(single), largest(pair)); }

PostTemplate make_bert_template(const TemplatePiece& cls, const TemplatePiece& sep) {
  TemplatePiece last = sep;
  last.type_id = 1;
  const TemplatePiece first{Kind::first, 0};
  const TemplatePiece second{Kind::second, 1};
  return {{cls, first, sep}, {cls, first, sep, second, last}};
}

Result<PostTemplate> make_post_template(const JsonValue& section) {
  if (!section.is_null() && !section.find("type") && section.find("trim_offsets"))
    return unsupported_part(section, "post-processor", "RobertaProcessing");
  PLIMSOLL_TRY(auto parts, read_parts<PostTemplate>(section, "post-processor", "processors", kPostProcessors));
  if (parts.empty()) return PostTemplate{};
  if (parts.size() > 1) return unsupported_part(section, "post-processor", "Sequence of several");
  return std::move(*parts.front());
}

}  // namespace plimsoll::tokenizer
