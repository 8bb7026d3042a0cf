#include "tokenizer/files/bert_settings.h"

namespace plimsoll::tokenizer {
namespace {

/// The settings of `config` over `options`. `accents`: where strip_accents is told; null, or not at all: as lowercase is.
Status read_over(BertNormalizerOptions& options, const JsonValue& config, const JsonValue& accents) {
  PLIMSOLL_TRY(options.lowercase, config.bool_or("do_lower_case", options.lowercase));
  PLIMSOLL_TRY(options.handle_chinese_chars, config.bool_or("tokenize_chinese_chars", options.handle_chinese_chars));
  PLIMSOLL_TRY(options.strip_accents, accents.bool_or("strip_accents", options.lowercase));
  return {};
}

}  // namespace

Result<BertNormalizerOptions> read_bert_settings(const SettingsFiles& files) {
  BertNormalizerOptions options;
  if (files.config) PLIMSOLL_CHECK(read_over(options, files.config->root(), files.config->root()));
  return options;
}

Result<std::optional<BertNormalizerOptions>> changed_by_settings(const JsonValue& normalizer, const SettingsFiles& files) {
  std::optional<BertNormalizerOptions> changed;
  PLIMSOLL_TRY(const bool is_berts, is_bert_normalizer(normalizer));
  if (!is_berts) return changed;
  PLIMSOLL_TRY(const BertNormalizerOptions own, read_bert_options(normalizer));
  BertNormalizerOptions options = own;
  if (is_bert(files)) {
    PLIMSOLL_TRY(options, read_bert_settings(files));
    options.clean_text = own.clean_text;
  } else if (files.class_name.empty() && files.config) {
    const JsonValue config = files.config->root();
    PLIMSOLL_CHECK(read_over(options, config, config.find("strip_accents") ? config : normalizer));
  }
  if (options != own) changed = options;
  return changed;
}

}  // namespace plimsoll::tokenizer
