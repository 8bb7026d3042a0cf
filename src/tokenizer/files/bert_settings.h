#pragma once

#include <optional>

#include <plimsoll/result.h>

#include "tokenizer/files/settings_files.h"
#include "tokenizer/parts/normalizer.h"

namespace plimsoll::tokenizer {

/// What the files say of the normalizer, with the defaults of transformers' BertTokenizer. Fails with corrupt_file (file and key).
Result<BertNormalizerOptions> read_bert_settings(const SettingsFiles& files);

/// The normalizer of a tokenizer.json as transformers has it: a tokenizer of BERT's goes by the settings and their defaults alone; one
/// that has no class by what the settings say. Nothing where all is as it was.
Result<std::optional<BertNormalizerOptions>> changed_by_settings(const JsonValue& normalizer, const SettingsFiles& files);

}  // namespace plimsoll::tokenizer
