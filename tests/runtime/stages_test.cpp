// Passes in stages on several simulated GPUs: the bits of the host, the planned bytes on every device.
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>

#include "model_fixture.h"
#include "plan/layout/schedule.h"

namespace plimsoll {
namespace {

using testing::kDeep;
using testing::RunRequest;
using testing::RunResult;
using testing::TinyModel;

using InStages = testing::ModelFixture;

// A device for every block of a model of `layers` layers.
DeviceMap map_of(const std::vector<std::string>& devices) {
  DeviceMap map{DeviceMap::Kind::modules, {}, "map.json"};
  const auto layers = static_cast<std::int64_t>(devices.size()) - 3;
  map.modules.emplace_back("bert.embeddings", devices[0]);
  for (std::int64_t i = 0; i < layers; ++i)
    map.modules.emplace_back("bert.encoder.layer." + std::to_string(i), devices[static_cast<std::size_t>(i + 1)]);
  map.modules.emplace_back("bert.pooler", devices[devices.size() - 2]);
  map.modules.emplace_back("classifier", devices.back());
  return map;
}

void expect_ledgers_equal_plan(const RunResult& result) {
  EXPECT_EQ(result.ledger_peak_by_tag, result.plan.devices[0].arenas);
  ASSERT_EQ(result.device_peaks.size() + 1, result.plan.devices.size());
  for (std::size_t d = 0; d < result.device_peaks.size(); ++d)
    EXPECT_EQ(result.device_peaks[d], result.plan.devices[d + 1].arenas) << result.plan.devices[d + 1].name;
}

TEST_F(InStages, EveryMapGivesTheBitsOfTheHostAndTakesWhatWasPlanned) {
  std::mt19937 random(3);
  const std::vector<std::string> places = {"0", "1", "sim:0", "sim:1", "cpu", "disk"};
  std::set<std::size_t> stages;
  std::size_t streaming = 0;
  for (const TinyModel& tiny : {TinyModel{.layers = 4}, kDeep, TinyModel{.hidden = 130, .layers = 3, .heads = 2, .dtype = "F16"}}) {
    const std::string path = write(tiny);
    const auto all = testing::texts(tiny, 12);
    for (const auto& dtype : {std::optional<ElementType>{}, std::optional{ElementType::bfloat16}}) {
      const RunResult host = run({.model = path, .texts = all, .batch_size = 4, .policy = {.device = "cpu", .dtype = dtype}});
      for (int round = 0; round < 12; ++round) {
        std::vector<std::string> devices;
        for (std::int64_t b = 0; b < tiny.layers + 3; ++b) devices.push_back(places[random() % places.size()]);
        const bool smallest = round % 2 == 0;
        const Policy policy{.device_map = map_of(devices), .dtype = dtype, .smallest_chunks = smallest};
        const RunResult there = run(
            {.model = path, .texts = all, .batch_size = 4, .policy = policy, .sims = {"memory=64MiB", "memory=64MiB,compute=100GFLOP/s"}});
        EXPECT_EQ(there.logits, host.logits) << round;
        expect_ledgers_equal_plan(there);
        stages.insert(there.plan.stages->size());
        std::size_t rings = 0;
        for (const Stage& stage : *there.plan.stages) rings += stage.schedule.ring.chunks.empty() ? 0 : 1;
        streaming += rings > 1 ? 1 : 0;
      }
    }
  }
  EXPECT_GT(stages.size(), 3U) << "maps must lead to different numbers of stages, or nothing was tested";
  EXPECT_GT(streaming, 10U) << "several stages must stream, or nothing was tested";
}

// What the planner divides by itself: resident and streamed stages, on accelerators and on the host.
TEST_F(InStages, EveryDivisionGivesTheBitsOfTheHostAndTakesWhatWasPlanned) {
  const std::string path = write(kDeep);
  const auto all = testing::texts(kDeep, 12);
  const RunResult host = run({.model = path, .texts = all, .batch_size = 4, .policy = {.device = "cpu"}});
  std::set<std::vector<std::string>> divisions;
  std::set<std::string> computing;
  for (const Bytes budget : {mib(9), mib(64)}) {
    for (const std::vector<Rung>& forbid : {std::vector<Rung>{}, {Rung::stream}, {Rung::cpu}}) {
      for (const auto& [first, second] : {std::pair("4MiB", "5MiB"), std::pair("6MiB", "8MiB"), std::pair("9MiB", "4MiB")}) {
        const RunRequest request{.model = path,
                                 .texts = all,
                                 .batch_size = 4,
                                 .policy = {.forbid = forbid},
                                 .budget = budget,
                                 .sims = {std::string("link=1GB/s,compute=10TFLOP/s,memory=") + first,
                                          std::string("link=1GB/s,compute=5TFLOP/s,memory=") + second}};
        const auto result = run_model(*os_, request);
        if (!result.ok()) {
          EXPECT_EQ(result.error().code, ErrorCode::does_not_fit) << message(result.error());
          continue;
        }
        EXPECT_EQ(result->logits, host.logits) << first << " " << second;
        expect_ledgers_equal_plan(*result);
        std::vector<std::string> layers;
        for (const LayerPlan& layer : result->plan.layers) layers.push_back(layer.compute + " " + layer.home);
        if (result->plan.stages->size() == 1 || !divisions.insert(layers).second) continue;
        for (const LayerPlan& layer : result->plan.layers) computing.insert(layer.compute);
      }
    }
  }
  EXPECT_GT(divisions.size(), 4U) << "budgets must lead to different divisions, or nothing was tested";
  EXPECT_EQ(computing.size(), 3U);
}

TEST_F(InStages, AnyAcquisitionMayFail) {
  const TinyModel tiny{.layers = 3};
  const RunRequest request{.model = write(tiny),
                           .texts = testing::texts(tiny, 4),
                           .policy = {.device_map = map_of({"0", "disk", "1", "1", "cpu", "0"}), .smallest_chunks = true},
                           .sims = {"memory=8MiB", "memory=8MiB"}};
  const auto [refused, survived] = refuse_each(request, run(request));
  EXPECT_GT(refused, 100);
}

TEST_F(InStages, AScriptedFailureOfOneDeviceIsATypedError) {
  const TinyModel tiny{.layers = 4};
  const std::string path = write(tiny);
  const std::string script = folder_.path() + "/script";
  std::ofstream(script) << "at=layer:2 lost\n";
  const RunRequest request{.model = path,
                           .texts = testing::texts(tiny, 4),
                           .policy = {.device_map = map_of({"0", "0", "0", "1", "1", "1", "1"})},
                           .sims = {"memory=8MiB", "memory=8MiB,script=" + script}};
  const auto result = run_model(*os_, request);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::device_lost) << message(result.error());
}

TEST_F(InStages, ARefusalNamesWhatEachDeviceLacks) {
  const std::string path = write(kDeep);
  const RunRequest request{.model = path,
                           .texts = testing::texts(kDeep, 4),
                           .policy = {.device_map = map_of({"0", "0", "0", "0", "0", "1", "1", "1", "1"})},
                           .sims = {"memory=1MiB", "memory=1MiB"}};
  const auto result = run_model(*os_, request);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::does_not_fit);
  for (const char* part : {"on sim:0", "on sim:1", "1.00 MiB"}) EXPECT_NE(message(result.error()).find(part), std::string::npos) << part;
}

}  // namespace
}  // namespace plimsoll
