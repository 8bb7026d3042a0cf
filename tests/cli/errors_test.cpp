// Exit codes and errors: one line for people, one object for programs.
#include <gtest/gtest.h>

#include "command.h"

namespace plimsoll::test {
namespace {

const std::string kModel = fixture("models/bert");

struct Case {
  const char* name;
  std::vector<std::string> arguments;
  int status;
  const char* says;
};

class Errors : public ::testing::TestWithParam<Case> {};

TEST_P(Errors, EndWithTheirCodeAndOneLine) {
  const Finished result = run(GetParam().arguments);
  EXPECT_EQ(result.status, GetParam().status);
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(result.err.starts_with("plimsoll: error: ")) << result.err;
  EXPECT_NE(result.err.find(GetParam().says), std::string::npos) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Errors,
    ::testing::Values(
        Case{"NoCommand", {}, 2, "plimsoll run ./model"}, Case{"UnknownCommand", {"rum"}, 2, "did you mean run?"},
        Case{"NoModel", {"run"}, 2, "for example: plimsoll run"},
        Case{"UnknownFlag", {"run", kModel, "--max-memry", "1GiB", "x"}, 2, "--max-memory"},
        Case{"UnknownFlagWithValue", {"plan", kModel, "--dtipe=float32"}, 2, "--dtype"},
        Case{"DashText", {"run", kModel, "-5 stars"}, 2, "put -- before"},
        Case{"MissingValue", {"run", kModel, "--input"}, 2, "--input FILE"},
        Case{"BadSize", {"plan", kModel, "--max-memory", "much"}, 2, "512MiB"},
        Case{"BudgetGivenTwice", {"plan", kModel, "--max-memory", "1MiB,cpu=2GiB"}, 2, "the cpu's budget is given twice"},
        Case{"HelpAsAValue", {"run", kModel, "x", "--input", "-h"}, 2, "one of the two"},
        Case{"BudgetOfTheDisk", {"plan", kModel, "--max-memory", "disk=5"}, 2, "leave disk out, or give disk=0"},
        Case{"BadCount", {"run", kModel, "x", "--batch-size", "0"}, 2, "from 1"},
        Case{"TooManyThreads", {"run", kModel, "x", "--threads", "257"}, 2, "from 1 to 256"},
        Case{"NotAShape", {"bench", kModel, "--shapes", "x"}, 2, "'x' is not a shape"},
        Case{"BadDtype", {"run", kModel, "x", "--dtype", "float31"}, 2, "did you mean float32"},
        Case{"DtypeByAnotherName", {"run", kModel, "x", "--dtype", "fp16"}, 2, "did you mean float16?"},
        Case{"QuantizationAsDtype", {"run", kModel, "x", "--dtype", "int8"}, 2, "use --dtype bfloat16 to halve"},
        Case{"AllowByAnotherName", {"run", kModel, "x", "--allow", "bf16"}, 2, "did you mean bfloat16?"},
        Case{"AllowOfNoType", {"run", kModel, "x", "--allow", "float64"}, 2, "It takes bfloat16 or float16\n"},
        Case{"Rung", {"run", kModel, "x", "--forbid", "stram"}, 2, "did you mean stream?"},
        Case{"ManyFlags", {"run", kModel, "x", "-" + std::string(20'000, 'v')}, 2, "more than 16384 words"},
        Case{"LogitsAsText", {"run", kModel, "x", "--logits"}, 2, "(--logits): add --json"},
        Case{"ShapeBeyondReason", {"bench", kModel, "--shapes", "1000000x128"}, 2, "128000000 tokens"},
        Case{"HelpOfNothing", {"help", "rum"}, 2, "did you mean run?"},
        Case{"HelpOfWhatIsNotBuilt", {"help", "guard"}, 4, "guard is not built yet"},
        Case{"NearlyVersion", {"versoin"}, 2, "did you mean version?"},
        Case{"InputIsDevice", {"run", kModel, "--input", "/dev/zero"}, 3, "not a regular file"},
        Case{"TooLong", {"run", kModel, "x", "--max-length", "100000"}, 2, "128"},
        Case{"NoRoomForSpecialTokens",
             {"run", kModel, "x", "--max-length", "1"},
             2,
             "a text of 1 token has no room for the 2 special ones (--max-length): give 2 or more"},
        Case{"EmptyInput", {"run", kModel, "--input", ""}, 2, "the value is empty (--input)"},
        Case{"EmptyOutput", {"tokenize", kModel, "x", "--output="}, 2, "the value is empty (--output)"},
        Case{"EmptyReport", {"run", kModel, "x", "--report", ""}, 2, "the value is empty (--report)"},
        Case{"ForbiddenDtype", {"run", kModel, "x", "--forbid", "bfloat16", "--dtype", "bfloat16"}, 2, "(--forbid and --dtype)"},
        Case{"ForbiddenAndAllowed", {"plan", kModel, "--forbid", "stream,float16", "--allow", "float16"}, 2, "(--forbid and --allow)"},
        Case{"Json", {"run", kModel, "--input", "rows.json"}, 2, "(rows.json): add --jsonl"},
        Case{"DashAndInput", {"run", kModel, "-", "--input", "y.txt"}, 2, "one of the two"},
        Case{"TwoSources", {"run", kModel, "x", "--input", "y.txt"}, 2, "one of the two"},
        Case{"JsonLinesAsArguments",
             {"run", kModel, "{\"text\": \"x\"}", "--jsonl"},
             2,
             "(--jsonl): leave it out, or give the objects by --input"},
        Case{"SurplusArgument", {"devices", "cpu"}, 2, "too many"}, Case{"UnknownShell", {"completion", "fihs"}, 2, "did you mean fish?"},
        Case{"NoFolder", {"run", "/nonexistent/model", "x"}, 3, "/nonexistent/model"},
        Case{"NoInput", {"run", kModel, "--input", "/nonexistent.txt"}, 3, "/nonexistent.txt"},
        Case{"InputIsFolder", {"run", kModel, "--input", "/tmp"}, 3, "a directory"},
        Case{"OutputNowhere", {"run", kModel, "x", "--output", "/proc/nowhere/x"}, 3, "/proc/nowhere/x"},
        Case{"Sim", {"run", kModel, "x", "--sim", "memory=2GiB,speed=1"}, 2, "speed"},
        Case{"SimWithoutMemory", {"run", kModel, "x", "--sim", "used=2GiB"}, 2, "memory"},
        Case{"AbsentSim", {"run", kModel, "x", "--sim", "memory=2GiB", "--device", "sim:1"}, 2, "there is no device sim:1"},
        Case{"DeviceMap", {"plan", kModel, "--device-map=balancd"}, 2, "did you mean balanced?"},
        Case{"NoDeviceMap", {"plan", kModel, "--device-map", "nowhere/map.json"}, 3, "nowhere/map.json"},
        Case{"MapAndDevice", {"run", kModel, "x", "--device-map=balanced", "--device=cpu"}, 2, "one of --device"},
        Case{"Fallback", {"run", kModel, "x", "--fallback", "/nonexistent/other"}, 3, "/nonexistent/other"},
        Case{"Wait", {"run", kModel, "x", "--wait", "3s"}, 4, "--wait is not built yet"},
        Case{"Int8", {"run", kModel, "x", "--quantize", "int8"}, 4, "int8 is not built yet"},
        Case{"Task", {"run", kModel, "x", "--task", "qa"}, 4, "qa is not built yet"}, Case{"Guard", {"guard"}, 4, "guard is not built yet"},
        Case{"TwoLogs", {"doctor", "a", "b"}, 2, "cat A B | plimsoll doctor"},
        Case{"NothingInLog", {"doctor", "-"}, 3, "nothing about want of memory"},
        Case{"Quantize", {"quantize", kModel, "out", "--to", "int8"}, 4, "not built yet"},
        Case{"DoesNotFit", {"run", kModel, "x", "--max-memory", "4KiB"}, 6, "raise --max-memory"}),
    [](const auto& each) { return each.param.name; });

TEST(ErrorObject, HasEveryFieldOfTheContract) {
  const Finished result = run({"run", kModel, "x", "--json", "--max-memory", "4KiB"});
  EXPECT_EQ(result.status, 6);
  const auto error = nlohmann::json::parse(result.err).at("error");
  EXPECT_EQ(error.at("code"), "does_not_fit");
  EXPECT_EQ(error.at("device"), "cpu");
  EXPECT_EQ(error.at("limit_bytes"), 4096);
  EXPECT_GT(error.at("requested_bytes"), 4096);
  EXPECT_TRUE(error.at("free_bytes").is_number_unsigned());
  EXPECT_GT(error.at("smallest_budget").at("cpu"), 4096);
  EXPECT_TRUE(error.at("holders").is_array());
}

TEST(ErrorObject, HasNullsForWhatIsUnknown) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"run", "--json", "--nonsense"}, {"run", "/nonexistent", "x", "--json"}}) {
    const Finished result = run(arguments);
    const auto error = nlohmann::json::parse(result.err).at("error");
    EXPECT_EQ(error.at("code"), result.status == 2 ? "usage" : "not_found");
    EXPECT_TRUE(error.at("message").is_string());
    for (const char* key : {"device", "requested_bytes", "free_bytes", "limit_bytes", "smallest_budget", "holders"})
      EXPECT_TRUE(error.at(key).is_null()) << key;
  }
}

TEST(Environment, StandsInForFlagsAndLosesToThem) {
  const Finished bad = run(Start{{"run", kModel, "x"}, {}, {"PLIMSOLL_BATCH_SIZE=many"}, false, {}});
  EXPECT_EQ(bad.status, 2);
  EXPECT_NE(bad.err.find("PLIMSOLL_BATCH_SIZE"), std::string::npos) << bad.err;
  const Finished overruled = run(Start{{"run", kModel, "x", "--batch-size", "2"}, {}, {"PLIMSOLL_BATCH_SIZE=many"}, false, {}});
  EXPECT_EQ(overruled.status, 0) << overruled.err;
  const Finished json = run(Start{{"run", kModel, "x"}, {}, {"PLIMSOLL_JSON=1"}, false, {}});
  EXPECT_EQ(json.rows().size(), 1U);
  const Finished json_error = run(Start{{"run", "/nonexistent", "x"}, {}, {"PLIMSOLL_JSON=1"}, false, {}});
  EXPECT_EQ(nlohmann::json::parse(json_error.err).at("error").at("code"), "not_found");
  const auto is_object = [](const std::vector<std::string>& flags, const std::string& variable) {
    std::vector<std::string> arguments = {"run", "/nonexistent", "x"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    arguments.emplace_back("--nonsense");
    return run(Start{arguments, {}, {variable}, false, {}}).err.starts_with("{");
  };
  EXPECT_TRUE(is_object({"--json=true"}, "PLIMSOLL_JSON="));
  EXPECT_TRUE(is_object({"--json=0", "--json"}, "PLIMSOLL_JSON="));
  EXPECT_FALSE(is_object({"--json", "--json=false"}, "PLIMSOLL_JSON="));
  EXPECT_FALSE(is_object({"--json=false"}, "PLIMSOLL_JSON=1"));
  const Finished off = run(Start{{"run", kModel, "x"}, {}, {"PLIMSOLL_JSON=0"}, false, {}});
  EXPECT_NE(off.out.find('\t'), std::string::npos);
  const Finished isa = run(Start{{"run", kModel, "x"}, {}, {"PLIMSOLL_ISA=mmx"}, false, {}});
  EXPECT_EQ(isa.status, 2);
  const Finished texts = run(Start{{"run", kModel, "x"}, {}, {"PLIMSOLL_INPUT=/nonexistent.txt"}, false, {}});
  EXPECT_EQ(texts.status, 0) << texts.err;
  const Finished logits = run(Start{{"run", kModel, "x"}, {}, {"PLIMSOLL_LOGITS=1"}, false, {}});
  EXPECT_NE(logits.err.find("(PLIMSOLL_LOGITS): add --json"), std::string::npos) << logits.err;
  const Finished late = run(Start{{"run", kModel, "x"}, {}, {"PLIMSOLL_MAX_LENGTH=100000"}, false, {}});
  EXPECT_NE(late.err.find("(PLIMSOLL_MAX_LENGTH)"), std::string::npos) << late.err;
  const Finished given = run(Start{{"run", kModel, "x", "--max-length", "100000"}, {}, {"PLIMSOLL_MAX_LENGTH=100000"}, false, {}});
  EXPECT_NE(given.err.find("(--max-length)"), std::string::npos) << given.err;
  const Finished small = run(Start{{"run", kModel, "x"}, {}, {"PLIMSOLL_MAX_MEMORY=4KiB"}, false, {}});
  EXPECT_NE(small.err.find("set by PLIMSOLL_MAX_MEMORY): raise PLIMSOLL_MAX_MEMORY to"), std::string::npos) << small.err;
  const Finished unbuilt = run(Start{{"run", kModel, "x"}, {}, {"PLIMSOLL_WAIT=3s"}, false, {}});
  EXPECT_EQ(unbuilt.status, 4);
  const Finished simulated = run(Start{{"run", kModel, "x"}, {}, {"PLIMSOLL_SIM=memory=1GiB,latency=1us"}, false, {}});
  EXPECT_NE(simulated.err.find("in sim:0 memory"), std::string::npos) << simulated.err;
}

}  // namespace
}  // namespace plimsoll::test
