#pragma once

#include <memory>
#include <vector>

#include <plimsoll/result.h>

#include "json/json_document.h"
#include "tokenizer/parts/char_stage.h"

namespace plimsoll::tokenizer {

/// Splits normalized text into the pieces that the model sees one by one. Immutable; `attach` makes the stage that does
/// it for one text by calling `cut` on `next` between pieces.
class PreTokenizer {
 public:
  PreTokenizer() = default;
  PreTokenizer(const PreTokenizer&) = delete;
  PreTokenizer& operator=(const PreTokenizer&) = delete;
  virtual ~PreTokenizer() = default;

  virtual CharStage& attach(StageList& stages, CharStage& next) const = 0;
};

/// Applied in order, each to the pieces of the one before.
using PreTokenizers = std::vector<std::unique_ptr<PreTokenizer>>;

CharStage& attach_all(const PreTokenizers& pre_tokenizers, StageList& stages, CharStage& next);

/// The parts of the "pre_tokenizer" section; a Sequence is flattened. A type that is not built here is `unsupported`.
Result<PreTokenizers> make_pre_tokenizers(const JsonValue& section);

std::unique_ptr<PreTokenizer> make_bert_pre_tokenizer();
Result<std::unique_ptr<PreTokenizer>> read_bert_pre_tokenizer(const JsonValue& part);
Result<std::unique_ptr<PreTokenizer>> read_whitespace_split(const JsonValue& part);
Result<std::unique_ptr<PreTokenizer>> read_punctuation(const JsonValue& part);
Result<std::unique_ptr<PreTokenizer>> read_whitespace(const JsonValue& part);

}  // namespace plimsoll::tokenizer
