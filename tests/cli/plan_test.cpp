// `plan`: the contract's object, and figures that hold.
#include <gtest/gtest.h>

#include "command.h"
#include "support/build.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;

const std::string kModel = fixture("models/bert");

json plan(std::vector<std::string> flags, int status = 0) {
  std::vector<std::string> arguments = {"plan", kModel, "--json"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const Finished result = run(arguments);
  EXPECT_EQ(result.status, status) << result.err;
  return result.rows().at(0);
}

std::vector<std::string> keys(const json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

using Names = std::vector<std::string>;

TEST(PlanPicture, KeepsToATerminal) {
  const std::int64_t least = plan({})["smallest_budget"]["cpu"];
  const std::vector<std::string> arguments = {"plan", kModel, "--max-memory", std::to_string(least)};
  const Finished shown = run(Start{arguments, {}, {"LC_ALL=C", "NO_COLOR=1"}, false, {}, Start::Terminal::all, 60});
  EXPECT_EQ(shown.status, 0);
  EXPECT_NE(shown.err.find("To fit"), std::string::npos) << shown.err;
  for (const std::string& line : screen(shown.err)) EXPECT_LE(line.size(), 60U) << line;
}

// The flag that gives a budget is memory of the process too.
TEST(PlanJson, NamesABudgetThatDoesBesideALargeEnvironment) {
  for (std::size_t pad = 0; pad < 4096; pad += 48) {
    const std::vector<std::string> variables = {"A=" + std::string(100'000, 'x'), "B=" + std::string(100'000 + pad, 'x')};
    const Finished planned = run(Start{{"plan", kModel, "--json", "a b c"}, {}, variables, false, {}});
    ASSERT_EQ(planned.status, 0) << planned.err;
    const auto least = planned.rows().at(0)["smallest_budget"]["cpu"].get<std::uint64_t>();
    const Finished answered =
        run(Start{{"run", kModel, "a b c", "--max-memory", "cpu=" + std::to_string(least)}, {}, variables, false, {}});
    EXPECT_EQ(answered.status, 0) << pad << ": " << answered.err;
  }
}

TEST(PlanJson, HasTheKeysOfTheContract) {
  const json whole = plan({});
  EXPECT_EQ(keys(whole), (Names{"alternatives", "arch", "compute_dtype", "devices", "dtype", "full_speed_budget", "layers", "model",
                                "predicted", "sacrifices", "schema", "smallest_budget", "task", "verdict", "warnings", "workload"}));
  EXPECT_EQ(keys(whole["workload"]), (Names{"longest", "texts_per_pass", "tokens_per_pass"}));
  EXPECT_EQ(keys(whole["devices"][0]), (Names{"budget", "free", "name", "planned", "total"}));
  EXPECT_EQ(keys(whole["devices"][0]["planned"]),
            (Names{"activations", "io", "kv", "runtime", "staging", "tables", "total", "weights", "workspace"}));
  EXPECT_EQ(keys(whole["layers"][0]), (Names{"bytes", "compute", "compute_dtype", "dtype", "home", "name"}));
  EXPECT_EQ(keys(whole["predicted"]), (Names{"load_seconds", "pass_seconds"}));
  ASSERT_FALSE(whole["alternatives"].empty());
  EXPECT_EQ(keys(whole["alternatives"][0]),
            (Names{"bytes", "compute_dtype", "device", "dtype", "pass_seconds", "quantize", "smallest_budget", "verdict"}));
  EXPECT_EQ(whole["schema"], 1);
  EXPECT_EQ(whole["arch"], "bert");
  EXPECT_EQ(whole["verdict"], "fits");
}

TEST(PlanJson, TotalsAreSums) {
  json planned = plan({})["devices"][0]["planned"];
  const auto total = planned["total"].get<std::int64_t>();
  planned.erase("total");
  std::int64_t sum = 0;
  for (const auto& [name, bytes] : planned.items()) sum += bytes.get<std::int64_t>();
  EXPECT_EQ(sum, total);
}

TEST(PlanJson, PlansForBatchAndLengthWithoutTexts) {
  const json whole = plan({"--batch-size", "4", "--max-length", "64"});
  EXPECT_EQ(whole["workload"]["longest"], 64);
  EXPECT_EQ(whole["workload"]["texts_per_pass"], 4);
  EXPECT_EQ(whole["workload"]["tokens_per_pass"], 256);
  EXPECT_EQ(plan({})["workload"]["longest"], 128);
}

TEST(PlanJson, MeasuresTexts) { EXPECT_EQ(plan({"I loved this film.", "meh"})["workload"]["longest"], 10); }

TEST(PlanJson, SmallestBudgetIsExact) {
  const std::int64_t least = plan({})["smallest_budget"]["cpu"];
  EXPECT_NE(plan({"--max-memory", std::to_string(least)})["verdict"], "does_not_fit");
  EXPECT_EQ(plan({"--max-memory", std::to_string(least - 4096)}, 6)["verdict"], "does_not_fit");
}

TEST(PlanJson, SmallestBudgetRuns) {
  const Finished refused = run({"run", kModel, "I loved this film.", "--json", "--max-memory", "1"});
  const std::int64_t least = json::parse(refused.err)["error"]["smallest_budget"]["cpu"];
  const Finished fits = run({"run", kModel, "I loved this film.", "--json", "--logits", "--max-memory", std::to_string(least)});
  EXPECT_EQ(fits.status, 0) << fits.err;
  EXPECT_EQ(run({"run", kModel, "I loved this film.", "--max-memory", std::to_string(least - 4096)}).status, 6);
  EXPECT_EQ(fits.out, run({"run", kModel, "I loved this film.", "--json", "--logits"}).out);
}

TEST(PlanJson, DoesNotFitIsPrintedAndAnError) {
  const Finished result = run({"plan", kModel, "--json", "--max-memory", "1"});
  EXPECT_EQ(result.status, 6);
  EXPECT_EQ(result.rows().at(0)["verdict"], "does_not_fit");
  EXPECT_EQ(json::parse(result.err)["error"]["smallest_budget"]["cpu"], result.rows()[0]["smallest_budget"]["cpu"]);
}

// A forbidden precision is not advised.
TEST(PlanJson, AdviceObeysWhatIsForbidden) {
  const std::vector<std::string> resident = {"plan", kModel, "hello", "--device", "sim:0", "--forbid", "stream,gather,microbatch"};
  const auto refusal = [&](const std::string& more) {
    std::vector<std::string> arguments = resident;
    arguments.back() += more;
    arguments.insert(arguments.end(), {"--sim", "memory=700KiB"});
    return run(arguments).err;
  };
  EXPECT_NE(refusal("").find("--dtype bfloat16"), std::string::npos) << refusal("");
  EXPECT_NE(refusal(",bfloat16").find("--dtype float16"), std::string::npos) << refusal(",bfloat16");
  EXPECT_EQ(refusal(",bfloat16,float16").find("--dtype"), std::string::npos) << refusal(",bfloat16,float16");
}

TEST(PlanJson, ADeviceThatHasNotAsMuchIsNotNamed) {
  const json two = plan({"hello", "--sim", "memory=100KiB"});
  EXPECT_EQ(keys(two["smallest_budget"]), Names{"cpu"});
  EXPECT_EQ(keys(two["full_speed_budget"]), Names{"cpu"});
  const Finished alone = run({"plan", kModel, "hello", "--json", "--sim", "memory=100KiB", "--device", "sim:0"});
  EXPECT_EQ(keys(alone.rows().at(0)["smallest_budget"]), Names{"sim:0"});
  EXPECT_NE(alone.err.find("sim:0 has 100 KiB in all"), std::string::npos) << alone.err;
  const Finished limited = run({"plan", kModel, "hello", "--sim", "memory=100KiB", "--device", "sim:0", "--max-memory", "sim:0=50KiB"});
  EXPECT_NE(limited.err.find("in all: use a smaller model"), std::string::npos) << limited.err;
  EXPECT_EQ(limited.err.find("raise --max-memory"), std::string::npos) << limited.err;
  const Finished drawn = run({"plan", kModel, "hello", "--sim", "memory=100KiB", "--device", "sim:0"});
  EXPECT_NE(drawn.out.find(", more than there is"), std::string::npos) << drawn.out;
}

// No flag is advised that brings nothing: where several devices have too little, or a device has not as much in all.
TEST(Plan, NoBudgetIsAdvisedWhereNoneWouldDo) {
  const auto refused = [&](const std::string& device_memory) {
    return run({"plan", kModel, "--max-length", "20", "--max-memory", "cpu=1500KiB,sim:0=10KiB", "--forbid", "stream,cpu,gather", "--sim",
                "memory=" + device_memory + ",latency=1us,compute=1TFLOP/s,link=1GB/s"});
  };
  const Finished several = refused("2MiB");
  EXPECT_EQ(several.out.find("--max-memory"), std::string::npos) << several.out;
  EXPECT_NE(several.out.find("Smallest budget: more than one device has too little\n"), std::string::npos) << several.out;
  EXPECT_NE(several.err.find("raise the budgets of all of them"), std::string::npos) << several.err;
  const Finished small = refused("10KiB");
  EXPECT_EQ(small.err.find("raise the budgets"), std::string::npos) << small.err;
  EXPECT_NE(small.err.find("(no device has enough): sim:0 has 10.0 KiB in all: use a smaller model"), std::string::npos) << small.err;
}

TEST(PlanJson, AnotherAcceleratorThanTheFastestIsNoSacrifice) {
  const json moved = plan({"hello", "--forbid", "cpu", "--sim", "memory=200KiB,latency=1us,compute=100TFLOP/s", "--sim",
                           "memory=64MiB,latency=1us,compute=90TFLOP/s"});
  EXPECT_EQ(moved["layers"][0]["compute"], "sim:1");
  EXPECT_EQ(moved["sacrifices"], json::array());
  EXPECT_EQ(moved["verdict"], "fits");
}

TEST(Plan, ALimitThatIsTooLowIsToBeRaised) {
  if (plimsoll::testing::kSanitized) GTEST_SKIP() << "a sanitizer needs more addresses than that";
  const Finished result = run(Start{{"/bin/sh", "-c", "ulimit -v 100000; exec \"$0\" \"$@\"", PLIMSOLL_COMMAND, "plan", kModel,
                                     "--batch-size", "50000", "--forbid", "microbatch"},
                                    {},
                                    {},
                                    false,
                                    {}});
  EXPECT_EQ(result.status, 6);
  EXPECT_NE(result.err.find("set by RLIMIT_AS): free "), std::string::npos) << result.err;
  EXPECT_NE(result.err.find(" under that limit or raise it, or use"), std::string::npos) << result.err;
}

// The system keeps them for the process: texts and variables alike.
TEST(Plan, ArgumentsAndEnvironmentAreCounted) {
  const auto planned = [](const std::vector<std::string>& more, const std::vector<std::string>& variables) {
    std::vector<std::string> arguments = {"plan", kModel, "--json", "--max-length", "8", "x"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return json::parse(run(Start{arguments, {}, variables, false, {}}).out)["devices"][0]["planned"]["runtime"].get<double>();
  };
  const std::vector<std::string> texts(8, std::string(100'000, 'a'));
  std::vector<std::string> variables;
  for (int i = 0; i < 8; ++i) variables.push_back("V" + std::to_string(i) + "=" + std::string(100'000, 'a'));
  const double few = planned({}, {});
  EXPECT_NEAR(planned(texts, {}) - few, 672e3, 8e3);
  EXPECT_NEAR(planned({}, variables) - few, 672e3, 8e3);
}

// What a bfloat16 checkpoint comes to with float32 products is asked for by --dtype float32.
TEST(PlanPicture, SaysWhichFlagAsksForAPrecision) {
  const Finished result = run({"plan", kModel});
  EXPECT_NE(result.out.find("\n  --dtype  Precision "), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("\n  float16  float16 in float32 "), std::string::npos) << result.out;
}

TEST(PlanPicture, ShowsBarTagsLayersPrecisionsAndBudgets) {
  const Finished result = run({"plan", kModel});
  EXPECT_EQ(result.status, 0);
  for (const char* part :
       {"(bert, classification): float32", "  [", "W weights", "R runtime", "total", "embeddings", "encoder.layer.0–1", "2 × ", "Precision",
        "bfloat16", "Smallest budget  --max-memory cpu=", "\nAt most 10% slower than with unlimited memory"}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
  }
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos);
  const Finished ascii = run(Start{{"plan", kModel}, {}, {"LC_ALL=C"}, false, {}});
  EXPECT_TRUE(std::ranges::all_of(ascii.out, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) << ascii.out;
}

TEST(Plan, SaysWhichRowsCannotBeUsed) {
  const Folder folder;
  const std::string rows = folder.write("rows.jsonl", "{\"text\": \"good\"}\n[1]\n[2]\n");
  const Finished told = run({"plan", kModel, "--input", rows});
  EXPECT_EQ(told.status, 0);
  EXPECT_NE(told.err.find("2 of 3 rows cannot be used"), std::string::npos) << told.err;
  const Finished stopped = run({"plan", kModel, "--input", rows, "--fail-fast"});
  EXPECT_EQ(stopped.status, 1);
  EXPECT_NE(stopped.err.find("row 1 (line 2) cannot be used"), std::string::npos) << stopped.err;
}

TEST(Plan, DoesNotWaitForStandardInput) {
  Process process({{"plan", kModel, "--json"}, {}, {}, false, {}});
  EXPECT_TRUE(process.read_line().has_value());
}

TEST(Devices, DescribesTheCpuAndRemembersItsRates) {
  const Folder folder;
  const Start start{{"devices", "--json"}, {}, {"XDG_CACHE_HOME=" + folder.path()}, false, {}};
  const Finished result = run(start);
  ASSERT_EQ(result.status, 0) << result.err;
  const json device = result.rows().at(0);
  EXPECT_EQ(device["name"], "cpu");
  for (const char* key : {"model", "isa", "set_by"}) EXPECT_TRUE(device[key].is_string()) << key;
  for (const char* key : {"total", "free", "budget", "threads"}) EXPECT_GT(device[key], 0) << key;
  EXPECT_TRUE(device["limits"].is_array());
  EXPECT_GT(device["rates"]["float32_flops"], 1e8);
  EXPECT_FALSE(names_in(folder.path()).empty());
}

TEST(Devices, SaysThatTheRatesAreNotRemembered) {
  const Start start{{"devices"}, {}, {"XDG_CACHE_HOME=/dev/null"}, false, {}};
  const Finished result = run(start);
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.err.find("warning: these rates are not remembered: cannot write"), std::string::npos) << result.err;
}

TEST(Bench, TimesEveryShape) {
  const Finished result = run({"bench", kModel, "--shapes", "1x16,3x20", "--repeat", "2", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const json bench = result.rows().at(0);
  ASSERT_EQ(bench["shapes"].size(), 2U);
  EXPECT_EQ(bench["shapes"][1]["texts"], 3);
  EXPECT_EQ(bench["shapes"][1]["tokens"], 20);
  for (const json& shape : bench["shapes"]) {
    EXPECT_GT(shape["best_seconds"], 0);
    EXPECT_LE(shape["best_seconds"], shape["median_seconds"]);
    EXPECT_GT(shape["flops_per_second"], 0);
  }
  EXPECT_GT(bench["peak_flops"], 1e8);
  EXPECT_GT(bench["ledger_peak"], 0);
  EXPECT_EQ(run({"bench", kModel, "--shapes", "1x100000"}).status, 2);
  const Finished shortest = run({"bench", kModel, "--shapes", "8x2", "--repeat", "1"});
  EXPECT_EQ(shortest.status, 0) << shortest.err;
  EXPECT_EQ(run({"bench", kModel, "--shapes", "big"}).status, 2);
}

}  // namespace
}  // namespace plimsoll::test
