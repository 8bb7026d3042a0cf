#include <gtest/gtest.h>

#include <plimsoll/gate.h>
#include <vector>

namespace plimsoll {
namespace {

std::vector<bool> admitted(Gate& gate, const std::vector<Acquisition>& kinds) {
  std::vector<bool> answers;
  for (const Acquisition kind : kinds) answers.push_back(gate.admit(kind, "test"));
  return answers;
}

const std::vector<Acquisition> kMixed = {Acquisition::open, Acquisition::read, Acquisition::open, Acquisition::thread, Acquisition::open};

TEST(Gate, AdmitsEverythingAndCountsByKind) {
  Gate gate;
  EXPECT_EQ(admitted(gate, kMixed), std::vector<bool>(5, true));
  EXPECT_EQ(gate.seen(Acquisition::open), 3U);
  EXPECT_EQ(gate.seen(Acquisition::read), 1U);
  EXPECT_EQ(gate.seen(Acquisition::host_memory), 0U);
  EXPECT_EQ(gate.refused(), 0U);
}

TEST(Gate, RefusesTheNthOnce) {
  Gate gate;
  gate.refuse({.ordinal = 2});
  EXPECT_EQ(admitted(gate, kMixed), (std::vector<bool>{true, false, true, true, true}));
  EXPECT_EQ(gate.refused(), 1U);
}

TEST(Gate, RefusesFromTheNthOn) {
  Gate gate;
  gate.refuse({.ordinal = 3, .persistent = true});
  EXPECT_EQ(admitted(gate, kMixed), (std::vector<bool>{true, true, false, false, false}));
  EXPECT_EQ(gate.refused(), 3U);
}

TEST(Gate, RefusesOneKindOnly) {
  Gate gate;
  gate.refuse({.ordinal = 2, .persistent = false, .kind = static_cast<int>(Acquisition::open)});
  EXPECT_EQ(admitted(gate, kMixed), (std::vector<bool>{true, true, false, true, true}));
}

TEST(Gate, StartsAnewWithEachRefusal) {
  Gate gate;
  gate.refuse({.ordinal = 1});
  EXPECT_FALSE(gate.admit(Acquisition::write, "test"));
  gate.refuse({.ordinal = 1});
  EXPECT_EQ(gate.refused(), 0U);
  EXPECT_EQ(gate.seen(Acquisition::write), 0U);
  EXPECT_FALSE(gate.admit(Acquisition::write, "test"));
  gate.refuse({});
  EXPECT_TRUE(gate.admit(Acquisition::write, "test"));
}

TEST(Gate, AsksARuleOfATest) {
  Gate gate;
  gate.refuse_where([](Acquisition kind, std::string_view site) { return kind == Acquisition::open || site != "Os::here"; });
  EXPECT_TRUE(gate.admit(Acquisition::open, "Os::here"));
  EXPECT_FALSE(gate.admit(Acquisition::read, "Os::here"));
  EXPECT_TRUE(gate.admit(Acquisition::read, "Os::there"));
  EXPECT_EQ(gate.refused(), 1U);
  EXPECT_EQ(gate.seen(Acquisition::read), 2U);
  gate.refuse({});
  EXPECT_TRUE(gate.admit(Acquisition::read, "Os::here"));
}

TEST(Gate, NamesEveryKind) {
  EXPECT_EQ(acquisition_name(Acquisition::host_memory), "host memory");
  EXPECT_EQ(acquisition_name(Acquisition::kernel), "kernel");
}

}  // namespace
}  // namespace plimsoll
