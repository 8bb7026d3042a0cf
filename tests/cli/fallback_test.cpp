// --fallback: which model answers, which rows, and what is said about it.
#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "command.h"
#include "support/tiny_model.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;
using testing::TinyModel;

const TinyModel kLarge{.hidden = 256, .heads = 8, .intermediate = 512, .positions = 256};
const TinyModel kSmall{.seed = 2};

class Fallback : public ::testing::Test {
 protected:
  Fallback() {
    write("large", kLarge);
    write("small", kSmall);
  }

  void write(const std::string& name, const TinyModel& model) const {
    std::filesystem::create_directory(folder_ / name);
    testing::write_tiny_model(folder_ / name, model);
  }

  std::uint64_t smallest(const std::string& name) const {
    const Finished plan = run({"plan", folder_ / name, "--json", "--input", texts_});
    return plan.rows().at(0).at("smallest_budget").at("cpu");
  }

  /// `run large`, with so many bytes less than it needs at least.
  Finished refused(std::uint64_t missing, const std::vector<std::string>& flags) const {
    std::vector<std::string> arguments = {
        "run", folder_ / "large", "--json", "--logits", "--input", texts_, "--max-memory", std::to_string(smallest("large") - missing)};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return run(arguments);
  }

  const Folder folder_;
  const std::string texts_ = folder_.write("texts.txt", "w1 w2\nw3\nw4 w5 w6 " + testing::tiny_text(kLarge, 120, 3) + "\n");
};

std::ptrdiff_t lines(const std::string& text) { return std::ranges::count(text, '\n'); }

TEST_F(Fallback, AnswersWhereTheModelHasNoRoom) {
  const Finished there = refused(4096, {"--fallback", folder_ / "small"});
  ASSERT_EQ(there.status, 0) << there.err;
  const Finished alone = run({"run", folder_ / "small", "--json", "--logits", "--input", texts_});
  auto rows = there.rows();
  for (json& row : rows) {
    EXPECT_EQ(row.at("model"), folder_ / "small");
    row.erase("model");
  }
  EXPECT_EQ(rows, alone.rows()) << "its own answers, to the bit";
  EXPECT_EQ(lines(there.err), lines(alone.err) + 1) << there.err;
  EXPECT_NE(there.err.find("large needs at least"), std::string::npos) << there.err;
  EXPECT_NE(there.err.find("small answers"), std::string::npos) << there.err;
}

TEST_F(Fallback, IsNotAskedWhereTheModelFits) {
  const Finished with = refused(0, {"--fallback", folder_ / "small"});
  ASSERT_EQ(with.status, 0) << with.err;
  for (const json& row : with.rows()) EXPECT_EQ(row.at("model"), folder_ / "large");
  EXPECT_EQ(with.err.find("small answers"), std::string::npos) << with.err;
  EXPECT_FALSE(refused(0, {}).rows().at(0).contains("model")) << "nothing to tell apart";
}

TEST_F(Fallback, IsNamedInPlainRowsToo) {
  const Finished result = run({"run", folder_ / "large", "w1", "--fallback", folder_ / "small"});
  EXPECT_TRUE(result.out.ends_with("\t" + (folder_ / "large") + "\tw1\n")) << result.out;
}

