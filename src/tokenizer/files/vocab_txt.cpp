#include <algorithm>
#include <string>
#include <vector>

#include <plimsoll/tokenizer.h>

#include "base/utf8.h"
#include "tokenizer/files/bert_settings.h"
#include "tokenizer/files/named_tokens.h"
#include "tokenizer/files/tokenizer_file.h"
#include "tokenizer/unicode/unicode.h"

namespace plimsoll::tokenizer {

namespace {

constexpr std::size_t kLineLimit = std::size_t{64} << 10U;
constexpr std::size_t kBuffer = std::size_t{64} << 10U;

/// Gives the lines of a file to a listener, the number of the line as the id.
class LineReader {
 public:
  LineReader(File& file, TableListener& listener, const CancelToken* cancel) : file_(file), listener_(listener), cancel_(cancel) {}

  Status read() {
    std::vector<char> buffer(kBuffer);
    for (std::uint64_t at = 0; at < file_.size();) {
      if (cancel_ != nullptr && cancel_->cancelled()) return Error{ErrorCode::cancelled, "stopped on request", file_.path()};
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
  const CancelToken* cancel_;
  std::string line_;
  std::int32_t number_ = 0;
};

}  // namespace

Result<Parts> read_vocab_txt(Os& os, Ledger& ledger, File& file, const SettingsFiles& files, const CancelToken* cancel) {
  if (!files.class_name.empty() && !is_bert(files))
    return Error{ErrorCode::unsupported, "a tokenizer of class " + printable(files.class_name, 60) + " from vocab.txt", files.class_source,
                 "save it as tokenizer.json"};
  if (!files.foreign_model.empty())
    return Error{ErrorCode::unsupported, "the tokenizer of a model of type " + printable(files.foreign_model, 60) + " from vocab.txt",
                 files.folder() + "/config.json: model_type", "save it as tokenizer.json"};
  if (files.config && files.config->root().find("vocab"))
    return Error{ErrorCode::unsupported, "a vocabulary among the settings", files.config->root().where() + ": vocab",
                 "remove it, or save the tokenizer as tokenizer.json"};
  PLIMSOLL_TRY(const NamedTokens named, read_named_tokens(files, true, ledger));
  PLIMSOLL_TRY(const BertNormalizerOptions normalizer, read_bert_settings(files));
  TableCounter counter({files.folder(), file.path()});
  PLIMSOLL_CHECK(LineReader(file, counter, cancel).read());
  PLIMSOLL_CHECK(UnlistedTokens(named, counter).add_rest());
  Parts parts;
  parts.normalizers.push_back(make_bert_normalizer(normalizer));
  parts.pre_tokenizers.push_back(make_bert_pre_tokenizer());
  // What transformers makes of null: no token that a text has.
  const std::string& unknown = named[Role::unknown].content;
  parts.model = make_word_piece({.unknown = unknown.empty() ? "None" : unknown});
  parts.decoders.push_back(make_word_piece_decoder("##", true));
  PLIMSOLL_TRY(parts.tables, Tables::create(os, ledger, counter));
  PLIMSOLL_CHECK(LineReader(file, parts.tables, cancel).read());
  PLIMSOLL_CHECK(UnlistedTokens(named, parts.tables).add_rest());
  PLIMSOLL_CHECK(parts.tables.finish(os, ledger, parts.normalizers, Repeated::last));
  const auto piece = [&](const NamedToken& token, std::int32_t id_of_none) {
    const AddedToken* found = parts.tables.added().find(token.content);
    return TemplatePiece{TemplatePiece::Kind::special, 0, found == nullptr ? id_of_none : found->id, token.content};
  };
  parts.unknown_key = files.folder() + '/' + std::string(file_name(TokenSource::settings)) + ": unk_token";
  parts.post = make_bert_template(piece(named[Role::cls], 2), piece(named[Role::sep], 3));
  return parts;
}

}  // namespace plimsoll::tokenizer
