// Devices that fail under `run`, by scripts of simulated ones: the same answers, one line each, and events in the report.
#include <gtest/gtest.h>

#include <thread>

#include "command.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;

constexpr const char* kMemory = "memory=64MiB,latency=1us";

struct Told {
  Finished finished;
  json events;
};

/// `script` is for sim:0.
Told run_with(const std::string& script, std::vector<std::string> flags = {}) {
  const Folder folder;
  const std::string file = folder.write("script", script + "\n");
  std::vector<std::string> arguments = {"run",
                                        fixture("models/bert"),
                                        "I loved this film.",
                                        "not good at all",
                                        "--json",
                                        "--logits",
                                        "--report",
                                        folder / "report.json",
                                        "--sim",
                                        std::string(kMemory) + ",script=" + file};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  Told told{run(arguments), {}};
  const std::string report = read_file(folder / "report.json");
  if (!report.empty()) told.events = json::parse(report).at("events");
  return told;
}

/// Lines of standard error but the summary.
std::vector<std::string> told_lines(const std::string& err) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < err.size();) {
    const std::size_t end = err.find('\n', at);
    const std::string line = err.substr(at, end - at);
    if (line.find("tokens/s") == std::string::npos) lines.push_back(line);
    at = end + 1;
  }
  return lines;
}

void expect_answers(const Told& told, const std::string& script) {
  static const std::string kExpected =
      run({"run", fixture("models/bert"), "I loved this film.", "not good at all", "--json", "--logits"}).out;
  EXPECT_EQ(told.finished.status, 0) << script << told.finished.err;
  EXPECT_EQ(told.finished.out, kExpected) << script;
}

TEST(DeviceRecovery, EveryEventIsALineAndInTheReport) {
  struct Case {
    const char* script;
    std::vector<std::string> kinds;
    const char* says;
  };
  const std::vector<Case> cases = {
      {"at=load:0 others=+63MiB", {"kept"}, "others took 63.0 MiB of sim:0"},
      {"at=load:0.5 others=+63MiB", {"kept"}, "nothing changes"},
      {"at=load:0 others=+64MiB", {"replanned"}, "on sim:0 instead of"},
      {"at=load:0 fail=copy:1", {"recovered"}, "once more"},
      {"at=load:0 fail=pin:1", {"recovered"}, "copied as pageable memory, slower"},
      {"at=load:0.5 lost", {"replanned"}, "not used again"},
      {"at=layer:0 fail=launch:1", {"recovered"}, "begun again"},
      {"at=layer:0 fail=copy:1+", {"recovered", "recovered"}, "not used again"},
      {"at=layer:1 lost", {"recovered"}, "not used again"},
      {"at=layer:0 hang", {"recovered"}, "not answered for 30 s"},
  };
  for (const Case& one : cases) {
    const Told told = run_with(one.script);
    expect_answers(told, one.script);
    const std::vector<std::string> lines = told_lines(told.finished.err);
    ASSERT_EQ(told.events.size(), one.kinds.size()) << one.script << "\n" << told.finished.err;
    EXPECT_EQ(lines.size(), one.kinds.size()) << told.finished.err;
    for (std::size_t i = 0; i < one.kinds.size(); ++i) {
      EXPECT_EQ(told.events[i]["kind"], one.kinds[i]) << one.script;
      EXPECT_EQ(told.events[i]["device"], "sim:0") << one.script;
      EXPECT_EQ(lines[i], "plimsoll: " + told.events[i]["message"].get<std::string>());
    }
    if (!lines.empty()) {
      EXPECT_NE(lines.back().find(one.says), std::string::npos) << lines.back();
    }
  }
}

TEST(DeviceRecovery, TheSummaryTellsWhereTheWeightsWereInTheEnd) {
  EXPECT_NE(run_with("at=pass:9 lost").finished.err.find("in sim:0 memory"), std::string::npos);
  const std::string err = run_with("at=layer:1 lost").finished.err;
  EXPECT_NE(err.find("float32; "), std::string::npos) << err;
  EXPECT_EQ(err.find("in sim:0 memory"), std::string::npos) << err;
}

TEST(DeviceRecovery, ADeviceThatIsLostAtTheStartIsLeftOutUnlessItIsNamed) {
  const Told left_out = run_with("at=start lost");
  EXPECT_EQ(left_out.finished.status, 0) << left_out.finished.err;
  EXPECT_NE(left_out.finished.err.find("sim:0 is not used: the device is lost"), std::string::npos) << left_out.finished.err;
  EXPECT_EQ(run_with("at=start lost", {"--device", "sim:0"}).finished.status, 1);
}

TEST(DeviceRecovery, WithNothingButTheDeviceItIsATypedErrorWithTheRightExitCode) {
  const Told lost = run_with("at=layer:1 lost", {"--device", "sim:0"});
  EXPECT_EQ(lost.finished.status, 1);
  const json error = json::parse(lost.finished.err).at("error");
  EXPECT_EQ(error["code"], "device_lost");
  EXPECT_EQ(error["device"], "sim:0");
  EXPECT_EQ(lost.finished.out, "");

  const Told taken = run_with("at=load:0 others=+64MiB", {"--device", "sim:0"});
  EXPECT_EQ(taken.finished.status, 6);
  EXPECT_NE(taken.finished.err.find("\"device\": \"sim:0\""), std::string::npos) << taken.finished.err;
  EXPECT_NE(taken.finished.err.find("\"smallest_budget\": {"), std::string::npos) << taken.finished.err;
}

TEST(DeviceRecovery, FreeMemoryOfADeviceIsTakenOnceItIsBack) {
  const Folder folder;
  const std::string script = folder.write("script", "at=load:0 others=+64MiB\nat=pass:2 others=-64MiB\n");
  Process process(
      {{"run", fixture("models/bert"), "--json", "--report", folder / "report.json", "--sim", std::string(kMemory) + ",script=" + script},
       {},
       {},
       false,
       {}});
  const auto answer = [&] {
    process.write("I loved this film.\n");
    const auto line = process.read_line();
    ASSERT_TRUE(line);
    EXPECT_NE(line->find("\"label\""), std::string::npos);
  };
  answer();
  answer();
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // the watcher waits until it is calm
  answer();
  process.close_input();
  const Finished finished = process.wait();
  EXPECT_EQ(finished.status, 0) << finished.err;
  const json events = json::parse(read_file(folder / "report.json")).at("events");
  ASSERT_EQ(events.size(), 2U) << finished.err;
  EXPECT_EQ(events[0]["kind"], "replanned");
  EXPECT_EQ(events[1]["kind"], "grown");
  EXPECT_EQ(events[1]["device"], "sim:0");
}

}  // namespace
}  // namespace plimsoll::test
