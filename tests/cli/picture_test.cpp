#include "report/picture.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "terminal/bar.h"
#include "text/utf8.h"

namespace plimsoll::cli {
namespace {

DevicePlan device(std::uint64_t weights, std::uint64_t activations, std::uint64_t runtime, std::uint64_t budget) {
  DevicePlan plan;
  plan.name = "cpu";
  plan.arenas[0] = Bytes{weights};
  plan.arenas[1] = Bytes{activations};
  plan.runtime = Bytes{runtime};
  plan.budget = Bytes{budget};
  return plan;
}

std::size_t sum(const std::array<std::size_t, kParts>& cells) { return std::accumulate(cells.begin(), cells.end(), std::size_t{0}); }

TEST(Bar, IsScaledToTheBudget) {
  const auto half = bar_cells(device(400, 50, 50, 1000), 60);
  EXPECT_EQ(sum(half), 30U);
  EXPECT_EQ(half[0], 24U);
  EXPECT_EQ(half[1], 3U);
  EXPECT_EQ(half[kParts - 1], 3U);
  EXPECT_EQ(sum(bar_cells(device(600, 300, 100, 1000), 61)), 61U);
}

TEST(Bar, IsFullWhenThePlanIsLarger) { EXPECT_EQ(sum(bar_cells(device(700, 600, 700, 1000), 40)), 40U); }

TEST(Bar, ShowsSomethingForAnything) {
  EXPECT_EQ(sum(bar_cells(device(1, 0, 0, 1ULL << 40U), 40)), 1U);
  EXPECT_EQ(sum(bar_cells(device(0, 0, 0, 0), 40)), 0U);
}

TEST(Bar, MarksABudgetThatIsTooSmall) {
  const std::string bar = draw_bar(device(1000, 0, 1000, 1000), Terminal{});
  EXPECT_NE(bar.find("^ budget 1000 B"), std::string::npos) << bar;
  EXPECT_EQ(draw_bar(device(1, 0, 0, 1000), Terminal{}).find('^'), std::string::npos);
}

TEST(Bar, DrawsASmallPlanAgainByItself) {
  const std::string bar = draw_bar(device(500, 300, 200, 100'000), Terminal{});
  ASSERT_NE(bar.find("drawn larger"), std::string::npos) << bar;
  const std::string larger = bar.substr(bar.find("drawn larger"));
  EXPECT_GT(std::count(larger.begin(), larger.end(), 'A'), 15);
  EXPECT_EQ(larger.find(".."), std::string::npos) << "it fills its line";
  EXPECT_EQ(draw_bar(device(500, 300, 200, 5000), Terminal{}).find("larger"), std::string::npos);
}

LayerPlan layer(std::string name, std::uint64_t bytes = 8, std::string home = "cpu") {
  return {std::move(name), Bytes{bytes}, std::move(home), "cpu", ElementType::float32, ElementType::float32};
}

TEST(Layers, CollapseWhenOnlyTheirNumberDiffers) {
  const std::vector<LayerPlan> layers = {layer("embeddings", 9), layer("encoder.layer.0"), layer("encoder.layer.1"),
                                         layer("encoder.layer.2", 8, "disk"), layer("pooler")};
  const auto groups = group_layers(layers, false);
  ASSERT_EQ(groups.size(), 4U);
  EXPECT_EQ(groups[1].name, "encoder.layer.0-1");
  EXPECT_EQ(groups[1].count, 2U);
  EXPECT_EQ(groups[2].name, "encoder.layer.2");
  EXPECT_EQ(group_layers(layers, true)[1].name, "encoder.layer.0–1");
  EXPECT_TRUE(group_layers({}, true).empty());
}

Plan small_plan() {
  Plan plan;
  plan.model = "model";
  plan.devices = {device(500, 300, 200, 5000)};
  plan.sacrifices = {{Rung::gather, 0, Bytes{2048}, "rows of the word table are read from disk as texts need them"},
                     {Rung::stream, 1.15e-5, Bytes{4096}, "2 of 4 layers with weights are read from disk in every pass"},
                     {Rung::cpu, 0, Bytes{}, "nothing else computes"}};
  return plan;
}

TEST(Sacrifices, SayWhatTheySaveAndCostWhereTheyDo) {
  const std::string text = draw_plan(small_plan(), Terminal{});
  EXPECT_NE(text.find("\n  gather: saves 2.00 KiB: rows of the word table are"), std::string::npos) << text;
  EXPECT_NE(text.find("\n  stream: saves 4.00 KiB, costs 11.5 us a pass: 2 of 4 layers with weights are read from disk in every pass\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n  cpu: nothing else computes\n"), std::string::npos) << text;
}

TEST(Plan, GoesOnBelowWhereATerminalEnds) {
  Terminal terminal;
  terminal.interactive = true;
  const std::string text = draw_plan(small_plan(), terminal);
  EXPECT_NE(
      text.find("\n  stream: saves 4.00 KiB, costs 11.5 us a pass: 2 of 4 layers with weights are\n    read from disk in every pass\n"),
      std::string::npos)
      << text;
}

TEST(Width, CountsColumns) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("é–█"), 3U);
  EXPECT_EQ(display_width("日本"), 4U);
  EXPECT_EQ(display_width("e\xCC\x81"), 1U);
  EXPECT_EQ(clipped("日本", 3), "日");
}

}  // namespace
}  // namespace plimsoll::cli
