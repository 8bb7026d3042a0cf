#include "tokenizer/files/bert_settings.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "hub/model_file.h"

namespace plimsoll::tokenizer {
namespace {

/// Tokenizers of transformers that are BERT's under another name.
constexpr std::array<std::string_view, 10> kClasses = {
    "BertTokenizer",        "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer", "ConvBertTokenizer",
    "SqueezeBertTokenizer", "LayoutLMTokenizer",   "LxmertTokenizer",  "RetriBertTokenizer",  "RealmTokenizer"};

bool is_bert(std::string_view name) {
  if (name.ends_with("Fast")) name.remove_suffix(4);
  return std::ranges::find(kClasses, name) != kClasses.end();
}

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
Status read_name(const JsonValue& value, NamedToken& token) {
  if (value.is_object()) return read_token(value, token);
  PLIMSOLL_TRY(token.content, value.as_string());
  return {};
}

Status read_name(const JsonValue& file, std::string_view key, NamedToken& token) {
  const auto value = file.find(key);
  if (!value || value->is_null()) return {};
  return read_name(*value, token);
}

/// The special tokens of one file, over those of the files before.
Status read_special(const JsonValue& file, BertSettings& settings) {
  PLIMSOLL_CHECK(read_name(file, "unk_token", settings.unknown));
  PLIMSOLL_CHECK(read_name(file, "sep_token", settings.sep));
  PLIMSOLL_CHECK(read_name(file, "pad_token", settings.pad));
  PLIMSOLL_CHECK(read_name(file, "cls_token", settings.cls));
  PLIMSOLL_CHECK(read_name(file, "mask_token", settings.mask));
  // A list, or the members of an object, which have names.
  for (const std::string_view key : {"additional_special_tokens", "extra_special_tokens"}) {
    const auto list = file.find(key);
    if (!list || list->is_null()) continue;
    if (!list->is_array() && !list->is_object())
      return Error{ErrorCode::corrupt_file, "a list of tokens was expected", file.where() + ": " + std::string(key)};
    for (const JsonValue entry : list->children()) {
      NamedToken token = special_token({});
      PLIMSOLL_CHECK(read_name(entry, token));
      settings.extra.push_back(std::move(token));
    }
  }
  return {};
}

/// An object of ids and tokens.
Status read_decoder(const JsonValue& decoder, std::vector<NamedToken>& added) {
  for (const JsonValue entry : decoder.children()) {
    NamedToken token;
    const std::string_view key = entry.key();
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
    if (error != std::errc() || end != key.data() + key.size() || token.id < 0)
      return Error{ErrorCode::corrupt_file, "a token's id was expected as the key", entry.where()};
    PLIMSOLL_CHECK(read_token(entry, token));
    added.push_back(std::move(token));
  }
  return {};
}

/// An object of tokens and ids: none of them is special.
Status read_added(const JsonValue& file, std::vector<NamedToken>& added) {
  if (!file.is_object()) return Error{ErrorCode::corrupt_file, "an object of tokens and ids was expected", file.where()};
  for (const JsonValue entry : file.children()) {
    NamedToken token{std::string(entry.key())};
    token.flags.normalized = true;
    PLIMSOLL_TRY(token.id, file.get_int(entry.key(), 0, INT32_MAX));
    added.push_back(std::move(token));
  }
  return {};
}

}  // namespace

Result<SettingsFiles> SettingsFiles::read(Os& os, const std::string& directory, bool older) {
  SettingsFiles files;
  const auto read = [&](const std::string& name, std::optional<JsonDocument>& document) -> Status {
    if (!os.is_file(directory + "/" + name)) return {};
    PLIMSOLL_TRY(const auto file, open_model_file(os, directory, name));
    PLIMSOLL_TRY(document, JsonDocument::read(*file));
    return {};
  };
  PLIMSOLL_CHECK(read("tokenizer_config.json", files.config));
  if (!older) return files;
  PLIMSOLL_CHECK(read("special_tokens_map.json", files.special_tokens));
  PLIMSOLL_CHECK(read("added_tokens.json", files.added_tokens));
  return files;
}

NamedToken special_token(std::string_view content) {
  NamedToken token{std::string(content)};
  token.flags.special = true;
  return token;
}

Result<BertSettings> read_bert_settings(const SettingsFiles& files) {
  BertSettings settings;
  bool has_decoder = false;
  if (files.config) {
    const JsonValue config = files.config->root();
    PLIMSOLL_TRY(const auto name, config.optional_string("tokenizer_class"));
    if (name && !is_bert(*name))
      return Error{ErrorCode::unsupported, "a tokenizer of class " + printable(*name, 60) + " from vocab.txt",
                   config.where() + ": tokenizer_class", "save it as tokenizer.json"};
    PLIMSOLL_TRY(settings.normalizer.lowercase, config.bool_or("do_lower_case", true));
    PLIMSOLL_TRY(settings.normalizer.handle_chinese_chars, config.bool_or("tokenize_chinese_chars", true));
    PLIMSOLL_TRY(settings.normalizer.strip_accents, config.bool_or("strip_accents", settings.normalizer.lowercase));
    PLIMSOLL_CHECK(read_special(config, settings));
    PLIMSOLL_TRY(const auto decoder, config.optional_object("added_tokens_decoder"));
    has_decoder = decoder.has_value();
    if (has_decoder) PLIMSOLL_CHECK(read_decoder(*decoder, settings.added));
  }
  if (!has_decoder && files.special_tokens) PLIMSOLL_CHECK(read_special(files.special_tokens->root(), settings));
  if (!has_decoder && files.added_tokens) PLIMSOLL_CHECK(read_added(files.added_tokens->root(), settings.added));
  std::ranges::sort(settings.added, {}, &NamedToken::id);
  return settings;
}

Result<std::optional<BertNormalizerOptions>> changed_by_settings(const JsonValue& normalizer, const SettingsFiles& files) {
  std::optional<BertNormalizerOptions> changed;
  if (!files.config || !normalizer.is_object()) return changed;
  const JsonValue config = files.config->root();
  PLIMSOLL_TRY(const auto name, config.optional_string("tokenizer_class"));
  PLIMSOLL_TRY(const auto type, normalizer.optional_string("type"));
  if ((name && !is_bert(*name)) || type.value_or("") != "BertNormalizer") return changed;
  PLIMSOLL_TRY(const BertNormalizerOptions own, read_bert_options(normalizer));
  BertNormalizerOptions options = own;
  PLIMSOLL_TRY(options.lowercase, config.bool_or("do_lower_case", own.lowercase));
  PLIMSOLL_TRY(options.handle_chinese_chars, config.bool_or("tokenize_chinese_chars", own.handle_chinese_chars));
  // Null, there or here: as lowercase is.
  const auto told = config.find("strip_accents");
  const JsonValue& by = told ? config : normalizer;
  PLIMSOLL_TRY(options.strip_accents, by.bool_or("strip_accents", options.lowercase));
  if (options != own) changed = options;
  return changed;
}

}  // namespace plimsoll::tokenizer
