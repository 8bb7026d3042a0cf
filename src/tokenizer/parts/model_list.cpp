#include "tokenizer/parts/model.h"
#include "tokenizer/parts/part_list.h"

namespace plimsoll::tokenizer {

namespace {

/// Every model that is built here.
constexpr std::array<PartType<Model>, 2> kModels = {{
    {"WordPiece", read_word_piece},
    {"WordLevel", read_word_level},
}};

/// Old files do not tell the type: WordPiece comes before WordLevel, whose keys are a subset of its own.
std::string_view infer_type(const JsonValue& section) {
  const auto has = [&](std::string_view key) { return section.find(key).has_value(); };
  if (has("merges")) return "BPE";
  if (has("unk_id")) return "Unigram";
  if (has("continuing_subword_prefix") && has("max_input_chars_per_word")) return "WordPiece";
  return has("unk_token") ? "WordLevel" : "without a type";
}

}  // namespace

Result<std::unique_ptr<Model>> make_model(const JsonValue& section) {
  if (!section.is_object()) return Error{ErrorCode::corrupt_file, "the model must be an object", section.where()};
  PLIMSOLL_TRY(const auto told, section.optional_string("type"));
  const std::string_view type = told.value_or(infer_type(section));
  for (const PartType<Model>& candidate : kModels)
    if (candidate.type == type) return candidate.read(section);
  return unsupported_part(section, "model", type);
}

}  // namespace plimsoll::tokenizer
