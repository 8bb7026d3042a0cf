// Pipes, signals and files: how the command ends.
#include <csignal>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

const std::string kModel = fixture("models/bert");

TEST(Filter, AnswersBeforeTheInputEnds) {
  Process process({{"run", kModel, "--json"}, {}, {}, false, {}});
  for (const std::string text : {"first", "second", "third"}) {
    process.write(text + "\n");
    const auto line = process.read_line();
    ASSERT_TRUE(line.has_value()) << text;
    EXPECT_EQ(json::parse(*line)["text"], text);
  }
  process.write("no line end");
  const Finished rest = process.wait();
  EXPECT_EQ(rest.status, 0) << rest.err;
  EXPECT_EQ(rest.rows().at(0)["text"], "no line end");
}

TEST(Filter, ReadsJsonLinesWithPairs) {
  Process process({{"run", kModel, "--input", "-", "--jsonl", "--json"}, {}, {}, false, {}});
  process.write("{\"id\": \"a\", \"text\": \"one\", \"text_pair\": \"two\"}\nbad\n");
  EXPECT_EQ(json::parse(process.read_line().value_or("{}"))["text_pair"], "two");
  EXPECT_EQ(json::parse(process.read_line().value_or("{}"))["error"]["code"], "bad_row");
  EXPECT_EQ(process.wait().status, 1);
}

TEST(Filter, GivesTheBitsThatAFileGives) {
  const Folder folder;
  const std::string text = "one\ntwo three four\nfive\n";
  const Finished file = run({"run", kModel, "--json", "--logits", "--input", folder.write("a.txt", text)});
  EXPECT_EQ(run(Start{{"run", kModel, "--json", "--logits"}, text, {}, false, {}}).out, file.out);
}

TEST(Filter, TokenizesToo) {
  Process process({{"tokenize", kModel, "--json"}, {}, {}, false, {}});
  process.write("first\n");
  ASSERT_TRUE(process.read_line().has_value());
  EXPECT_EQ(process.wait().status, 0);
}

TEST(Stdout, AReaderThatLeavesEndsItQuietly) {
  Process process({{"run", kModel, "--json"}, {}, {}, false, {}});
  process.write("first\n");
  ASSERT_TRUE(process.read_line().has_value());
  process.close_output();
  process.write("second\n");
  const Finished result = process.wait();
  EXPECT_EQ(result.status, 141);
  EXPECT_EQ(result.err, "");
}

// The input goes on: it is the disk that ends the run.
TEST(Stdout, IsWatchedAlsoWhileAllRowsAreBad) {
  std::string rows;
  for (int i = 0; i < 10000; ++i) rows += "x\n";
  for (const char* command : {"run", "tokenize"}) {
    Process process({{command, kModel, "--jsonl", "--json", "-q"}, {}, {}, false, "/dev/full"});
    for (int i = 0; i < 100; ++i) process.write(rows);
    for (int i = 0; i < 100 && !process.ended(); ++i) process.read_line(50ms);
    EXPECT_TRUE(process.ended()) << command;
    const Finished full = process.wait();
    EXPECT_EQ(full.status, 1) << command;
    EXPECT_NE(full.err.find("No space left"), std::string::npos) << full.err;
  }
}

TEST(Stdout, AFullDiskIsAnError) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"run", kModel, "x", "-q"}, {"plan", kModel}, {"--help"}, {"completion", "bash"}}) {
    const Finished result = run(Start{arguments, {}, {}, false, "/dev/full"});
    EXPECT_EQ(result.status, 1) << arguments[0];
    EXPECT_NE(result.err.find("No space left"), std::string::npos) << result.err;
  }
}

TEST(Stdout, ThatIsClosedIsAnError) {
  const Finished result = run(Start{{"run", kModel, "x", "-q"}, {}, {}, true, {}});
  EXPECT_EQ(result.status, 1) << result.err;
}

class Signalled : public ::testing::TestWithParam<int> {};

TEST_P(Signalled, EndsWithItsStatusAndKeepsWhatWasDone) {
  Process process({{"run", kModel, "--json"}, {}, {}, false, {}});
  process.write("first\n");
  ASSERT_TRUE(process.read_line().has_value());
  process.signal(GetParam());
  // The input stays open: it is the signal that ends the run.
  for (int i = 0; i < 600; ++i) {
    if (!process.read_line(100ms) && process.ended()) break;
  }
  const Finished result = process.wait();
  EXPECT_EQ(result.status, 128 + GetParam());
  EXPECT_NE(result.err.find("\"code\": \"cancelled\""), std::string::npos) << result.err;
}

INSTANTIATE_TEST_SUITE_P(All, Signalled, ::testing::Values(SIGINT, SIGTERM, SIGHUP));

