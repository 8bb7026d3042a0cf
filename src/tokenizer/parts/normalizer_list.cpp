#include "tokenizer/parts/normalizer.h"
#include "tokenizer/parts/part_list.h"

namespace plimsoll::tokenizer {

namespace {

constexpr std::string_view kList = "normalizers";

/// Every normalizer that is built here.
constexpr std::array<PartType<Normalizer>, 9> kNormalizers = {{
    {"BertNormalizer", read_bert_normalizer, "clean_text"},
    {"Bert", read_bert_normalizer},
    {"Lowercase", read_lowercase},
    {"NFC", read_nfc},
    {"NFD", read_nfd},
    {"NFKC", read_nfkc},
    {"NFKD", read_nfkd},
    {"Strip", read_strip, "strip_left"},
    {"StripAccents", read_strip_accents},
}};

}  // namespace

Result<Normalizers> make_normalizers(const JsonValue& section) {
  return read_parts<Normalizer>(section, "normalizer", kList, kNormalizers);
}

Result<bool> is_bert_normalizer(const JsonValue& section) {
  if (!section.is_object() || is_sequence(section, kList)) return false;
  PLIMSOLL_TRY(const PartType<Normalizer>* type, find_type<Normalizer>(section, kNormalizers));
  return type != nullptr && type->read == read_bert_normalizer;
}

CharStage& attach_all(const Normalizers& normalizers, StageList& stages, CharStage& next) {
  CharStage* head = &next;
  for (auto it = normalizers.rbegin(); it != normalizers.rend(); ++it) head = &(*it)->attach(stages, *head);
  return *head;
}

}  // namespace plimsoll::tokenizer
