#pragma once

#include <memory>
#include <optional>
#include <string>

#include <plimsoll/os.h>
#include <plimsoll/result.h>

#include "memory/ledger.h"
#include "tokenizer/files/settings_files.h"
#include "tokenizer/files/tables.h"
#include "tokenizer/length_rules.h"
#include "tokenizer/parts/decoder.h"
#include "tokenizer/parts/model.h"
#include "tokenizer/parts/normalizer.h"
#include "tokenizer/parts/post_template.h"
#include "tokenizer/parts/pre_tokenizer.h"

namespace plimsoll::tokenizer {

/// All that a tokenizer is made of. `model` is bound to nothing yet.
struct Parts {
  Tables tables;
  Normalizers normalizers;
  PreTokenizers pre_tokenizers;
  std::unique_ptr<Model> model;
  std::string unknown_key;  ///< file and key that name the model's token for unknown words
  PostTemplate post;
  Decoders decoders;
  std::optional<Truncation> truncation;
  std::optional<Padding> padding;
};

/// Reads a tokenizer.json of version 1.0. The file is read twice, as a stream: to count, and to fill arenas of that size.
/// Everything but vocabulary, merges and added tokens must be small (256 KiB, 4,096 values). Of `files`: changed_by_settings() and the
/// added tokens that they name. `cancel` may be null.
Result<Parts> read_tokenizer_json(Os& os, Ledger& ledger, File& file, const SettingsFiles& files, const CancelToken* cancel);

/// Builds BERT's tokenizer from vocab.txt (a token a line) and what `files` say.
Result<Parts> read_vocab_txt(Os& os, Ledger& ledger, File& file, const SettingsFiles& files, const CancelToken* cancel);

}  // namespace plimsoll::tokenizer
