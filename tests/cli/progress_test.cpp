#include "terminal/progress.h"

#include <unistd.h>

#include <thread>

#include <gtest/gtest.h>

#include "command.h"
#include "support/fake_os.h"

namespace plimsoll::cli {
namespace {

using namespace std::chrono_literals;
using plimsoll::testing::FakeOs;
using test::Finished;
using test::Folder;
using test::Process;
using test::Start;

const std::string kModel = test::fixture("models/bert");

int drawings(const std::string& text) {
  int count = 0;
  for (std::size_t at = text.find("\x1b[K"); at != std::string::npos; at = text.find("\x1b[K", at + 1)) ++count;
  return count;
}

/// What `act` puts on standard error.
template <typename Act>
std::string drawn(Act act) {
  ::testing::internal::CaptureStderr();
  act();
  return ::testing::internal::GetCapturedStderr();
}

TEST(Pulse, BeatsTenTimesASecondAfterAFifthOfOne) {
  FakeOs os;
  Pulse pulse(os);
  int beats = 0;
  for (; os.clock < 199ms; os.clock += 1ms) beats += pulse.due() ? 1 : 0;
  EXPECT_EQ(beats, 0);
  for (; os.clock < 1200ms; os.clock += 1ms) beats += pulse.due() ? 1 : 0;
  EXPECT_EQ(beats, 10);
}

TEST(RowBar, ShowsRowsOfHowManyAndTheirRate) {
  FakeOs os;
  Console console({.progress = true});
  RowBar bar(console, os, {400});
  const std::string text = drawn([&] {
    bar.answered(1, 10);
    os.clock = 1s;
    bar.answered(100, 1234.4);
    bar.done();
  });
  EXPECT_EQ(drawings(text), 2) << text;
  EXPECT_NE(text.find("answering "), std::string::npos) << text;
  EXPECT_NE(text.find(" 100 of 400 rows, 1234 tokens/s"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\r\x1b[K")) << text;
}

TEST(RowBar, NamesTheLayerOfAPassThatLasts) {
  FakeOs os;
  Console console({.progress = true});
  RowBar bar(console, os, {});
  const std::string text = drawn([&] {
    os.clock = 1s;
    bar.passed("layer.0");
    os.clock = 3s;
    bar.passed("layer.1");
    bar.answered(1, 0);
    os.clock = 4s;
    bar.passed("layer.2");
    bar.done();
  });
  EXPECT_EQ(text.find("layer.0"), std::string::npos) << text;
  EXPECT_NE(text.find("answering 0 rows, at layer.1"), std::string::npos) << text;
  EXPECT_NE(text.find("answering 1 row\r"), std::string::npos) << text;
}

TEST(RowBar, IsNotDrawnOverSomebodyWhoTypes) {
  FakeOs os;
  Console console({.progress = true});
  RowBar bar(console, os, {.total = {}, .verb = "answering", .typed = true});
  os.clock = 1s;
  EXPECT_EQ(drawn([&] {
              bar.answered(1, 1);
              bar.passed("layer");
            }),
            "");
}

/// A run whose rows come with pauses in which a bar has time to be drawn.
Finished slow_run(std::vector<std::string> flags, std::vector<std::string> environment, Start::Terminal terminal) {
  std::vector<std::string> arguments = {"run", kModel};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  Start start{arguments, {}, std::move(environment), false, {}};
  start.terminal = terminal;
  Process process(start);
  for (const char* text : {"one\n", "two\n", "three\n"}) {
    process.write(text);
    std::this_thread::sleep_for(400ms);
  }
  return process.wait();
}

TEST(Progress, OfAStreamCountsRowsAndIsErased) {
  const Finished result = slow_run({}, {"TERM=xterm"}, Start::Terminal::errors);
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.err.find("answering 2 rows, "), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("tokens/s\r"), std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("two"), std::string::npos) << result.err;
  const auto lines = test::screen(result.err);
  ASSERT_EQ(lines.size(), 1U) << result.err;
  EXPECT_TRUE(lines[0].starts_with("plimsoll: float32; ")) << lines[0];
}

TEST(Progress, OfTokensIsDrawnWhereTheyAreNot) {
  for (const auto terminal : {Start::Terminal::errors, Start::Terminal::both}) {
    Start start{{"tokenize", kModel}, {}, {"TERM=xterm"}, false, {}};
    start.terminal = terminal;
    Process process(start);
    for (const char* text : {"one\n", "two\n", "three\n"}) {
      process.write(text);
      std::this_thread::sleep_for(400ms);
    }
    const Finished result = process.wait();
    EXPECT_EQ(result.status, 0);
    const bool drawn = result.err.find("tokenizing 2 rows, ") != std::string::npos;
    EXPECT_EQ(drawn, terminal == Start::Terminal::errors) << result.err;
    EXPECT_EQ(drawn, test::screen(result.err).empty()) << "erased at the end: " << result.err;
  }
}

TEST(Progress, LeavesResultsOnTheSameTerminalWhole) {
  const Finished result = slow_run({}, {"TERM=xterm"}, Start::Terminal::both);
  EXPECT_NE(result.err.find("answering "), std::string::npos) << result.err;
  const auto lines = test::screen(result.err);
  ASSERT_EQ(lines.size(), 4U) << result.err;
  for (const auto& [line, text] : {std::pair(lines[0], "  one"), {lines[1], "  two"}, {lines[2], "  three"}}) {
    EXPECT_TRUE(line.ends_with(text)) << line;
    EXPECT_EQ(line.find("answering"), std::string::npos) << line;
  }
}

TEST(Progress, NeverSplitsALineOfAFile) {
  const Folder folder;
  std::string rows;
  for (int i = 0; i < 20'000; ++i) rows += "row number " + std::to_string(i) + " of a rather long file, to take a while\n";
  Start start{{"run", kModel, "--input", folder.write("a.txt", rows)}, {}, {"TERM=xterm"}, false, {}};
  start.terminal = Start::Terminal::both;
  const auto lines = test::screen(test::run(start).err);
  ASSERT_EQ(lines.size(), 20'001U);
  for (std::size_t i = 0; i < 20'000; ++i) {
    EXPECT_NE(lines[i].find("  row number " + std::to_string(i) + " of"), std::string::npos) << lines[i];
  }
}

TEST(Progress, IsLeftOutWhenAskedAndWhereItCannotBeDrawn) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--no-progress"}, "TERM=xterm"}, {{"-q"}, "TERM=xterm"}, {{"-v"}, "TERM=xterm"}, {{}, "TERM=dumb"}, {{}, "NO_COLOR=1"}};
  for (const auto& [flags, variable] : cases) {
    const Finished result = slow_run(flags, {variable}, Start::Terminal::errors);
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.err.find('\x1b'), std::string::npos) << variable << " " << result.err;
  }
  EXPECT_EQ(slow_run({}, {"TERM=xterm"}, Start::Terminal::none).err.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace plimsoll::cli