TEST_F(Fallback, ChainIsTriedInOrder) {
  write("middle", kLarge);
  const Finished result =
      refused(4096, {"--fallback", folder_ / "middle", "--fallback", folder_ / "small", "--fallback", folder_ / "small"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.rows().at(0).at("model"), folder_ / "small");
  const std::size_t first = result.err.find("large needs at least");
  const std::size_t second = result.err.find("middle needs at least");
  EXPECT_LT(first, second) << result.err;
  EXPECT_LT(second, result.err.find("small answers")) << result.err;
  EXPECT_EQ(result.err.find('\n', first), result.err.find('\n', second)) << "one line";
  EXPECT_EQ(result.err.find("middle answers"), std::string::npos) << result.err;
}

TEST_F(Fallback, NamesTheSmallestBudgetOfEachWhenNoneFits) {
  const std::uint64_t least = smallest("small");
  const Finished result = run({"run", folder_ / "large", "--json", "--input", texts_, "--max-memory", std::to_string(least - 4096),
                               "--fallback", folder_ / "small"});
  EXPECT_EQ(result.status, 6);
  EXPECT_EQ(result.out, "");
  const json error = json::parse(result.err).at("error");
  EXPECT_EQ(error.at("code"), "does_not_fit");
  EXPECT_EQ(error.at("smallest_budget").at("cpu"), least) << "the budget that would do";
  const std::string text = error.at("message");
  for (const char* name : {"large", "small"}) {
    const std::string budget = (folder_ / name) + " needs at least cpu=" + std::to_string(smallest(name) / 1024) + "KiB";
    EXPECT_NE(text.find(budget), std::string::npos) << text << "\n" << budget;
  }
  EXPECT_EQ(
      run({"run", folder_ / "large", "--input", texts_, "--max-memory", std::to_string(least), "--fallback", folder_ / "small"}).status, 0);
}

TEST_F(Fallback, WithOtherAnswersIsRefusedAtStart) {
  write("four", {.labels = 4});
  const std::vector<std::pair<std::string, std::string>> others = {{folder_ / "four", "label 3"},
                                                                   {fixture("models/bert"), "negative, neutral, positive"},
                                                                   {fixture("models/bert-regression"), "a value"}};
  for (const auto& [other, says] : others) {
    const std::vector<std::string> command = {"run", folder_ / "large", "w1", "--fallback", folder_ / "small", "--fallback", other};
    const Finished result = run(command);
    EXPECT_EQ(result.status, 2) << other;
    EXPECT_EQ(result.out, "") << "nothing is computed";
    EXPECT_NE(result.err.find(says), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("--fallback-any-labels"), std::string::npos) << result.err;
    EXPECT_EQ(run({"plan", folder_ / "large", "w1", "--fallback", other}).status, 2);
    auto permitted = command;
    permitted.emplace_back("--fallback-any-labels");
    EXPECT_EQ(run(permitted).status, 0) << other;
  }
}

TEST_F(Fallback, MayOrderItsLabelsAsItLikesUnlessLogitsAreRead) {
  json config = json::parse(read_file(folder_ / "small/config.json"));
  std::swap(config["id2label"]["0"], config["id2label"]["1"]);
  folder_.write("small/config.json", config.dump());
  EXPECT_EQ(run({"run", folder_ / "large", "w1", "--fallback", folder_ / "small", "--json"}).status, 0);
  EXPECT_EQ(run({"run", folder_ / "large", "w1", "--fallback", folder_ / "small", "--json", "--logits"}).status, 2);
}

TEST_F(Fallback, ThatCannotServeIsAnErrorAtStart) {
  EXPECT_EQ(run({"run", folder_ / "large", "w1", "--fallback", "/nonexistent/model"}).status, 3);
  write("deep", {.layers = 3});
  const std::string map = folder_.write("map.json", R"({"bert.encoder.layer.2": "cpu", "": "cpu"})");
  EXPECT_EQ(run({"run", folder_ / "deep", "w1", "--device-map", map}).status, 0);
  const Finished shallow = run({"run", folder_ / "deep", "w1", "--device-map", map, "--fallback", folder_ / "small"});
  EXPECT_EQ(shallow.status, 2) << "before the map is needed";
  EXPECT_NE(shallow.err.find("small: the model has no module bert.encoder.layer.2"), std::string::npos) << shallow.err;
  const Finished result = run({"run", folder_ / "large", "w1", "--max-length", "100", "--fallback", folder_ / "small"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("small: "), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("64"), std::string::npos) << result.err;
}

TEST_F(Fallback, IsForbiddenWithItsRung) {
  for (const std::string flag : {"--strict-fit", "--forbid=fallback"}) {
    EXPECT_EQ(refused(4096, {"--fallback", folder_ / "small", flag}).status, 6) << flag;
  }
}

TEST_F(Fallback, IsARungOfThePlan) {
  const std::string budget = std::to_string(smallest("large") - 4096);
  const Finished result =
      run({"plan", folder_ / "large", "--json", "--input", texts_, "--max-memory", budget, "--fallback", folder_ / "small"});
  ASSERT_EQ(result.status, 0) << result.err;
  const json plan = result.rows().at(0);
  EXPECT_EQ(plan.at("model"), folder_ / "small");
  EXPECT_EQ(plan.at("verdict"), "fits_degraded");
  EXPECT_EQ(plan.at("sacrifices").at(0).at("rung"), "fallback");
  const std::string none = std::to_string(smallest("small") - 4096);
  const Finished refusal =
      run({"plan", folder_ / "large", "--json", "--input", texts_, "--max-memory", none, "--fallback", folder_ / "small"});
  EXPECT_EQ(refusal.status, 6);
  EXPECT_EQ(refusal.rows().at(0).at("verdict"), "does_not_fit");
}

TEST_F(Fallback, IsAnEventOfTheReport) {
  const Finished result = refused(4096, {"--fallback", folder_ / "small", "--report", folder_ / "report.json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const json report = json::parse(read_file(folder_ / "report.json"));
  EXPECT_EQ(report.at("plan").at("model"), folder_ / "small");
  const json& event = report.at("events").at(0);
  EXPECT_EQ(event.at("kind"), "replanned");
  EXPECT_EQ(event.at("rung"), "fallback");
  EXPECT_EQ(event.at("requested_bytes"), smallest("large"));
  const json& planned = report.at("plan").at("devices").at(0).at("planned");
  EXPECT_EQ(report.at("actual").at("cpu").at("ledger_peak"),
            planned.at("total").get<std::int64_t>() - planned.at("runtime").get<std::int64_t>());
}

TEST_F(Fallback, WorksOnASimulatedDevice) {
  const Finished result =
      run({"run", folder_ / "large", "w1 w2", "--json", "--forbid=stream,cpu", "--sim", "memory=1MiB", "--fallback", folder_ / "small"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.rows().at(0).at("model"), folder_ / "small");
}

TEST_F(Fallback, AnswersTheRestWhereADeviceIsLost) {
  const std::string device = "memory=64MiB,compute=1TFLOP/s,script=" + folder_.write("lost", "at=pass:2,layer:0 lost\n");
  const Finished result = run({"run", folder_ / "large", "--json", "--forbid=cpu", "--batch-size", "1", "--input", texts_, "--sim", device,
                               "--fallback", folder_ / "small"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto rows = result.rows();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows.front().at("model"), folder_ / "large");
  EXPECT_EQ(rows.back().at("model"), folder_ / "small");
}

}  // namespace
}  // namespace plimsoll::test
