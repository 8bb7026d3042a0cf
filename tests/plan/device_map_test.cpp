// Device maps, in accelerate's words: by modules, and by filling devices.
#include "plan/stages/device_map.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "planned_model.h"

namespace plimsoll {
namespace {

using testing::TinyModel;

const TinyModel kNetwork{.hidden = 192, .layers = 8, .heads = 3, .intermediate = 768, .words = 300};

Snapshot machine_with(const std::vector<Bytes>& accelerators, Bytes host = mib(64)) {
  Snapshot machine = testing::paper_machine(host);
  for (std::size_t i = 0; i < accelerators.size(); ++i)
    machine.accelerators.push_back(testing::paper_accelerator(accelerators[i], "sim:" + std::to_string(i)));
  return machine;
}

class Maps : public ::testing::Test {
 protected:
  Result<Plan> plan(const DeviceMap& map, const Snapshot& machine, std::vector<Rung> forbid = {}) {
    return make_plan(*model_, machine, testing::paper_workload(16, 4, 4, 64), {.device_map = map, .forbid = std::move(forbid)});
  }

  // "sim:0 cpu": computed there, kept here; each with the number of blocks that follow each other so.
  std::vector<std::pair<std::string, int>> runs(const Plan& plan) {
    std::vector<std::pair<std::string, int>> list;
    for (const LayerPlan& layer : plan.layers) {
      const std::string place = layer.compute + " " + layer.home;
      if (list.empty() || list.back().first != place) list.emplace_back(place, 0);
      ++list.back().second;
    }
    return list;
  }

  std::vector<std::pair<std::string, int>> runs(const DeviceMap& map, const Snapshot& machine) {
    const auto made = plan(map, machine);
    EXPECT_TRUE(made.ok()) << message(made.error());
    return made.ok() ? runs(*made) : std::vector<std::pair<std::string, int>>{};
  }

  static DeviceMap modules(std::vector<std::pair<std::string, std::string>> list) {
    return {DeviceMap::Kind::modules, std::move(list), "map.json"};
  }

