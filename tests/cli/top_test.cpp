// `top --once`, `--json` and `--watch`, `ps` and `devices`, with devices of a stand-in for the driver's library.
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command.h"
#include "support/nvml_script.h"
#include "support/tiny_model.h"

namespace plimsoll::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using plimsoll::testing::NvmlScript;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kModel = fixture("models/bert");

class Top : public ::testing::Test {
 protected:
  Start start(std::vector<std::string> arguments, std::vector<std::string> more = {}) const {
    Start start;
    start.arguments = std::move(arguments);
    start.environment = {"LD_LIBRARY_PATH=" PLIMSOLL_STAND_IN_FOLDER, "NVML_STAND_IN=" + script_.path(),
                         "XDG_RUNTIME_DIR=" + folder_.path(), "XDG_CACHE_HOME=" + folder_.path()};
    start.environment.insert(start.environment.end(), more.begin(), more.end());
    return start;
  }

  NvmlScript script_;
  const Folder folder_;
};

TEST_F(Top, PrintsEverythingAsOneObject) {
  script_.set(
      "devices 2\nmemory 1 42949672960 21474836480 21474836480 0\nprocess 1 1 20000000000\nxid 1 79\nDeviceGetPowerUsage 0 error 3\n");
  const Finished result = run(start({"top", "--json"}, {"CUDA_VISIBLE_DEVICES=1"}));
  ASSERT_EQ(result.status, 0) << result.err;
  ASSERT_EQ(result.rows().size(), 1U);
  const json look = result.rows()[0];
  EXPECT_EQ(look["schema"], 1);
  EXPECT_EQ(look["driver"], "999.42");
  const json& host = look["host"];
  EXPECT_GT(host["total"], 0);
  EXPECT_GT(host["budget"], 0);
  EXPECT_TRUE(host["set_by"].is_string());
  EXPECT_TRUE(host["waiting"].contains("memory_full"));
  EXPECT_TRUE(host["processes"].is_array());
  ASSERT_EQ(look["devices"].size(), 2U);
  EXPECT_TRUE(look["devices"][0]["power"].is_null());
  EXPECT_EQ(look["devices"][0]["remarks"], json::array({"power is unknown: not supported by this device"}));
  EXPECT_TRUE(look["devices"][0]["cuda"].is_null());
  const json& device = look["devices"][1];
  EXPECT_EQ(device["cuda"], 0);
  EXPECT_EQ(device["busy"], 21474836480);
  EXPECT_EQ(device["power"], 52.3);
  EXPECT_EQ(device["pcie"]["generation"], 4);
  EXPECT_EQ(device["throttled"], json::array());
  EXPECT_EQ(device["processes"][0]["bytes"], 20000000000);
  EXPECT_EQ(look["runs"], json::array());
}

TEST_F(Top, WatchesAtAPaceUntilItIsStopped) {
  script_.set("devices 1\n");
  Process process(start({"top", "--json", "--watch", "0.2"}));
  double before = 0;
  for (int i = 0; i < 4; ++i) {
    const auto line = process.read_line();
    ASSERT_TRUE(line);
    const double time = json::parse(*line)["time"];
    EXPECT_GT(time - before, 0.15);
    before = time;
    if (i == 1) script_.set("devices 1\ntemperature 0 77\n");
  }
  const auto line = process.read_line();
  EXPECT_EQ(json::parse(line.value())["devices"][0]["temperature"], 77);
  process.signal(SIGINT);
  const Finished stopped = process.wait();
  EXPECT_EQ(stopped.status, 130);
  EXPECT_EQ(json::parse(stopped.err)["error"]["message"], "stopped on request (SIGINT)");
}

TEST_F(Top, EndsWithItsReader) {
  Process process(start({"top", "--json", "--watch", "0.05"}));
  ASSERT_TRUE(process.read_line());
  process.close_output();
  EXPECT_EQ(process.wait(20s).status, 141);
}

TEST_F(Top, WorksWithoutADriver) {
  Start bare = start({"top", "--json"});
  bare.environment[0] = "LD_LIBRARY_PATH=/nonexistent";
  const Finished result = run(bare);
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.rows()[0]["devices"], json::array());
  EXPECT_EQ(result.rows()[0]["remarks"].size(), 1U);
}

TEST_F(Top, DrawsOnceForAnyWidthOfItsReader) {
  script_.set("devices 8\nprocess 3 1 12345678901\nDeviceGetTemperature 5 error 15\n");
  for (const std::string columns : {"80", "200"}) {
    const Finished result = run(start({"top", "--once"}, {"COLUMNS=" + columns}));
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("gpu:7"));
    EXPECT_THAT(result.out, HasSubstr("! temperature and what comes after it are unknown: the device has "));
    EXPECT_THAT(result.out, HasSubstr("fallen off the bus")) << "on the next line where it has no room";
    EXPECT_EQ(result.out.find('\x1b'), std::string::npos) << "no colours in a pipe";
  }
}

TEST_F(Top, NeedsATerminalForTheWholeScreen) {
  EXPECT_THAT(run(start({"top"})).err, HasSubstr("add --once"));
  EXPECT_EQ(run(start({"top"})).status, 2);
  EXPECT_EQ(run(start({"top", "--watch", "0"})).status, 2);
  EXPECT_EQ(run(start({"top", "--watch", "fast"})).status, 2);
  EXPECT_EQ(run(start({"top", "surplus"})).status, 2);
  Start dumb = start({"top"}, {"TERM=dumb"});
  dumb.terminal = Start::Terminal::all;
  Process process(dumb);
  const Finished result = process.wait();
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("add --once"));
}

