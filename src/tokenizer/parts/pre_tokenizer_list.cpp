#include "tokenizer/parts/part_list.h"
#include "tokenizer/parts/pre_tokenizer.h"

namespace plimsoll::tokenizer {

namespace {

/// Every pre-tokenizer that is built here.
constexpr std::array<PartType<PreTokenizer>, 4> kPreTokenizers = {{
    {"BertPreTokenizer", read_bert_pre_tokenizer},
    {"Punctuation", read_punctuation},
    {"Whitespace", read_whitespace},
    {"WhitespaceSplit", read_whitespace_split},
}};

}  // namespace

Result<PreTokenizers> make_pre_tokenizers(const JsonValue& section) {
  return read_parts<PreTokenizer>(section, "pre-tokenizer", "pretokenizers", kPreTokenizers);
}

CharStage& attach_all(const PreTokenizers& pre_tokenizers, StageList& stages, CharStage& next) {
  CharStage* head = &next;
  for (auto it = pre_tokenizers.rbegin(); it != pre_tokenizers.rend(); ++it) head = &(*it)->attach(stages, *head);
  return *head;
}

}  // namespace plimsoll::tokenizer
