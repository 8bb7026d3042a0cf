#include <gtest/gtest.h>

#include <map>

#include "model/families.h"

namespace plimsoll {
namespace {

using Members = std::map<std::string, std::string>;

// A good config.json with some members changed; an empty text leaves the member out.
std::string config(const Members& changes = {}) {
  Members members = {{"model_type", "\"bert\""},   {"hidden_size", "64"}, {"num_hidden_layers", "2"},       {"num_attention_heads", "4"},
                     {"intermediate_size", "128"}, {"vocab_size", "100"}, {"max_position_embeddings", "32"}};
  for (const auto& [key, value] : changes) members[key] = value;
  std::string text;
  for (const auto& [key, value] : members) {
    if (!value.empty()) text += (text.empty() ? "\"" : ",\"") + key + "\":" + value;
  }
  return "{" + text + "}";
}

Result<ArchSpec> read(const std::string& text) {
  PLIMSOLL_TRY(const JsonDocument document, JsonDocument::parse(text, "config.json"));
  return read_arch_spec(document);
}

ArchSpec good(const Members& changes = {}) {
  auto spec = read(config(changes));
  EXPECT_TRUE(spec.ok()) << message(spec.error());
  return spec.ok() ? std::move(spec).value() : ArchSpec{};
}

// The code of the refusal, and that its message has `named`.
ErrorCode refusal(const std::string& text, const std::string& named) {
  const auto spec = read(text);
  EXPECT_FALSE(spec.ok()) << text;
  if (spec.ok()) return ErrorCode::internal;
  const std::string said = message(spec.error());
  EXPECT_NE(said.find(named), std::string::npos) << said;
  EXPECT_NE(said.find("config.json"), std::string::npos) << said;
  return spec.error().code;
}

TEST(Config, DefaultsAreThoseOfTransformers) {
  const ArchSpec spec = good();
  EXPECT_EQ(spec.types, 2);
  EXPECT_EQ(spec.activation, Activation::gelu);
  EXPECT_FLOAT_EQ(spec.norm_epsilon, 1e-12F);
  EXPECT_FLOAT_EQ(spec.initializer_range, 0.02F);
  EXPECT_EQ(spec.labels, (std::vector<std::string>{"LABEL_0", "LABEL_1"}));
  EXPECT_EQ(spec.score_rule, ScoreRule::softmax);
}

TEST(Config, ASizeThatIsMissingIllTypedOrOutOfRangeIsNamed) {
  for (const char* key :
       {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size", "max_position_embeddings"}) {
    for (const char* bad : {"", "null", "0", "-1", "64.0", "1e2", "\"64\"", "true", "[64]", "{}", "2147483648", "9223372036854775807",
                            "9223372036854775808", "18446744073709551616", "99999999999999999999999999"}) {
      EXPECT_EQ(refusal(config({{key, bad}}), key), ErrorCode::corrupt_file) << key << " " << bad;
    }
  }
}

TEST(Config, NumbersThatAreNoneAreRefused) {
  for (const char* key : {"hidden_size", "layer_norm_eps", "initializer_range"}) {
    for (const char* bad : {"NaN", "Infinity", "-Infinity", "1e999", "0x10", "1.", "+1", "01"})
      EXPECT_EQ(refusal(config({{key, bad}}), ""), ErrorCode::corrupt_file) << bad;
  }
}

TEST(Config, MagnitudesThatAreNegativeOrNoFloatAreRefused) {
  for (const char* key : {"layer_norm_eps", "initializer_range"}) {
    for (const char* bad : {"-1e-12", "1e300", "\"1e-12\"", "[]"})
      EXPECT_EQ(refusal(config({{key, bad}}), key), ErrorCode::corrupt_file) << bad;
    for (const char* fine : {"0", "1", "1.5", "1e-5", "null"}) EXPECT_TRUE(read(config({{key, fine}})).ok()) << fine;
    EXPECT_EQ(refusal(config({{key, "-1e-12"}}), std::string(key) + " is -1e-12"), ErrorCode::corrupt_file);
  }
}

TEST(Config, HeadsMustDivideTheHiddenSize) {
  EXPECT_EQ(refusal(config({{"num_attention_heads", "5"}}), "not a multiple of num_attention_heads 5"), ErrorCode::corrupt_file);
  EXPECT_EQ(good({{"num_attention_heads", "64"}}).head_dim(), 1);
}

TEST(Config, AFileThatIsNoObjectOrRepeatsAKeyIsCorrupt) {
  for (const char* text : {"", "[]", "3", "null", "\"bert\"", "{\"model_type\":\"bert\"", "{\"model_type\":\"bert\"}}"})
    EXPECT_EQ(refusal(text, ""), ErrorCode::corrupt_file) << text;
  std::string twice = config();
  twice.insert(twice.size() - 1, ",\"hidden_size\":64");
  EXPECT_EQ(refusal(twice, "hidden_size"), ErrorCode::corrupt_file);
}

TEST(Config, AnotherModelTypeIsUnsupportedAndNamedWithWhatIsBuilt) {
  const auto spec = read(config({{"model_type", "\"gpt2\""}}));
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.error().code, ErrorCode::unsupported);
  EXPECT_EQ(exit_code(spec.error().code), 4);
  EXPECT_NE(message(spec.error()).find("\"gpt2\""), std::string::npos) << message(spec.error());
  EXPECT_NE(message(spec.error()).find("bert"), std::string::npos);
  for (const char* bad : {"", "null", "3", "[\"bert\"]"})
    EXPECT_EQ(refusal(config({{"model_type", bad}}), "model_type"), ErrorCode::corrupt_file) << bad;
}

TEST(Config, VariantsThatAreNotBuiltAreUnsupported) {
  EXPECT_EQ(refusal(config({{"position_embedding_type", "\"relative_key\""}}), "relative_key"), ErrorCode::unsupported);
  EXPECT_EQ(refusal(config({{"is_decoder", "true"}}), "is_decoder"), ErrorCode::unsupported);
  EXPECT_EQ(refusal(config({{"add_cross_attention", "true"}}), "add_cross_attention"), ErrorCode::unsupported);
  EXPECT_EQ(refusal(config({{"is_causal", "true"}}), "is_causal"), ErrorCode::unsupported);
  EXPECT_EQ(refusal(config({{"is_decoder", "1"}}), "is_decoder"), ErrorCode::corrupt_file);
  good({{"position_embedding_type", "\"absolute\""}, {"is_decoder", "false"}, {"is_causal", "false"}, {"add_cross_attention", "null"}});
}

TEST(Config, OtherVersionsOfItAreUnsupported) {
  EXPECT_EQ(refusal(config({{"configuration_files", R"(["config.5.0.0.json","config.json"])"}}), "config.json: configuration_files[0]"),
            ErrorCode::unsupported);
  EXPECT_EQ(refusal(config({{"configuration_files", "3"}}), "configuration_files"), ErrorCode::corrupt_file);
  good({{"configuration_files", R"(["config.json"])"}});
}

TEST(Config, OtherNamesForItsKeysAreUnsupported) {
  EXPECT_EQ(refusal(config({{"attribute_map", R"({"hidden_act":"my_act"})"}}), "config.json: attribute_map"), ErrorCode::unsupported);
  EXPECT_EQ(refusal(config({{"attribute_map", "3"}}), "attribute_map"), ErrorCode::corrupt_file);
  good({{"attribute_map", "{}"}});
}

TEST(Config, LongTextsDoNotHideWhatIsWrongWithThem) {
  const std::string text = "\"" + std::string(2000, 'x') + "\"";
  EXPECT_EQ(refusal(config({{"model_type", text}}), "...\" are not built"), ErrorCode::unsupported);
  for (const char* key : {"hidden_act", "position_embedding_type", "problem_type"})
    EXPECT_EQ(refusal(config({{key, text}}), "...\" is not built"), ErrorCode::unsupported) << key;
}

TEST(Config, ActivationsAreThoseOfTransformersOrRefusedByName) {
  const std::map<std::string, Activation> known = {
      {"gelu", Activation::gelu}, {"gelu_new", Activation::gelu_tanh}, {"gelu_pytorch_tanh", Activation::gelu_tanh},
      {"relu", Activation::relu}, {"silu", Activation::silu},          {"swish", Activation::silu}};
  for (const auto& [name, activation] : known) EXPECT_EQ(good({{"hidden_act", "\"" + name + "\""}}).activation, activation) << name;
  for (const char* bad : {"\"quick_gelu\"", "\"GELU\"", "\"\"", "\"gelu \""})
    EXPECT_EQ(refusal(config({{"hidden_act", bad}}), "hidden_act"), ErrorCode::unsupported) << bad;
  EXPECT_EQ(refusal(config({{"hidden_act", "7"}}), "hidden_act"), ErrorCode::corrupt_file);
}

TEST(Labels, ComeFromId2labelInOrderOfTheirIds) {
  EXPECT_EQ(good({{"id2label", R"({"2":"c","0":"a","1":"b"})"}}).labels, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(good({{"id2label", R"({"0":"same","1":"same"})"}}).labels, (std::vector<std::string>{"same", "same"}));
  EXPECT_EQ(good({{"num_labels", "4"}}).labels.back(), "LABEL_3");
  EXPECT_EQ(good({{"id2label", "null"}, {"num_labels", "null"}}).labels.size(), 2U);
  EXPECT_EQ(good({{"id2label", "{}"}}).labels.size(), 2U);
}

// PreTrainedConfig of transformers 5.24; 4.57 takes id2label.
TEST(Labels, AreAsManyAsNumLabelsSays) {
  const std::string two = R"({"0":"a","1":"b"})";
  EXPECT_EQ(good({{"id2label", two}, {"num_labels", "2"}}).labels, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(good({{"id2label", two}, {"num_labels", "1"}}).labels, (std::vector<std::string>{"LABEL_0"}));
  EXPECT_EQ(good({{"id2label", two}, {"num_labels", "3"}}).labels, (std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"}));
  EXPECT_EQ(good({{"id2label", "{}"}, {"num_labels", "3"}}).labels.size(), 3U);
}

TEST(Labels, ThatAreNumbersAreShownAsInPython) {
  EXPECT_EQ(good({{"id2label", R"({"0":0,"1":-7,"2":true,"3":false})"}}).labels, (std::vector<std::string>{"0", "-7", "True", "False"}));
}

TEST(Labels, HolesRepeatsAndOtherShapesAreCorrupt) {
  for (const char* bad : {R"({"1":"a","2":"b"})", R"({"0":"a","2":"b"})", R"({"0":"a","00":"b"})", R"({"0":"a","0":"b"})", R"({"-1":"a"})",
                          R"({"x":"a"})", R"({"":"a"})", R"({" 0":"a"})", R"({"0x0":"a"})", R"({"18446744073709551616":"a"})",
                          R"({"0":1.5})", R"({"0":null})", R"({"0":["a"]})", R"(["a","b"])", R"("a")", "3"}) {
    EXPECT_EQ(refusal(config({{"id2label", bad}}), "id2label"), ErrorCode::corrupt_file) << bad;
  }
  for (const char* bad : {"0", "-1", "2.0", "\"2\""})
    EXPECT_EQ(refusal(config({{"num_labels", bad}}), "num_labels"), ErrorCode::corrupt_file) << bad;
  for (const char* many : {"65537", "99999999999"})
    EXPECT_EQ(refusal(config({{"num_labels", many}}), "num_labels"), ErrorCode::unsupported) << many;
}

TEST(Labels, MoreThanCanBeScoredInTheMemoryForTextsAreUnsupported) {
  std::string many;
  for (int i = 0; i <= 1 << 16; ++i) many += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"\"";
  EXPECT_EQ(refusal(config({{"id2label", "{" + many + "}"}}), "more than 2.00 MiB of JSON values"), ErrorCode::unsupported);
  EXPECT_EQ(good({{"num_labels", "65536"}}).labels.size(), 65536U) << "those that have no names";
}

TEST(Labels, NamesOfMoreThanHalfAMebibyteInAllAreUnsupported) {
  const std::string half(std::size_t{1} << 18U, 'x');
  const std::string full = R"({"0":")" + half + R"(","1":")" + half;
  EXPECT_EQ(good({{"id2label", full + R"("})"}}).labels.at(1), half);
  EXPECT_EQ(refusal(config({{"id2label", full + R"(y"})"}}), "id2label.1"), ErrorCode::unsupported);
}

// TextClassificationPipeline.postprocess of transformers 5.23, for each problem_type and one or several labels.
TEST(ScoreRules, AreThoseOfTransformersPipeline) {
  struct Row {
    const char* problem_type;
    const char* labels;
    ScoreRule rule;
  };
  for (const Row& row :
       {Row{"", "1", ScoreRule::sigmoid}, Row{"", "2", ScoreRule::softmax}, Row{"null", "1", ScoreRule::sigmoid},
        Row{"null", "3", ScoreRule::softmax}, Row{"\"regression\"", "1", ScoreRule::regression},
        Row{"\"regression\"", "3", ScoreRule::regression}, Row{"\"multi_label_classification\"", "1", ScoreRule::sigmoid},
        Row{"\"multi_label_classification\"", "3", ScoreRule::sigmoid}, Row{"\"single_label_classification\"", "1", ScoreRule::sigmoid},
        Row{"\"single_label_classification\"", "3", ScoreRule::softmax}}) {
    EXPECT_EQ(good({{"problem_type", row.problem_type}, {"num_labels", row.labels}}).score_rule, row.rule)
        << row.problem_type << " " << row.labels;
  }
  EXPECT_EQ(refusal(config({{"problem_type", "\"ranking\""}}), "ranking"), ErrorCode::unsupported);
  EXPECT_EQ(refusal(config({{"problem_type", "1"}}), "problem_type"), ErrorCode::corrupt_file);
}

}  // namespace
}  // namespace plimsoll
