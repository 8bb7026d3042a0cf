#pragma once

#include <memory>

#include <plimsoll/result.h>

#include "json/json_document.h"
#include "tokenizer/parts/char_stage.h"
#include "tokenizer/token_sink.h"
#include "tokenizer/vocabulary.h"

namespace plimsoll::tokenizer {

/// Turns each piece of text into tokens of the vocabulary. Immutable; `attach` makes the last stage of the way.
class Model {
 public:
  Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  virtual ~Model() = default;

  /// Called once the vocabulary, which outlives the model, is read.
  virtual Status bind(const Vocabulary& vocabulary) = 0;

  /// The stage that adds the tokens of each piece to `sink`.
  virtual CharStage& attach(StageList& stages, TokenSink& sink) const = 0;
};

/// The "model" section, without its vocabulary. A type that is not built here is `unsupported`.
Result<std::unique_ptr<Model>> make_model(const JsonValue& section);

struct WordPieceOptions {
  std::string unknown = "[UNK]";
  std::string prefix = "##";
  std::int64_t longest_word = 100;
};
std::unique_ptr<Model> make_word_piece(WordPieceOptions options);
Result<std::unique_ptr<Model>> read_word_piece(const JsonValue& part);
Result<std::unique_ptr<Model>> read_word_level(const JsonValue& part);

}  // namespace plimsoll::tokenizer
