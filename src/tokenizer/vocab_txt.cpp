#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <vector>

#include <plimsoll/tokenizer.h>

#include "json/json_document.h"
#include "tokenizer/tokenizer_file.h"
#include "tokenizer/unicode.h"
#include "tokenizer/utf8.h"

namespace plimsoll::tokenizer {

namespace {

constexpr std::size_t kLineLimit = std::size_t{64} << 10U;
constexpr std::size_t kBuffer = std::size_t{64} << 10U;

/// Tokenizers of transformers that are BERT's under another name.
constexpr std::array<std::string_view, 10> kClasses = {
    "BertTokenizer",        "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer", "ConvBertTokenizer",
    "SqueezeBertTokenizer", "LayoutLMTokenizer",   "LxmertTokenizer",  "RetriBertTokenizer",  "RealmTokenizer"};

/// A token that the configuration names; `flags.content` is set only when it is handed on.
struct NamedToken {
  std::string content;
  AddedTokenSpec flags = {};
  std::int64_t id = -1;
};

NamedToken special(std::string_view content) {
  NamedToken token{std::string(content)};
  token.flags.special = true;
  return token;
}

/// What tokenizer_config.json says, with the defaults of transformers' BertTokenizer.
struct Config {
  BertNormalizerOptions normalizer;
  NamedToken unknown = special("[UNK]");
  NamedToken sep = special("[SEP]");
  NamedToken pad = special("[PAD]");
  NamedToken cls = special("[CLS]");
  NamedToken mask = special("[MASK]");
  std::vector<NamedToken> added;  ///< by rising id
};

/// An object with "content" and flags.
Status read_token(const JsonValue& value, NamedToken& token) {
  PLIMSOLL_TRY(token.content, value.get_string("content"));
  PLIMSOLL_TRY(token.flags.special, value.bool_or("special", token.flags.special));
  PLIMSOLL_TRY(token.flags.normalized, value.bool_or("normalized", !token.flags.special));
  PLIMSOLL_TRY(token.flags.lstrip, value.bool_or("lstrip", false));
  PLIMSOLL_TRY(token.flags.rstrip, value.bool_or("rstrip", false));
  PLIMSOLL_TRY(token.flags.single_word, value.bool_or("single_word", false));
  return {};
}

/// A special token is told as a string or as an object.
Status read_name(const JsonValue& config, std::string_view key, NamedToken& token) {
  const auto value = config.find(key);
  if (!value || value->is_null()) return {};
  if (value->is_object()) return read_token(*value, token);
  PLIMSOLL_TRY(token.content, value->as_string());
  return {};
}

Result<NamedToken> read_added(const JsonValue& entry) {
  NamedToken added;
  const std::string_view key = entry.key();
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), added.id);
  if (error != std::errc() || end != key.data() + key.size() || added.id < 0)
    return Error{ErrorCode::corrupt_file, "a token's id was expected as the key", entry.where()};
  PLIMSOLL_CHECK(read_token(entry, added));
  return added;
}

Status check_class(const JsonValue& config) {
  PLIMSOLL_TRY(const auto name, config.optional_string("tokenizer_class"));
  if (!name) return {};
  std::string_view base = *name;
  if (base.ends_with("Fast")) base.remove_suffix(4);
  if (std::find(kClasses.begin(), kClasses.end(), base) != kClasses.end()) return {};
  return Error{ErrorCode::unsupported, "a tokenizer of class " + printable(*name, 60) + " from vocab.txt",
               config.where() + ": tokenizer_class", "save it as tokenizer.json"};
}

