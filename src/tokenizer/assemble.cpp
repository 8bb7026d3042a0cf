#include "tokenizer/assemble.h"

namespace plimsoll::tokenizer {

namespace {

using Kind = TemplatePiece::Kind;

struct Item {
  std::int32_t id;
  std::int32_t type_id;
  TextSpan span;
  bool special;
  bool attended;
  std::string_view string;
};

class Assembler {
 public:
  Assembler(bool keep_tokens, Encoding& out) : keep_tokens_(keep_tokens), out_(out) {}

  void reserve(std::size_t size) {
    out_.ids.reserve(size);
    out_.type_ids.reserve(size);
    out_.offsets.reserve(size);
    out_.special.reserve(size);
    out_.attention.reserve(size);
    if (keep_tokens_) out_.tokens.reserve(size);
  }

  void add(const Item& item) {
    out_.ids.push_back(item.id);
    out_.type_ids.push_back(item.type_id);
    out_.offsets.push_back(item.span);
    out_.special.push_back(item.special ? 1 : 0);
    out_.attention.push_back(item.attended ? 1 : 0);
    if (keep_tokens_) out_.tokens.emplace_back(item.string);
  }

  void add(const TokenRange& range, std::int32_t type_id) {
    for (std::size_t i = 0; i < range.size; ++i) {
      const Token& token = range.sink->token(range.begin + i);
      const std::string_view string = keep_tokens_ ? range.sink->string(range.begin + i) : std::string_view();
      add({token.id, type_id, {token.start, token.end}, false, true, string});
    }
  }

  void pad(const Padding& padding, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) add({padding.id, padding.type_id, {}, true, false, padding.token});
  }

 private:
  bool keep_tokens_;
  Encoding& out_;
};

}  // namespace

void assemble(const PostTemplate& post, bool is_pair, const TokenRange& first, const TokenRange& second, bool add_special,
              const Padding* padding, bool keep_tokens, Encoding& out) {
  const std::int64_t size =
      post.length(is_pair, {static_cast<std::int64_t>(first.size), static_cast<std::int64_t>(second.size)}, add_special);
  const std::int64_t padded = padding != nullptr ? padding->padded(size) : size;
  Assembler assembler(keep_tokens, out);
  assembler.reserve(static_cast<std::size_t>(padded));
  if (padding != nullptr && padding->left) assembler.pad(*padding, padded - size);
  for (const TemplatePiece& piece : post.pieces(is_pair)) {
    if (piece.kind != Kind::special) assembler.add(piece.kind == Kind::first ? first : second, piece.type_id);
    else if (add_special) assembler.add({piece.id, piece.type_id, {}, true, true, piece.token});
  }
  if (padding != nullptr && !padding->left) assembler.pad(*padding, padded - size);
}

}  // namespace plimsoll::tokenizer
