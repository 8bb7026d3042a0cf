#pragma once

#include <memory>
#include <vector>

#include <plimsoll/result.h>

#include "json/json_document.h"
#include "tokenizer/parts/char_stage.h"

namespace plimsoll::tokenizer {

/// Rewrites text before it is split. Immutable; `attach` makes the stage that does it for one text.
class Normalizer {
 public:
  Normalizer() = default;
  Normalizer(const Normalizer&) = delete;
  Normalizer& operator=(const Normalizer&) = delete;
  virtual ~Normalizer() = default;

  /// The first of the new stages, which end in `next`.
  virtual CharStage& attach(StageList& stages, CharStage& next) const = 0;
};

/// Applied in order.
using Normalizers = std::vector<std::unique_ptr<Normalizer>>;

CharStage& attach_all(const Normalizers& normalizers, StageList& stages, CharStage& next);

/// The parts of the "normalizer" section; a Sequence is flattened. A type that is not built here is `unsupported`.
Result<Normalizers> make_normalizers(const JsonValue& section);

/// Whether the section is one BertNormalizer, under any name that it has, or none.
Result<bool> is_bert_normalizer(const JsonValue& section);

// The parts that there are, one file each; `part` is the section's object.

struct BertNormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
  friend bool operator==(const BertNormalizerOptions&, const BertNormalizerOptions&) = default;
};
std::unique_ptr<Normalizer> make_bert_normalizer(const BertNormalizerOptions& options);
Result<BertNormalizerOptions> read_bert_options(const JsonValue& part);
Result<std::unique_ptr<Normalizer>> read_bert_normalizer(const JsonValue& part);
Result<std::unique_ptr<Normalizer>> read_lowercase(const JsonValue& part);
Result<std::unique_ptr<Normalizer>> read_strip_accents(const JsonValue& part);
Result<std::unique_ptr<Normalizer>> read_strip(const JsonValue& part);
Result<std::unique_ptr<Normalizer>> read_nfc(const JsonValue& part);
Result<std::unique_ptr<Normalizer>> read_nfd(const JsonValue& part);
Result<std::unique_ptr<Normalizer>> read_nfkc(const JsonValue& part);
Result<std::unique_ptr<Normalizer>> read_nfkd(const JsonValue& part);

}  // namespace plimsoll::tokenizer
