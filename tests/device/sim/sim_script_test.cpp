#include "device/sim/sim_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll {
namespace {

using ::testing::HasSubstr;

SimScript parsed(const std::string& text) {
  auto script = SimScript::parse(text, "events");
  EXPECT_TRUE(script.ok()) << (script.ok() ? "" : message(script.error()));
  return script.ok() ? std::move(script).value() : SimScript();
}

/// How many actions are due at `now`.
int due(SimScript& script, const std::optional<Moment>& now) {
  int count = 0;
  while (script.next(now)) ++count;
  return count;
}

Moment loading(double fraction) { return {Phase::load, fraction}; }
Moment passing(std::int64_t pass, std::int64_t layer = -1) { return {Phase::pass, 0, pass, layer}; }

TEST(SimScript, EveryActionIsRead) {
  SimScript script = parsed(
      "# neighbours\n\n"
      "at=start others=+500MiB others=-1KiB\t fail=alloc:7 fail=copy:3+ fail=launch:2 fail=query:1 fail=pin:1 # and so on\r\n"
      "lost hang slow=link:10x slow=compute:2.5x slow=disk:1x");
  const auto next = [&] { return script.next(std::nullopt).value(); };
  const auto more = std::get<sim::ChangeOthers>(next()).change;
  EXPECT_EQ(more.kind, SizeChange::Kind::add);
  EXPECT_EQ(more.size, mib(500));
  EXPECT_EQ(std::get<sim::ChangeOthers>(next()).change.kind, SizeChange::Kind::take);
  const auto alloc = std::get<sim::Fail>(next());
  EXPECT_TRUE(alloc.fault == sim::Fault::alloc && alloc.ordinal == 7 && !alloc.persistent);
  const auto copy = std::get<sim::Fail>(next());
  EXPECT_TRUE(copy.fault == sim::Fault::copy && copy.ordinal == 3 && copy.persistent);
  EXPECT_EQ(std::get<sim::Fail>(next()).fault, sim::Fault::launch);
  EXPECT_EQ(std::get<sim::Fail>(next()).fault, sim::Fault::query);
  EXPECT_EQ(std::get<sim::Fail>(next()).fault, sim::Fault::pin);
  EXPECT_TRUE(std::holds_alternative<sim::Lose>(next()));
  EXPECT_TRUE(std::holds_alternative<sim::Hang>(next()));
  EXPECT_EQ(std::get<sim::Slow>(next()).factor, 10);
  const auto slow = std::get<sim::Slow>(next());
  EXPECT_TRUE(slow.part == sim::Slow::Part::compute && slow.factor == 2.5);
  EXPECT_EQ(std::get<sim::Slow>(next()).part, sim::Slow::Part::disk);
  EXPECT_TRUE(script.done());
}

TEST(SimScript, ActionsHappenOnceAtTheFirstMomentThatIsNotBeforeThem) {
  SimScript script = parsed("at=pass:2 lost\nat=pass:1,layer:7 lost lost\nat=load:0.5 lost\nlost\nat=layer:3 lost\nat=load:0 lost\n");
  EXPECT_EQ(due(script, std::nullopt), 1);
  EXPECT_EQ(due(script, loading(0)), 1);
  EXPECT_EQ(due(script, loading(0.49)), 0);
  EXPECT_EQ(due(script, loading(0.6)), 1);
  EXPECT_EQ(due(script, passing(1)), 0);
  EXPECT_EQ(due(script, passing(1, 2)), 0);
  EXPECT_EQ(due(script, passing(1, 3)), 1);
  EXPECT_EQ(due(script, loading(1)), 0) << "a later load";
  EXPECT_EQ(due(script, passing(1, 6)), 0);
  EXPECT_EQ(due(script, passing(2)), 3) << "layer 7 was never seen";
  EXPECT_TRUE(script.done());
}

struct BadScript {
  const char* text;
  const char* says;
};

TEST(SimScript, ErrorsNameTheLine) {
  const BadScript table[] = {
      {"lost\nlose", "lose is not an action (events line 2)"},
      {"at=pass:0 lost", "at=pass:0 is not a point in time (events line 1)"},
      {"at=pass:-1 lost", "not a point"},
      {"at=pass: lost", "not a point"},
      {"at= lost", "not a point"},
      {"at=load:1.1 lost", "not a point"},
      {"at=load:0.5,layer:1 lost", "not a point"},
      {"at=layer:1,pass:1 lost", "not a point"},
      {"at=pass:1,layer:2,layer:3 lost", "not a point"},
      {"at=pass:99999999999999999999 lost", "not a point"},
      {"at=pass:1,layer:x lost", "not a point"},
      {"\n\nat=pass:1", "nothing happens at this point (events line 3)"},
      {"at=pass:1 at=pass:2 lost", "at=pass:2 is not an action"},
      {"others=500MiB", "not an action"},
      {"others=+", "not an action"},
      {"others=+99999999999999999999999GiB", "not an action"},
      {"fail=alloc", "not an action"},
      {"fail=alloc:0", "not an action"},
      {"fail=alloc:1++", "not an action"},
      {"fail=free:1", "not an action"},
      {"slow=link:10", "not an action"},
      {"slow=link:0x", "not an action"},
      {"slow=link:-1x", "not an action"},
      {"slow=clock:2x", "not an action"},
      {"budget=64MiB", "budget=64MiB is not an action (events line 1): write others=+500MiB"},
      {"budget=-1MiB", "slow=compute:2x or slow=disk:10x, with at=POINT before them"},
      {"lost=1", "not an action"},
      {"hangs", "not an action"},
      {"\x01\xff", "\\x01\\xff"},
  };
  for (const BadScript& bad : table) {
    const auto script = SimScript::parse(bad.text, "events");
    ASSERT_FALSE(script.ok()) << bad.text;
    EXPECT_EQ(script.error().code, ErrorCode::usage);
    EXPECT_FALSE(script.error().advice.empty());
    EXPECT_THAT(message(script.error()), HasSubstr(bad.says)) << bad.text;
  }
}

TEST(SimScript, IsBounded) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "lost\n";
  EXPECT_TRUE(SimScript::parse(many, "events").ok());
  const auto more = SimScript::parse(many + "lost", "events");
  ASSERT_FALSE(more.ok());
  EXPECT_THAT(message(more.error()), HasSubstr("line 1001"));
  EXPECT_FALSE(SimScript::parse(std::string((64 << 10) + 1, '\n'), "events").ok());
  EXPECT_TRUE(SimScript::parse("", "events").value().done());
}

}  // namespace
}  // namespace plimsoll
