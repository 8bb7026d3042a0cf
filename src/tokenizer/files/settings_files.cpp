#include "tokenizer/files/settings_files.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "tokenizer/token_source.h"

namespace plimsoll::tokenizer {
namespace {

using namespace std::string_view_literals;

constexpr std::array kBert = {"BertTokenizer"sv,      "DistilBertTokenizer"sv,  "ElectraTokenizer"sv,  "MobileBertTokenizer"sv,
                              "ConvBertTokenizer"sv,  "SqueezeBertTokenizer"sv, "LayoutLMTokenizer"sv, "LxmertTokenizer"sv,
                              "RetriBertTokenizer"sv, "RealmTokenizer"sv};

constexpr std::array kTyped = {"BertTokenizer"sv,
                               "CanineTokenizer"sv,
                               "ConvBertTokenizer"sv,
                               "DPRContextEncoderTokenizer"sv,
                               "DPRQuestionEncoderTokenizer"sv,
                               "DebertaTokenizer"sv,
                               "DebertaV2Tokenizer"sv,
                               "ElectraTokenizer"sv,
                               "FNetTokenizer"sv,
                               "LayoutLMTokenizer"sv,
                               "LayoutLMv2Tokenizer"sv,
                               "LxmertTokenizer"sv,
                               "MarkupLMTokenizer"sv,
                               "MobileBertTokenizer"sv,
                               "PreTrainedTokenizer"sv,
                               "RealmTokenizer"sv,
                               "SqueezeBertTokenizer"sv,
                               "TapasTokenizer"sv};

/// Models whose files name no class, and take BertTokenizer, or what is the same by another name.
constexpr std::array kBertModels = {"align"sv,
                                    "bark"sv,
                                    "bert"sv,
                                    "blip"sv,
                                    "bros"sv,
                                    "convbert"sv,
                                    "chinese_clip"sv,
                                    "dpr"sv,
                                    "electra"sv,
                                    "ernie"sv,
                                    "flava"sv,
                                    "git"sv,
                                    "grounding-dino"sv,
                                    "layoutlm"sv,
                                    "lxmert"sv,
                                    "megatron-bert"sv,
                                    "mm-grounding-dino"sv,
                                    "mobilebert"sv,
                                    "nomic_bert"sv,
                                    "squeezebert"sv,
                                    "tvp"sv,
                                    "vilt"sv,
                                    "visual_bert"sv};

template <typename List>
bool contains(const List& list, std::string_view name) {
  return std::ranges::find(list, name) != list.end();
}

/// Whether `file` names a class.
Result<bool> read_class(const JsonValue& file, SettingsFiles& files) {
  PLIMSOLL_TRY(auto name, file.optional_string("tokenizer_class"));
  if (!name || name->empty()) return false;
  if (name->ends_with("Fast")) name->remove_suffix(4);
  files.class_name = *name;
  files.class_source = file.where() + ": tokenizer_class";
  return true;
}

Status class_of_model(const JsonValue& config, SettingsFiles& files) {
  PLIMSOLL_TRY(const bool named, read_class(config, files));
  if (named) return {};
  PLIMSOLL_TRY(const auto type, config.optional_string("model_type"));
  if (!type || type->empty()) return {};
  if (*type == "distilbert") files.class_name = "DistilBertTokenizer";
  else if (contains(kBertModels, *type)) files.class_name = "BertTokenizer";
  else files.foreign_model = *type;
  files.class_source = config.where() + ": model_type";
  return {};
}

}  // namespace

Result<std::optional<JsonDocument>> SettingsFiles::read_other(std::string_view name) const {
  const std::string key(name);
  if (!folder_->has(key)) return std::optional<JsonDocument>();
  PLIMSOLL_TRY(const auto file, folder_->open(key));
  PLIMSOLL_CHECK(opening_->take(file->size(), *file));
  PLIMSOLL_TRY(JsonDocument document, JsonDocument::read(*file));
  if (!document.root().is_object()) return Error{ErrorCode::corrupt_file, "an object was expected", document.root().where()};
  return std::optional(std::move(document));
}

Result<SettingsFiles> SettingsFiles::read(Folder& folder, Opening& opening) {
  SettingsFiles files(folder, opening);
  PLIMSOLL_TRY(files.config, files.read_other(file_name(TokenSource::settings)));
  bool named = false;
  if (files.config) {
    PLIMSOLL_TRY(named, read_class(files.config->root(), files));
  }
  if (named) return files;
  PLIMSOLL_TRY(const auto model, files.read_other("config.json"));
  if (model) PLIMSOLL_CHECK(class_of_model(model->root(), files));
  return files;
}

bool is_bert(const SettingsFiles& files) { return contains(kBert, files.class_name); }

Result<bool> passes_token_types(const SettingsFiles& files) {
  if (files.config) {
    const JsonValue config = files.config->root();
    const auto names = config.find("model_input_names");
    if (names && !names->is_null()) {
      if (!names->is_array()) return Error{ErrorCode::corrupt_file, "a list of names was expected", config.where() + ": model_input_names"};
      bool named = false;
      for (const JsonValue name : names->children()) {
        PLIMSOLL_TRY(const std::string_view text, name.as_string());
        named = named || text == "token_type_ids";
      }
      return named;
    }
  }
  return files.class_name.empty() || contains(kTyped, files.class_name);
}

}  // namespace plimsoll::tokenizer
