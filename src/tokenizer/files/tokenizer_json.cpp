#include <string>

#include "json/json_document.h"
#include "json/json_reader.h"
#include "tokenizer/files/bert_settings.h"
#include "tokenizer/files/named_tokens.h"
#include "tokenizer/files/tokenizer_file.h"
#include "tokenizer/files/tokenizer_json_handler.h"

namespace plimsoll::tokenizer {

namespace {

/// The value of a top-level key, or null's when it is absent.
Result<JsonValue> section(const JsonValue& root, const JsonValue& null, std::string_view key) {
  const auto found = root.find(key);
  return found ? *found : null;
}

Status read_sections(const JsonValue& root, const JsonValue& null, const SettingsFiles& files, Parts& parts) {
  PLIMSOLL_TRY(const auto version, root.optional_string("version"));
  if (version.value_or("1.0") != "1.0")
    return Error{ErrorCode::unsupported, "a tokenizer file of version " + printable(*version, 60), root.where() + ": version",
                 "1.0 is read"};
  PLIMSOLL_TRY(const JsonValue normalizer, section(root, null, "normalizer"));
  PLIMSOLL_TRY(parts.normalizers, make_normalizers(normalizer));
  PLIMSOLL_TRY(const auto changed, changed_by_settings(normalizer, files));
  if (changed) parts.normalizers.front() = make_bert_normalizer(*changed);
  PLIMSOLL_TRY(const JsonValue pre_tokenizer, section(root, null, "pre_tokenizer"));
  PLIMSOLL_TRY(parts.pre_tokenizers, make_pre_tokenizers(pre_tokenizer));
  PLIMSOLL_TRY(const JsonValue model, root.get("model"));
  PLIMSOLL_TRY(parts.model, make_model(model));
  PLIMSOLL_TRY(const JsonValue post, section(root, null, "post_processor"));
  PLIMSOLL_TRY(parts.post, make_post_template(post));
  PLIMSOLL_TRY(const JsonValue decoder, section(root, null, "decoder"));
  PLIMSOLL_TRY(parts.decoders, make_decoders(decoder));
  PLIMSOLL_TRY(const JsonValue truncation, section(root, null, "truncation"));
  PLIMSOLL_TRY(parts.truncation, read_truncation(truncation));
  PLIMSOLL_TRY(const JsonValue padding, section(root, null, "padding"));
  PLIMSOLL_TRY(parts.padding, read_padding(padding));
  return {};
}

/// The first reading: fills all of `parts` but its tables.
Status read_parts_of(File& file, const SettingsFiles& files, const JsonLimits& limits, TableListener& counter, Parts& parts) {
  JsonText text;
  TokenizerJsonHandler handler(file.path(), counter, &text);
  PLIMSOLL_CHECK(read_json(file, 0, file.size(), limits, handler));
  PLIMSOLL_TRY(const JsonDocument document, JsonDocument::parse(text.take(), file.path()));
  PLIMSOLL_TRY(const JsonDocument null, JsonDocument::parse("null", file.path()));
  PLIMSOLL_CHECK(read_sections(document.root(), null.root(), files, parts));
  if (!handler.has_vocabulary()) return Error{ErrorCode::corrupt_file, "no object of tokens and ids", file.path() + ": model.vocab"};
  return {};
}

}  // namespace

Result<Parts> read_tokenizer_json(Os& os, Ledger& ledger, File& file, const SettingsFiles& files, const CancelToken* cancel) {
  const JsonLimits limits{.cancel = cancel};
  PLIMSOLL_TRY(const NamedTokens named, read_named_tokens(files, is_bert(files), ledger));
  TableCounter counter({files.folder(), file.path()});
  Parts parts;
  {
    UnlistedTokens counted(named, counter);
    PLIMSOLL_CHECK(read_parts_of(file, files, limits, counted, parts));
    PLIMSOLL_CHECK(counted.add_rest());
  }
  PLIMSOLL_TRY(parts.tables, Tables::create(os, ledger, counter));
  UnlistedTokens filled(named, parts.tables);
  TokenizerJsonHandler filler(file.path(), filled, nullptr);
  PLIMSOLL_CHECK(read_json(file, 0, file.size(), limits, filler));
  PLIMSOLL_CHECK(filled.add_rest());
  PLIMSOLL_CHECK(parts.tables.finish(os, ledger, parts.normalizers, Repeated::refuse));
  parts.unknown_key = file.path() + ": model.unk_token";
  return parts;
}

}  // namespace plimsoll::tokenizer