TEST(Signalled, EndsAWaitForAnInputThatNeverComes) {
  Process process({{"run", kModel, "--json"}, {}, {}, false, {}});
  EXPECT_FALSE(process.read_line(500ms).has_value());
  process.signal(SIGINT);
  for (int i = 0; i < 600 && !process.ended(); ++i) (void)process.read_line(100ms);
  EXPECT_EQ(process.wait().status, 130);
}

TEST(StandardInput, ThatIsAFolderIsAnError) {
  const Finished result = run({"/bin/sh", "-c", "exec \"$0\" run \"$1\" < /", PLIMSOLL_COMMAND, kModel});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("(standard input)"), std::string::npos) << result.err;
}

TEST(OutputFile, AppearsWhenItIsComplete) {
  const Folder folder;
  std::ofstream(folder / "out.jsonl") << "old";
  Process process({{"run", kModel, "--json", "--output", folder / "out.jsonl"}, {}, {}, false, {}});
  process.write("first\n");
  EXPECT_FALSE(process.read_line(300ms).has_value());
  EXPECT_EQ(read_file(folder / "out.jsonl"), "old");
  EXPECT_EQ(process.wait().status, 0);
  EXPECT_EQ(json::parse(read_file(folder / "out.jsonl"))["text"], "first");
  EXPECT_EQ(names_in(folder.path()).size(), 1U);
}

TEST(OutputFile, IsNotLeftBehindBySignalsAndErrors) {
  const Folder folder;
  {
    Process process({{"run", kModel, "--json", "--output", folder / "out.jsonl"}, {}, {}, false, {}});
    process.write("first\n");
    EXPECT_FALSE(process.read_line(500ms).has_value());
    process.signal(SIGINT);
    const Finished stopped = process.wait();
    EXPECT_EQ(stopped.status, 130);
    EXPECT_NE(stopped.err.find("the results were not written"), std::string::npos) << stopped.err;
  }
  EXPECT_EQ(run({"run", "/nonexistent", "x", "--output", folder / "out.jsonl"}).status, 3);
  EXPECT_EQ(run({"run", kModel, "x", "--max-memory", "4KiB", "--output", folder / "out.jsonl"}).status, 6);
  const std::string rows = folder.write("a.jsonl", "bad\n");
  EXPECT_EQ(run({"run", kModel, "--input", rows, "--fail-fast", "--output", folder / "out.jsonl"}).status, 1);
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"a.jsonl"});
}

TEST(OutputFile, ThatMayNotGrowIsAnErrorAndNotLeftBehind) {
  const Folder folder;
  if (run({"/bin/sh", "-c", "ulimit -f 0; exec \"$0\" version", PLIMSOLL_COMMAND}).status != 0)
    GTEST_SKIP() << "ThreadSanitizer writes a file as it starts";
  const std::string line = "ulimit -f 0; exec \"$0\" run \"$1\" x --json --output \"$2\"";
  const Finished result = run({"/bin/sh", "-c", line, PLIMSOLL_COMMAND, kModel, folder / "out.jsonl"});
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_NE(result.err.find("File too large"), std::string::npos) << result.err;
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST(StandardError, ThatNobodyReadsDoesNotHoldUpASignal) {
  const Folder folder;
  const std::string rows = folder.write("a.jsonl", "bad\n");
  ASSERT_EQ(::mkfifo((folder / "err").c_str(), 0600), 0);
  const int unread = ::open((folder / "err").c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  ASSERT_GE(unread, 0);
  const std::string block(4096, 'x');
  while (::write(unread, block.data(), block.size()) > 0) {}
  Process process(
      {{"/bin/sh", "-c", "exec \"$0\" run \"$1\" --json --input \"$2\" 2> \"$3\"", PLIMSOLL_COMMAND, kModel, rows, folder / "err"},
       {},
       {},
       false,
       {}});
  while (process.read_line(700ms)) {}
  EXPECT_FALSE(process.ended()) << "it must be waiting for its reader, or this test shows nothing";
  process.signal(SIGTERM);
  EXPECT_LT(process.wait(10s).status, 1000) << "killed: it never ended";
  ::close(unread);
}

TEST(OutputFile, IsKeptWhenOnlyRowsWereBad) {
  const Folder folder;
  const std::string rows = folder.write("a.jsonl", "bad\n{\"text\": \"x\"}\n");
  EXPECT_EQ(run({"run", kModel, "--input", rows, "--json", "--output", folder / "out.jsonl"}).status, 1);
  const std::string out = read_file(folder / "out.jsonl");
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2);
}

TEST(OutputFile, GoesThroughALinkAndIntoADevice) {
  const Folder folder;
  folder.write("real", "old");
  ASSERT_EQ(run({"/usr/bin/ln", "-s", "real", folder / "link"}).status, 0);
  EXPECT_EQ(run({"run", kModel, "x", "--output", folder / "link"}).status, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_TRUE(read_file(folder / "real").ends_with("\tx\n"));
  EXPECT_EQ(run({"run", kModel, "x", "--output", "/dev/null"}).status, 0);
}

}  // namespace
}  // namespace plimsoll::test