TEST_F(Top, ADriverThatHangsIsSaidAndLeftBehind) {
  script_.set("devices 2\nDeviceGetName 0 hang\n");
  const Finished result = run(start({"top", "--once"}));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("! name and what comes after it are unknown: the driver did not answer \n          within 2 s"));
  EXPECT_THAT(result.out, HasSubstr("gpu:0   memory unknown")) << "nothing more was asked";
  EXPECT_THAT(result.out, HasSubstr("gpu:1"));
}

TEST_F(Top, SaysWhetherAModelFitsNow) {
  script_.set("devices 2\nmemory 0 42949672960 10000 42949662960 0\n");
  const Finished result = run(start({"top", "--json", "--model", kModel}));
  ASSERT_EQ(result.status, 0) << result.err;
  const json fits = result.rows()[0]["fits"];
  ASSERT_EQ(fits.size(), 3U) << fits;
  EXPECT_EQ(fits[0]["device"], "cpu");
  EXPECT_EQ(fits[0]["verdict"], "fits");
  EXPECT_EQ(fits[1]["device"], "cuda:0");
  EXPECT_EQ(fits[1]["verdict"], "does_not_fit");
  EXPECT_EQ(fits[2]["verdict"], "fits");
  EXPECT_GT(fits[2]["planned"], 0);
  EXPECT_LE(fits[2]["smallest_budget"], fits[2]["planned"]);
  EXPECT_THAT(run(start({"top", "--once", "--model", kModel})).out, HasSubstr("fits now  cpu     yes: takes "));
  EXPECT_EQ(run(start({"top", "--once", "--model", "/nonexistent"})).status, 3);
}

TEST_F(Top, DevicesNamesThemToo) {
  script_.set("devices 1\n");
  EXPECT_THAT(run(start({"devices"})).out, HasSubstr("gpu:0: NVIDIA A100-SXM4-40GB (cuda:0)\n  memory            40.0 GiB in all"));
  const auto rows = run(start({"devices", "--json"})).rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1]["name"], "gpu:0");
}

class Runs : public Top {
 protected:
  Runs() {
    std::filesystem::create_directories(folder_ / "model");
    plimsoll::testing::write_tiny_model(folder_ / "model", {.hidden = 128, .layers = 4, .intermediate = 256});
  }
  std::string text() const { return run(start({"ps"})).out; }
  json list() const { return run(start({"ps", "--json"})).rows(); }
};

TEST_F(Runs, AreListedFromTheirStartToTheirEndHoweverThatComes) {
  EXPECT_EQ(text(), "");
  EXPECT_THAT(run(start({"ps"})).err, HasSubstr("no runs of yours"));
  for (const int signal : {0, SIGKILL}) {
    Process process(start({"run", folder_ / "model", "--sim", "memory=1GiB", "--device", "sim:0"}));
    process.write("w1 w2\n");
    ASSERT_TRUE(process.read_line());
    json runs = list();
    for (int i = 0; i < 500 && runs.at(0)["phase"] != "waiting"; ++i) {
      std::this_thread::sleep_for(10ms);
      runs = list();
    }
    ASSERT_EQ(runs.size(), 1U);
    EXPECT_EQ(runs[0]["phase"], "waiting");
    EXPECT_EQ(runs[0]["model"], folder_ / "model");
    ASSERT_EQ(runs[0]["devices"].size(), 2U);
    for (const json& device : runs[0]["devices"]) {
      EXPECT_GT(device["planned"], 0);
      EXPECT_EQ(device["current"], device["planned"]) << "all that was planned is held";
    }
    EXPECT_EQ(runs[0]["devices"][1]["name"], "sim:0");
    EXPECT_THAT(text(), HasSubstr("waiting  " + (folder_ / "model")));
    EXPECT_EQ(run(start({"top", "--json"})).rows()[0]["runs"].size(), 1U);
    if (signal != 0) process.signal(signal);
    EXPECT_EQ(process.wait().status, signal == 0 ? 0 : 1000 + signal);
    EXPECT_EQ(list(), json::array());
    EXPECT_EQ(names_in(folder_ / "plimsoll"), std::vector<std::string>());
  }
}

TEST_F(Runs, AreListedWhileTheyReadTheirInput) {
  std::string rows;
  for (int i = 0; i < 500'000; ++i) rows += "w1 w2 w3 " + std::to_string(i) + "\n";
  const std::string input = folder_.write("rows", rows);
  Process process(start({"run", folder_ / "model", "--input", input, "--output", "/dev/null"}));
  json runs = list();
  for (int i = 0; i < 500 && runs.empty(); ++i) {
    std::this_thread::sleep_for(1ms);
    runs = list();
  }
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0]["phase"], "reading");
  EXPECT_EQ(runs[0]["model"], folder_ / "model");
  EXPECT_EQ(runs[0]["devices"], json::array());
  EXPECT_THAT(text(), HasSubstr("reading  " + (folder_ / "model")));
  process.signal(SIGKILL);
  process.wait();
}

TEST_F(Runs, HaveTheNameThatTheyWereGiven) {
  const std::string odd = folder_ / "a\x1b\\b";
  std::filesystem::rename(folder_ / "model", odd);
  Process process(start({"run", odd}));
  process.write("w1 w2\n");
  ASSERT_TRUE(process.read_line());
  EXPECT_EQ(list().at(0)["model"], odd);
  EXPECT_THAT(text(), HasSubstr("a\\x1b\\b"));
  process.close_input();
  EXPECT_EQ(process.wait().status, 0);
}

TEST_F(Runs, AreNotDisturbedWhereTheyCannotBeTold) {
  // A file where the folder would be.
  const std::string nowhere = folder_.write("file", "");
  Start start = this->start({"run", folder_ / "model", "w1"}, {"XDG_RUNTIME_DIR=" + nowhere});
  const Finished result = run(start);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr(nowhere)));
}

}  // namespace
}  // namespace plimsoll::test
