// Answers of models whose settings say something else than usual.
#include <filesystem>

#include <gtest/gtest.h>

#include "command.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;

/// A copy of a model of tests/fixtures with other settings.
class OtherSettings : public ::testing::Test {
 protected:
  std::string model(const std::string& name, const std::string& file, const json& settings) {
    const std::string copy = folder_ / ("m" + std::to_string(++copies_));
    std::filesystem::copy(fixture("models/" + name), copy);
    json whole = std::filesystem::exists(copy + "/" + file) ? json::parse(read_file(copy + "/" + file)) : json::object();
    whole.update(settings);
    folder_.write("m" + std::to_string(copies_) + "/" + file, whole.dump());
    return copy;
  }

  Folder folder_;
  int copies_ = 0;
};

TEST_F(OtherSettings, ARegressionOfSeveralValuesNamesTheGreatest) {
  const std::string path = model("bert-relu-multilabel", "config.json", {{"problem_type", "regression"}});
  const json row = run({"run", path, "meh", "--json"}).rows().at(0);
  EXPECT_EQ(row["label"], "LABEL_2");
  EXPECT_NEAR(row["score"].get<double>(), 0.7364, 1e-4) << "as transformers has it";
  EXPECT_EQ(row["scores"]["LABEL_2"], row["score"]);
}

// What transformers 5.24 gives for this pair, by the class of the tokenizer.
TEST_F(OtherSettings, PairsHaveTokenTypesWhereTheTokenizersClassPassesThem) {
  const std::string rows = folder_.write("rows.jsonl", "{\"text\":\"the film\",\"text_pair\":\"copyright notice\"}\n");
  for (const auto& [settings, best] : std::vector<std::pair<json, double>>{
           {{{"tokenizer_class", "BertTokenizer"}}, 0.658},
           {{{"tokenizer_class", "PreTrainedTokenizerFast"}}, 0.658},
           {{{"tokenizer_class", "DistilBertTokenizer"}}, 0.623},
           {{{"tokenizer_class", "TokenizersBackend"}}, 0.623},
           {{{"tokenizer_class", "BertTokenizer"}, {"model_input_names", {"input_ids", "attention_mask"}}}, 0.623}}) {
    const std::string path = model("bert", "tokenizer_config.json", settings);
    EXPECT_NEAR(run({"run", path, "--input", rows, "--json"}).rows().at(0)["score"].get<double>(), best, 5e-4) << settings;
  }
}

// Of an input whose other rows have no unknown word.
TEST_F(OtherSettings, AnUnknownWordWithoutATokenForItIsABadRow) {
  const std::string path = model("bert", "tokenizer_config.json", json::object());
  std::string tokenizer = read_file(path + "/tokenizer.json");
  for (std::size_t at = 0; (at = tokenizer.find("[UNK]", at)) != std::string::npos;) tokenizer.replace(at, 5, "[unk]");
  const std::size_t named = tokenizer.find("\"unk_token\"");
  tokenizer.replace(tokenizer.find("[unk]", named), 5, "[UNK]");
  std::filesystem::remove(path + "/tokenizer.json");
  folder_.write("m1/tokenizer.json", tokenizer);
  const Finished result = run({"run", path, "the film", "the \xE2\x98\x83 film", "a plot", "--json"});
  EXPECT_EQ(result.status, 1) << result.err;
  ASSERT_EQ(result.rows().size(), 3U);
  EXPECT_TRUE(result.rows()[0].contains("label"));
  EXPECT_TRUE(result.rows()[1].contains("error"));
  EXPECT_TRUE(result.rows()[2].contains("label"));
}

}  // namespace
}  // namespace plimsoll::test
