// Every file of this folder under every configuration.
#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "scenarios/scenario.h"

namespace plimsoll::testing {
namespace {

const std::string kFolder = std::string(PLIMSOLL_SOURCE_DIR) + "/tests/scenarios";

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".txt" && entry.path().stem() != "CMakeLists") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

constexpr Configuration kConfigurations[] = {{},
                                             {.name = "force_stream", .stream_everything = true},
                                             {.name = "smallest_chunks", .smallest_chunks = true},
                                             {.name = "everything_simulated", .simulated = true},
                                             {.name = "fail_once_everywhere", .fail_once = true},
                                             {.name = "two_devices", .two_devices = true}};

class Scenarios : public ::testing::TestWithParam<std::tuple<std::string, Configuration>> {};

TEST_P(Scenarios, ComeOutAsTheySay) {
  const auto& [name, configuration] = GetParam();
  ScenarioRunner(read_scenario(kFolder + "/" + name + ".txt"), configuration).run();
}

INSTANTIATE_TEST_SUITE_P(All, Scenarios, ::testing::Combine(::testing::ValuesIn(scenario_names()), ::testing::ValuesIn(kConfigurations)),
                         [](const auto& each) { return std::get<0>(each.param) + "_" + std::get<1>(each.param).name; });

}  // namespace
}  // namespace plimsoll::testing
