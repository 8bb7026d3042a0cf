#pragma once

#include <optional>
#include <string>
#include <vector>

#include <plimsoll/os.h>
#include <plimsoll/result.h>

#include "json/json_document.h"
#include "tokenizer/files/tables.h"
#include "tokenizer/parts/normalizer.h"

namespace plimsoll::tokenizer {

/// The small files beside a vocabulary, as far as a directory has them. transformers no longer writes the last two, and reads them where
/// tokenizer_config.json has no added_tokens_decoder; a tokenizer.json holds what they say.
struct SettingsFiles {
  std::optional<JsonDocument> config;          ///< tokenizer_config.json
  std::optional<JsonDocument> special_tokens;  ///< special_tokens_map.json
  std::optional<JsonDocument> added_tokens;    ///< added_tokens.json

  /// `older`: the last two as well.
  static Result<SettingsFiles> read(Os& os, const std::string& directory, bool older);
};

/// A token that the settings name; `flags.content` is set only when it is handed on.
struct NamedToken {
  std::string content;
  AddedTokenSpec flags = {};
  std::int64_t id = -1;
};

NamedToken special_token(std::string_view content);

/// What the files say, with the defaults of transformers' BertTokenizer.
struct BertSettings {
  BertNormalizerOptions normalizer;
  NamedToken unknown = special_token("[UNK]");
  NamedToken sep = special_token("[SEP]");
  NamedToken pad = special_token("[PAD]");
  NamedToken cls = special_token("[CLS]");
  NamedToken mask = special_token("[MASK]");
  std::vector<NamedToken> added;  ///< by rising id
  std::vector<NamedToken> extra;  ///< special ones without a role
};

/// Fails with corrupt_file (file and key), or unsupported where the settings are of a tokenizer that is not BERT's.
Result<BertSettings> read_bert_settings(const SettingsFiles& files);

/// Of the normalizer of a tokenizer.json: transformers goes by tokenizer_config.json where that says something else, and is of a tokenizer
/// of BERT's or of no class. Nothing where all is as it was.
Result<std::optional<BertNormalizerOptions>> changed_by_settings(const JsonValue& normalizer, const SettingsFiles& files);

}  // namespace plimsoll::tokenizer