  std::unique_ptr<Model> model_ = testing::open_tiny_model(kNetwork);
};

using Runs = std::vector<std::pair<std::string, int>>;

TEST_F(Maps, TheLongestNameThatHoldsATensorCounts) {
  const Snapshot two = machine_with({mib(64), mib(64)});
  EXPECT_EQ(runs(modules({{"", "0"}}), two), (Runs{{"sim:0 sim:0", 11}}));
  EXPECT_EQ(runs(modules({{"bert.encoder.layer.1", "1"}, {"", "sim:0"}}), two),
            (Runs{{"sim:0 sim:0", 2}, {"sim:1 sim:1", 1}, {"sim:0 sim:0", 8}}));
  EXPECT_EQ(
      runs(modules({{"bert.encoder", "1"}, {"bert.encoder.layer.7", "0"}, {"bert", "0"}, {"classifier", "1"}, {"dropout", "1"}}), two),
      (Runs{{"sim:0 sim:0", 1}, {"sim:1 sim:1", 7}, {"sim:0 sim:0", 2}, {"sim:1 sim:1", 1}}));
}

TEST_F(Maps, CpuAndDiskAreWhereTheFirstAcceleratorKeepsWeights) {
  const Snapshot two = machine_with({mib(64), mib(64)});
  EXPECT_EQ(runs(modules({{"bert.embeddings", "1"}, {"bert.encoder", "cpu"}, {"bert.pooler", "disk"}, {"classifier", "0"}}), two),
            (Runs{{"sim:1 sim:1", 1}, {"sim:1 cpu", 8}, {"sim:1 disk", 1}, {"sim:0 sim:0", 1}}));
  EXPECT_EQ(runs(modules({{"", "disk"}, {"bert.encoder.layer.3", "cpu"}}), two), (Runs{{"cpu disk", 4}, {"cpu cpu", 1}, {"cpu disk", 6}}));
  const auto table = plan(modules({{"", "0"}, {"bert.embeddings.word_embeddings", "cpu"}}), two);
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->layers.front().home, "cpu");
  EXPECT_EQ(table->layers.front().compute, "sim:0");
  EXPECT_EQ(table->sacrifices.front().rung, Rung::gather);
}

TEST_F(Maps, WhatCannotBeFollowedIsUsageAndSaysWhatToDo) {
  const Snapshot two = machine_with({mib(64), mib(64)});
  const std::vector<std::pair<DeviceMap, const char*>> cases = {
      {modules({{"", "2"}}), "there is no device 2"},
      {modules({{"", "cuda:0"}}), "there are disk, cpu, sim:0, sim:1"},
      {modules({{"bert", "0"}}), "no module of the map holds classifier.weight"},
      {modules({{"", "0"}, {"bert.encoder.layer.9", "1"}}), "the model has no module bert.encoder.layer.9"},
      {modules({{"", "0"}, {"bert.encoder.layer.1.output", "1"}}), "blocks are not divided"},
  };
  for (const auto& [map, part] : cases) {
    const auto made = plan(map, two);
    ASSERT_FALSE(made.ok()) << part;
    EXPECT_EQ(made.error().code, ErrorCode::usage);
    EXPECT_NE(message(made.error()).find(part), std::string::npos) << message(made.error());
    EXPECT_NE(message(made.error()).find("map.json"), std::string::npos);
  }
  EXPECT_FALSE(plan(modules({{"", "0"}, {"classifier", "disk"}}), two, {Rung::stream}).ok());
  const auto both = make_plan(*model_, two, testing::paper_workload(8), {.device = "sim:0", .device_map = modules({{"", "0"}})});
  EXPECT_EQ(both.error().code, ErrorCode::usage);
}

TEST_F(Maps, SequentialFillsDevicesInTheirOrderThenTheHostThenTheDisk) {
  const DeviceMap map{DeviceMap::Kind::sequential, {}, {}};
  EXPECT_EQ(runs(map, machine_with({mib(64), mib(64)})), (Runs{{"sim:0 sim:0", 11}}));
  const auto roomy = runs(map, machine_with({mib(8), mib(64)}));
  ASSERT_EQ(roomy.size(), 2U);
  EXPECT_EQ(roomy[0].first, "sim:0 sim:0");
  EXPECT_EQ(roomy[1].first, "sim:1 sim:1");
  const auto made = plan(map, machine_with({mib(8), mib(6)}, mib(8)));
  ASSERT_TRUE(made.ok());
  EXPECT_NE(made->verdict, Verdict::does_not_fit);
  std::vector<std::string> places;
  for (const auto& [place, count] : runs(*made)) places.push_back(place);
  EXPECT_EQ(places, (std::vector<std::string>{"sim:0 sim:0", "sim:1 sim:1", "sim:0 cpu", "sim:0 disk"}));
  for (const DevicePlan& device : made->devices) EXPECT_LE(device.planned_total(), device.budget) << device.name;
  EXPECT_EQ(runs(map, machine_with({}, mib(10))).front().first, "cpu cpu");
  EXPECT_EQ(runs(map, machine_with({}, mib(10))).back().first, "cpu disk");
}

TEST_F(Maps, BalancedGivesAcceleratorsEqualSharesAndLowZeroSparesTheFirst) {
  const auto weights = [&](DeviceMap::Kind kind, std::size_t accelerators) {
    const auto made = plan({kind, {}, {}}, machine_with(std::vector<Bytes>(accelerators, mib(64))));
    std::map<std::string, double> sums;
    for (const LayerPlan& layer : made->layers) sums[layer.compute] += static_cast<double>(layer.bytes.count);
    return sums;
  };
  for (const std::size_t accelerators : {2U, 3U}) {
    const auto balanced = weights(DeviceMap::Kind::balanced, accelerators);
    ASSERT_EQ(balanced.size(), accelerators);
    double all = 0;
    for (const auto& [device, bytes] : balanced) all += bytes;
    for (const auto& [device, bytes] : balanced) EXPECT_NEAR(bytes, all / static_cast<double>(accelerators), 0.1 * all) << device;
    const auto spared = weights(DeviceMap::Kind::balanced_low_0, accelerators);
    EXPECT_EQ(spared.size(), accelerators - 1);
    EXPECT_FALSE(spared.contains("sim:0"));
  }
  const auto needed = plan({DeviceMap::Kind::balanced_low_0, {}, {}}, machine_with({mib(64), mib(8)}));
  EXPECT_EQ(needed->layers.front().compute, "sim:0") << "what the others leave";
  EXPECT_EQ(needed->layers.back().compute, "sim:1");
}

TEST_F(Maps, ForbiddenRungsStayForbiddenWhereDevicesAreFilled) {
  const auto uses = [](const Plan& plan, Rung rung) {
    return std::any_of(plan.sacrifices.begin(), plan.sacrifices.end(), [&](const Sacrifice& one) { return one.rung == rung; });
  };
  for (const Rung rung : {Rung::gather, Rung::stream}) {
    int degraded = 0;
    for (const auto kind : {DeviceMap::Kind::balanced, DeviceMap::Kind::sequential}) {
      for (std::uint64_t kilobytes = 3000; kilobytes < 30'000; kilobytes += 500) {
        for (const auto& devices : {std::vector<Bytes>{}, {kib(kilobytes)}}) {
          const auto made = plan({kind, {}, {}}, machine_with(devices, devices.empty() ? kib(kilobytes) : mib(6)), {rung});
          ASSERT_TRUE(made.ok()) << message(made.error());
          if (made->verdict == Verdict::does_not_fit) continue;
          EXPECT_FALSE(uses(*made, rung)) << rung_name(rung) << " in " << kilobytes;
          degraded += made->verdict == Verdict::fits_degraded ? 1 : 0;
        }
      }
    }
    EXPECT_GT(degraded, 0) << "the other rung is still allowed without " << rung_name(rung);
  }
  const auto disk = plan(modules({{"bert.embeddings", "disk"}, {"", "cpu"}}), machine_with({}), {Rung::gather});
  EXPECT_EQ(disk.error().code, ErrorCode::usage);
}

TEST_F(Maps, WithoutTheDiskNothingStaysThere) {
  const auto without = [&](const DeviceMap& map, const Snapshot& machine) {
    return make_plan(*model_, machine, testing::paper_workload(8), {.device_map = map, .use_disk = false});
  };
  for (const auto kind : {DeviceMap::Kind::sequential, DeviceMap::Kind::balanced, DeviceMap::Kind::automatic}) {
    const auto made = without({kind, {}, {}}, machine_with({mib(8), mib(6)}, mib(24)));
    ASSERT_TRUE(made.ok()) << message(made.error());
    EXPECT_EQ(made->verdict, Verdict::fits_degraded);
    for (const LayerPlan& layer : made->layers) EXPECT_NE(layer.home, "disk");
    const auto refused = without({kind, {}, {}}, machine_with({mib(8), mib(6)}, mib(8)));
    ASSERT_TRUE(refused.ok()) << message(refused.error());
    EXPECT_EQ(refused->verdict, Verdict::does_not_fit);
    const auto alone = without({kind, {}, {}}, machine_with({}, mib(10)));
    EXPECT_EQ(alone->verdict, Verdict::does_not_fit);
    for (const LayerPlan& layer : alone->layers) EXPECT_EQ(layer.home, "cpu");
  }
  EXPECT_TRUE(without(modules({{"bert.encoder", "cpu"}, {"", "0"}}), machine_with({mib(64)})).ok()) << "copied to it in each pass";
  const auto on_disk = without(modules({{"bert.encoder.layer.3", "disk"}, {"", "0"}}), machine_with({mib(64)}));
  EXPECT_EQ(on_disk.error().code, ErrorCode::usage);
  EXPECT_NE(message(on_disk.error()).find("disk=0"), std::string::npos) << message(on_disk.error());
}

TEST_F(Maps, SmallestBudgetsOfFilledDevicesAreTrue) {
  for (const auto kind : {DeviceMap::Kind::sequential, DeviceMap::Kind::balanced}) {
    for (const std::vector<Rung>& forbid : {std::vector<Rung>{}, std::vector<Rung>{Rung::stream}}) {
      const DeviceMap map{kind, {}, {}};
      const std::vector<Bytes> sizes = {mib(64), mib(8), mib(9)};  // the host's first
      const auto with = [&](std::size_t device, Bytes budget) {
        std::vector<Bytes> now = sizes;
        now[device] = budget;
        return plan(map, machine_with({now[1], now[2]}, now[0]), forbid);
      };
      const Plan made = *with(0, sizes[0]);
      for (const DeviceBytes& least : made.smallest_budget) {
        const std::size_t device = least.device == "cpu" ? 0 : least.device == "sim:0" ? 1 : 2;
        EXPECT_NE(with(device, least.bytes)->verdict, Verdict::does_not_fit) << least.device;
        EXPECT_EQ(with(device, least.bytes - kPage)->verdict, Verdict::does_not_fit) << least.device;
      }
      EXPECT_FALSE(made.smallest_budget.empty());
    }
  }
}

TEST(MapFile, IsAnObjectOfModulesAndDevices) {
  Gate gate;
  const auto os = make_os(gate);
  const testing::TemporaryFolder folder;
  const std::string path = folder.path() + "/map.json";
  const auto read = [&](const std::string& text) {
    std::ofstream(path) << text;
    return read_device_map(*os, path);
  };
  const auto map = read(R"({"bert.embeddings": 0, "": "disk"})");
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map->modules, (std::vector<std::pair<std::string, std::string>>{{"bert.embeddings", "0"}, {"", "disk"}}));
  EXPECT_EQ(map->source, path);
  for (const std::string text :
       {"[]", "{}", "3", R"({"": -1})", R"({"": 1.5})", R"({"": null})", R"({"": {}})", R"({"a": 0, "a": 1})", "{"})
    EXPECT_FALSE(read(text).ok()) << text;
  EXPECT_EQ(read_device_map(*os, path + "x").error().code, ErrorCode::not_found);
  std::string many = "{";
  for (int i = 0; i < 60'000; ++i) many += "\"bert.encoder.layer." + std::to_string(i) + "\": 0, ";
  const auto long_map = read(many + R"("": 0})");
  ASSERT_FALSE(long_map.ok());
  EXPECT_EQ(long_map.error().code, ErrorCode::unsupported);
  EXPECT_EQ(long_map.error().advice, "name larger modules: \"bert.encoder\" holds all of its layers");
}

}  // namespace
}  // namespace plimsoll
