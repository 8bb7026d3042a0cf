// `--device-map` and budgets of several devices.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "command.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;

const std::string kModel = fixture("models/bert");
const std::vector<std::string> kTwo = {"--sim", "memory=64MiB", "--sim", "memory=64MiB"};

Finished run_with(const std::string& command, std::vector<std::string> flags) {
  std::vector<std::string> arguments = {command, kModel, "--json"};
  arguments.insert(arguments.end(), kTwo.begin(), kTwo.end());
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return run(arguments);
}

std::set<std::string> computing(const json& plan) {
  std::set<std::string> devices;
  for (const json& layer : plan["layers"]) devices.insert(layer["compute"]);
  return devices;
}

TEST(DeviceMapFlag, DividesLayersAndChangesNoAnswer) {
  const Folder folder;
  const std::string file = folder.path() + "/map.json";
  std::ofstream(file) << R"({"bert.embeddings": "disk", "bert.encoder": 0, "bert.encoder.layer.1": "sim:1", "": 1})";
  const std::string expected = run({"run", kModel, "--json", "--logits", "hello world"}).out;
  for (const std::string map : {"balanced", "balanced_low_0", "sequential", "auto", file.c_str()}) {
    const Finished result = run_with("run", {"--logits", "hello world", "--device-map", map});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, expected) << map;
  }
  EXPECT_EQ(computing(run_with("plan", {"--device-map", file}).rows().at(0)), (std::set<std::string>{"sim:0", "sim:1"}));
  EXPECT_EQ(computing(run_with("plan", {"--device-map", "balanced"}).rows().at(0)), (std::set<std::string>{"sim:0", "sim:1"}));
  EXPECT_EQ(computing(run_with("plan", {"--device-map", "sequential"}).rows().at(0)), (std::set<std::string>{"sim:0"}));
}

TEST(DeviceMapFlag, BudgetsOfDevicesHold) {
  const json roomy = run_with("plan", {}).rows().at(0);
  EXPECT_EQ(computing(roomy), (std::set<std::string>{"sim:0"}));
  const auto total = roomy["devices"][1]["planned"]["total"].get<std::uint64_t>();
  const std::string budgets = "sim:0=" + std::to_string(total - 4096) + ",sim:1=" + std::to_string(total - 4096) + ",cpu=2GiB";
  const Finished result = run_with("plan", {"--max-memory", budgets, "--forbid", "stream,cpu,gather,microbatch"});
  EXPECT_EQ(result.status, 0) << result.err;
  const json divided = result.rows().at(0);
  EXPECT_EQ(computing(divided), (std::set<std::string>{"sim:0", "sim:1"}));
  for (const json& device : divided["devices"]) EXPECT_LE(device["planned"]["total"], device["budget"]) << device["name"];
}

}  // namespace
}  // namespace plimsoll::test
