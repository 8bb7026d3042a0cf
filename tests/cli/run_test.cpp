// The answers of `run`, against those of transformers.
#include <cmath>

#include <gtest/gtest.h>

#include <plimsoll/bytes.h>

#include "command.h"
#include "support/build.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;

json expected(const std::string& model) { return json::parse(read_file(fixture("models/" + model) + "/expected.json")).at("cases"); }

std::string rows_of(const json& cases) {
  std::string text;
  for (const json& each : cases) {
    json row = {{"text", each.at("text")}};
    if (each.contains("text_pair")) row["text_pair"] = each["text_pair"];
    text += row.dump() + "\n";
  }
  return text;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

class Answers : public ::testing::TestWithParam<const char*> {};

TEST_P(Answers, AreThoseOfTransformers) {
  const json cases = expected(GetParam());
  const Folder folder;
  const std::string file = folder.write("rows.jsonl", rows_of(cases));
  const Finished result =
      run({"run", fixture(std::string("models/") + GetParam()), "--input", file, "--json", "--logits", "--max-length", "128"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto rows = result.rows();
  ASSERT_EQ(rows.size(), cases.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const json& row = rows[i];
    const json& want = cases[i].at("outputs").at("logits");
    EXPECT_EQ(row.at("index"), i);
    EXPECT_EQ(row.at("text"), cases[i].at("text"));
    EXPECT_EQ(row.contains("text_pair"), cases[i].contains("text_pair"));
    EXPECT_EQ(row.at("input_ids"), cases[i].at("input_ids"));
    EXPECT_TRUE(row.at("truncated").is_boolean());
    ASSERT_EQ(row.at("logits").size(), want.size());
    for (std::size_t k = 0; k < want.size(); ++k)
      EXPECT_NEAR(row["logits"][k].get<double>(), want[k].get<double>(), 2e-4 * (1 + std::abs(want[k].get<double>())));
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Answers, ::testing::Values("bert", "bert-relu-multilabel", "bert-regression"));

json first_row(const std::string& model, std::vector<std::string> flags = {}) {
  std::vector<std::string> arguments = {"run", fixture("models/" + model), "I loved this film.", "--json", "--logits"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const Finished result = run(arguments);
  EXPECT_EQ(result.status, 0) << result.err;
  return result.rows().at(0);
}

TEST(Scores, AreASoftmaxOfTheLogits) {
  const json row = first_row("bert");
  double sum = 0;
  for (const json& logit : row["logits"]) sum += std::exp(logit.get<double>());
  const json config = json::parse(read_file(fixture("models/bert") + "/config.json"));
  double best = 0;
  for (std::size_t i = 0; i < row["logits"].size(); ++i) {
    const std::string label = config["id2label"][std::to_string(i)];
    const double score = row["scores"].at(label);
    EXPECT_NEAR(score, std::exp(row["logits"][i].get<double>()) / sum, 1e-6);
    if (score > best) {
      best = score;
      EXPECT_LE(score, row["score"].get<double>());
    }
  }
  EXPECT_EQ(row["scores"].at(row["label"].get<std::string>()), row["score"]);
  EXPECT_EQ(row["score"].get<double>(), best);
}

TEST(Scores, AreSigmoidsWhenLabelsStandAlone) {
  const json row = first_row("bert-relu-multilabel");
  std::size_t i = 0;
  const json config = json::parse(read_file(fixture("models/bert-relu-multilabel") + "/config.json"));
  for (const json& logit : row["logits"])
    EXPECT_NEAR(row["scores"].at(config["id2label"][std::to_string(i++)].get<std::string>()), sigmoid(logit), 1e-6);
}

TEST(Scores, AreTheRawValueOfARegression) {
  const json row = first_row("bert-regression");
  EXPECT_EQ(row["score"], row["logits"][0]);
}

TEST(Run, KeepsTheBestLabelsOnly) {
  const json all = first_row("bert");
  const json two = first_row("bert", {"--top-k", "2"});
  EXPECT_EQ(all["scores"].size(), 3U);
  EXPECT_EQ(two["scores"].size(), 2U);
  EXPECT_EQ(two["label"], all["label"]);
  for (const auto& [label, score] : two["scores"].items()) EXPECT_EQ(score, all["scores"][label]);
}

TEST(Run, PrintsLabelScoreTextAndASummary) {
  const Finished result = run({"run", fixture("models/bert"), "tab\there", "I loved this film."});
  EXPECT_EQ(result.status, 0);
  const json row = first_row("bert");
  const std::string label = row["label"];
  const std::size_t second = result.out.find('\n') + 1;
  EXPECT_NE(result.out.find("tab\\x09here\n"), std::string::npos) << result.out;
  EXPECT_TRUE(result.out.substr(second).starts_with(label + "\t0.")) << result.out;
  EXPECT_TRUE(result.out.ends_with("\tI loved this film.\n"));
  EXPECT_TRUE(result.err.starts_with("plimsoll: float32; ")) << result.err;
  EXPECT_NE(result.err.find("tokens/s"), std::string::npos);
  EXPECT_EQ(run({"run", fixture("models/bert"), "x", "-q"}).err, "");
}

TEST(Run, PrintsEscapesThatCanBeToldFromText) {
  const Finished result = run({"run", fixture("models/bert"),
                               "a\x1b"
                               "b",
                               "a\\x1bb", std::string(1030, '\\')});
  EXPECT_NE(result.out.find("\ta\\x1bb\n"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("\ta\\\\x1bb\n"), std::string::npos) << result.out;
  EXPECT_TRUE(result.out.ends_with("\t" + std::string(2060, '\\') + "\n")) << result.out;
}

TEST(Run, HintsAtJsonLinesThatAreReadAsText) {
  const Folder folder;
  const std::string rows = "{\"text\": \"a\"}\n{\"text\": \"b\"}\n";
  const std::string file = folder.write("rows.txt", rows);
  const auto hints = [](const Finished& result, const std::string& name) {
    EXPECT_EQ(result.status, 0) << result.err;
    const std::size_t at = result.err.find(name + " looks like JSON Lines");
    return at != std::string::npos && result.err.find("JSON Lines", at + name.size() + 20) == std::string::npos &&
           result.err.find("add --jsonl", at) != std::string::npos;
  };
  const std::string model = fixture("models/bert");
  EXPECT_TRUE(hints(run({"run", model, "--input", file}), file));
  EXPECT_TRUE(hints(run({"plan", model, "--input", file}), file));
  EXPECT_TRUE(hints(run(Start{{"run", model}, rows, {}, false, {}}), "standard input"));
  EXPECT_FALSE(hints(run({"run", model, "--input", file, "--jsonl"}), ""));
  EXPECT_FALSE(hints(run({"run", model, "--input", file, "-q"}), ""));
  EXPECT_FALSE(hints(run({"run", model, "{\"text\": \"a\"}"}), ""));
  EXPECT_FALSE(hints(run({"run", model, "--input", folder.write("braces.txt", "{a}\n")}), ""));
}

TEST(Run, SaysThatThereWereNoTexts) {
  const Finished result = run({"run", fixture("models/bert")});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "plimsoll: there were no texts\n");
}

TEST(Run, TextsMayLookLikeAnything) {
  const std::vector<std::string> texts = {"[a,b]",
                                          "plan",
                                          "",
                                          "--json",
                                          "{}",
                                          "%%",
                                          "\xF0\x9F\x98\x80",
                                          "a\xE2\x80\xA8"
                                          "b"};
  std::vector<std::string> arguments = {"run", fixture("models/bert"), "--json", "--"};
  arguments.insert(arguments.end(), texts.begin(), texts.end());
  const Finished result = run(arguments);
  const auto rows = result.rows();
  ASSERT_EQ(rows.size(), texts.size()) << result.err;
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(rows[i]["text"], texts[i]);
}

TEST(Run, SaysWhenATextWasCutOrMended) {
  const Finished cut =
      run({"run", fixture("models/bert"), "one two three four five six seven", "x", "--json", "--max-length", "4", "--logits"});
  EXPECT_EQ(cut.rows().at(0)["truncated"], true);
  EXPECT_EQ(cut.rows().at(0)["input_ids"].size(), 4U);
  EXPECT_EQ(cut.rows().at(1)["truncated"], false);
  const Finished mended = run({"run", fixture("models/bert"), "caf\xE9", "caf\xC3\xA9", "--json"});
  EXPECT_EQ(mended.rows().at(0)["replaced"], true);
  EXPECT_EQ(mended.rows().at(0)["text"], "caf\xEF\xBF\xBD");
  EXPECT_FALSE(mended.rows().at(1).contains("replaced"));
}

TEST(Run, WarnsOnceOfAnUntrainedHead) {
  const Finished result = run({"run", fixture("variants/pretrained"), "x", "y"});
  EXPECT_EQ(result.status, 0);
  const std::size_t at = result.err.find("classifier.weight");
  ASSERT_NE(at, std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("classifier.weight", at + 1), std::string::npos);
  // Answers that mean nothing look like any others, so that neither --json nor -q hides it.
  const Finished quiet = run({"run", fixture("variants/pretrained"), "x", "--json", "-q"});
  EXPECT_EQ(quiet.rows().size(), 1U);
  EXPECT_NE(quiet.err.find("classifier.weight"), std::string::npos);
  EXPECT_EQ(run({"run", fixture("variants/pretrained"), "x", "--require-all-weights"}).status, 4);
}

TEST(Run, CountsInWords) {
  const std::string err = run({"run", fixture("models/bert"), "x", "-v", "--threads", "1"}).err;
  EXPECT_NE(err.find(" on 1 thread; a pass holds 1 text and 3 tokens; "), std::string::npos) << err;
}

TEST(Run, SaysCostsAsAPlanDoes) {
  const std::string model = fixture("models/bert");
  const std::int64_t least = run({"plan", model, "x", "--json"}).rows().at(0).at("smallest_budget").at("cpu");
  const Finished told = run({"run", model, "x", "--max-memory", std::to_string(least)});
  ASSERT_EQ(told.status, 0) << told.err;
  EXPECT_NE(told.err.find("s a pass"), std::string::npos) << told.err;
  EXPECT_EQ(told.err.find("e-0"), std::string::npos) << told.err;
}

TEST(Run, SaysOnceWhatIsComputedIn) {
  const std::string err = run({"run", fixture("variants/f64"), "x", "--dtype", "float16"}).err;
  EXPECT_NE(err.find("float64 weights: rounded to the precision of the plan"), std::string::npos) << err;
  EXPECT_NE(err.find("float16, computed in float32"), std::string::npos) << err;
}

TEST(Run, WritesAReport) {
  const Folder folder;
  const Finished result =
      run({"run", fixture("models/bert"), "I loved this film.", "x", "--report", folder / "r.json", "--batch-size", "1"});
  ASSERT_EQ(result.status, 0) << result.err;
  const json report = json::parse(read_file(folder / "r.json"));
  EXPECT_EQ(report["schema"], 1);
  const json& planned = report["plan"]["devices"][0]["planned"];
  const json& actual = report["actual"]["cpu"];
  EXPECT_EQ(actual["ledger_peak"], planned["total"].get<std::int64_t>() - planned["runtime"].get<std::int64_t>());
  EXPECT_GT(actual["rss_anon_peak"], 0);
  if (!plimsoll::testing::kSanitized) {
    EXPECT_LE(actual["rss_anon_peak"], planned["total"]);
  }
  for (const char* key : {"load_seconds", "first_result_seconds", "tokens_per_second"}) EXPECT_GT(report["timing"][key], 0) << key;
  EXPECT_LE(report["timing"]["load_seconds"], report["timing"]["first_result_seconds"]);
  EXPECT_FALSE(report["memory"].empty());
  EXPECT_LE(report["memory"].size(), 200U);
  const json& last = report["memory"].back();
  EXPECT_EQ(last["ledger"].get<std::int64_t>() + last["free"].get<std::int64_t>(),
            report["plan"]["devices"][0]["budget"].get<std::int64_t>());
  EXPECT_EQ(last["device"], "cpu");
  EXPECT_TRUE(report["events"].is_array());
}

TEST(Run, TheSummaryCountsSimulatedMemoryAsTheProcesssOwn) {
  const Folder folder;
  const Finished result = run({"run", fixture("models/bert"), "a film", "--sim", "memory=64MiB", "--report", folder / "r.json"});
  ASSERT_EQ(result.status, 0) << result.err;
  plimsoll::Bytes planned;
  const json report = json::parse(read_file(folder / "r.json"));
  for (const json& device : report["plan"]["devices"]) planned += plimsoll::Bytes{device["planned"]["total"].get<std::uint64_t>()};
  EXPECT_NE(result.err.find("of " + plimsoll::format_bytes(planned) + " planned"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace plimsoll::test
