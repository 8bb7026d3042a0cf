#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/os.h>
#include <plimsoll/result.h>

#include "hub/opening.h"
#include "json/json_document.h"

namespace plimsoll::tokenizer {

/// The small files beside a tokenizer, as far as a directory has them.
struct SettingsFiles {
  std::optional<JsonDocument> config;  ///< tokenizer_config.json
  /// The class of transformers that AutoTokenizer takes, without "Fast": of tokenizer_config.json, else of config.json, else that of its
  /// model_type. Empty where none of them says.
  std::string class_name;
  std::string class_source;  ///< file and key
  /// config.json's model_type where no class is known.
  std::string foreign_model;

  /// `folder` and `opening`, off which every file is taken, outlive the result.
  static Result<SettingsFiles> read(Folder& folder, Opening& opening);
  /// Another file of the folder, an object, which is kept only as long as it is looked at: special_tokens_map.json, added_tokens.json.
  Result<std::optional<JsonDocument>> read_other(std::string_view name) const;

  const std::string& folder() const { return folder_->path(); }

 private:
  SettingsFiles(Folder& folder, Opening& opening) : folder_(&folder), opening_(&opening) {}
  Folder* folder_;
  Opening* opening_;
};

/// Whether the class is transformers' BertTokenizer, by any of its names.
bool is_bert(const SettingsFiles& files);

/// Whether token types of a pair reach the model: tokenizer_config.json's model_input_names, else what transformers 5 has for the class.
/// PreTrainedTokenizerFast passes them as in transformers 4; 5 writes TokenizersBackend, which does not.
Result<bool> passes_token_types(const SettingsFiles& files);

}  // namespace plimsoll::tokenizer