Result<Config> read_config(const JsonValue* file) {
  Config config;
  if (file == nullptr) return config;
  PLIMSOLL_CHECK(check_class(*file));
  PLIMSOLL_TRY(config.normalizer.lowercase, file->bool_or("do_lower_case", true));
  PLIMSOLL_TRY(config.normalizer.handle_chinese_chars, file->bool_or("tokenize_chinese_chars", true));
  PLIMSOLL_TRY(config.normalizer.strip_accents, file->bool_or("strip_accents", config.normalizer.lowercase));
  PLIMSOLL_CHECK(read_name(*file, "unk_token", config.unknown));
  PLIMSOLL_CHECK(read_name(*file, "sep_token", config.sep));
  PLIMSOLL_CHECK(read_name(*file, "pad_token", config.pad));
  PLIMSOLL_CHECK(read_name(*file, "cls_token", config.cls));
  PLIMSOLL_CHECK(read_name(*file, "mask_token", config.mask));
  PLIMSOLL_TRY(const auto decoder, file->optional_object("added_tokens_decoder"));
  if (!decoder) return config;
  for (const JsonValue entry : decoder->children()) {
    PLIMSOLL_TRY(NamedToken added, read_added(entry));
    config.added.push_back(std::move(added));
  }
  std::sort(config.added.begin(), config.added.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return config;
}

Status hand_on(const NamedToken& token, TableListener& listener) {
  AddedTokenSpec spec = token.flags;
  spec.content = token.content;
  return listener.on_added(spec);
}

Status list_added(const Config& config, TableListener& listener) {
  for (const NamedToken& token : config.added) PLIMSOLL_CHECK(hand_on(token, listener));
  for (const NamedToken* token : {&config.unknown, &config.sep, &config.pad, &config.cls, &config.mask}) {
    const auto same = [&](const NamedToken& added) { return added.content == token->content; };
    if (std::none_of(config.added.begin(), config.added.end(), same)) PLIMSOLL_CHECK(hand_on(*token, listener));
  }
  return {};
}

/// Gives the lines of a file to a listener, the number of the line as the id.
class LineReader {
 public:
  LineReader(File& file, TableListener& listener) : file_(file), listener_(listener) {}

  Status read() {
    std::vector<char> buffer(kBuffer);
    for (std::uint64_t at = 0; at < file_.size();) {
      const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), file_.size() - at));
      PLIMSOLL_CHECK(file_.read(std::as_writable_bytes(std::span(buffer).first(size)), at));
      PLIMSOLL_CHECK(take({buffer.data(), size}));
      at += size;
    }
    return line_.empty() ? Status() : end_line();
  }

 private:
  Status take(std::string_view bytes) {
    for (std::size_t end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
      line_.append(bytes.substr(0, end));
      PLIMSOLL_CHECK(end_line());
      bytes.remove_prefix(end + 1);
    }
    line_.append(bytes);
    if (line_.size() > kLineLimit) return bad("a line of more than 64 KiB");
    return {};
  }

  Status end_line() {
    if (!is_utf8(line_)) return bad("not UTF-8");
    std::size_t size = line_.size();
    while (size > 0) {
      const std::size_t start = utf8::start_of_last(line_, size);
      if (!unicode::is_whitespace(utf8::decode(line_, start).point)) break;
      size = start;
    }
    PLIMSOLL_CHECK(listener_.on_token(std::string_view(line_).substr(0, size), number_));
    ++number_;
    line_.clear();
    return {};
  }

  Error bad(std::string what) const {
    return {ErrorCode::corrupt_file, std::move(what), file_.path() + ": line " + std::to_string(number_ + 1)};
  }

  File& file_;
  TableListener& listener_;
  std::string line_;
  std::int32_t number_ = 0;
};

}  // namespace

Result<Parts> read_vocab_txt(Os& os, Ledger& ledger, File& file, const JsonValue* config_file) {
  PLIMSOLL_TRY(const Config config, read_config(config_file));
  TableCounter counter;
  PLIMSOLL_CHECK(LineReader(file, counter).read());
  PLIMSOLL_CHECK(list_added(config, counter));
  Parts parts;
  parts.normalizers.push_back(make_bert_normalizer(config.normalizer));
  parts.pre_tokenizers.push_back(make_bert_pre_tokenizer());
  parts.model = make_word_piece({.unknown = config.unknown.content});
  parts.decoders.push_back(make_word_piece_decoder("##", true));
  PLIMSOLL_TRY(parts.tables, Tables::create(os, ledger, counter));
  PLIMSOLL_CHECK(LineReader(file, parts.tables).read());
  PLIMSOLL_CHECK(list_added(config, parts.tables));
  PLIMSOLL_CHECK(parts.tables.finish(os, ledger, parts.normalizers, Repeated::last));
  const auto piece = [&](const NamedToken& token) {
    const AddedToken* found = parts.tables.added().find(token.content);
    return TemplatePiece{TemplatePiece::Kind::special, 0, found == nullptr ? 0 : found->id, token.content};
  };
  parts.post = make_bert_template(piece(config.cls), piece(config.sep));
  return parts;
}

}  // namespace plimsoll::tokenizer
