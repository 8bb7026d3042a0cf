// The whole command while the system fails under it: preload.cpp stands between the two.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "support/tiny_model.h"
#include "sweeps/sweep_fixture.h"

namespace plimsoll::test {
namespace {

using testing::kSanitized;
using testing::TinyModel;

constexpr int kMemory = 6;

/// A command, and what it must come to or stop short of.
struct Case {
  std::string name;
  std::vector<std::string> arguments;
  std::string file = {};  ///< that it writes, if any
  bool varies = false;    ///< its output names what is free just now
  std::vector<std::string> shell = {};
};

class CommandFaults : public ::testing::Test {
 protected:
  struct Counts {
    std::uint64_t calls = 0;
    std::uint64_t struck = 0;
  };

  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "a sanitizer stands where the faults are made";
    testing::write_tiny_model(folder_.path(), {.hidden = 32, .layers = 3, .heads = 2, .intermediate = 160, .words = 90});
    std::string rows;
    for (int i = 0; i < 9; ++i) rows += testing::tiny_text({.words = 90}, 2 + i, static_cast<std::uint64_t>(i)) + "\n";
    folder_.write("rows.txt", rows);
  }

  Finished run_case(const Case& one, const std::string& fault) {
    std::filesystem::remove(log_);
    Start start;
    start.arguments = one.shell;
    start.arguments.insert(start.arguments.end(), one.arguments.begin(), one.arguments.end());
    start.environment = {"LD_PRELOAD=" PLIMSOLL_FAULTS, "PLIMSOLL_FAULT=" + fault, "PLIMSOLL_FAULT_LOG=" + log_};
    return run(start);
  }

  Counts counts() const {
    Counts counts;
    std::ifstream(log_) >> counts.calls >> counts.struck;
    return counts;
  }

  /// Remembers what comes of it when nothing fails.
  void expect(const Case& one) {
    const Finished finished = run_case(one, "none");
    ASSERT_EQ(finished.status, 0) << finished.err;
    out_ = finished.out;
    kept_ = take_file(one);
    ASSERT_FALSE(out_.empty() && kept_.empty());
  }

  /// Under a fault: all of it, or an error of one of the `codes` after whole lines of it. How often the fault struck.
  std::uint64_t disturb(const Case& one, const std::string& fault, const std::set<int>& codes) {
    SCOPED_TRACE(one.name + ", " + fault);
    const Finished finished = run_case(one, fault);
    EXPECT_TRUE(finished.status == 0 || codes.contains(finished.status)) << finished.status << "\n" << finished.err;
    if (one.varies) {
      EXPECT_TRUE(finished.status != 0 || nlohmann::json::accept(finished.out)) << finished.out;
    } else if (finished.status == 0) {
      EXPECT_EQ(finished.out, out_) << finished.err;
    } else {
      EXPECT_TRUE(out_.starts_with(finished.out)) << finished.out;
      EXPECT_TRUE(finished.out.empty() || finished.out.ends_with('\n')) << "half a line: " << finished.out;
    }
    EXPECT_TRUE(finished.status == 0 || finished.err.find("error") != std::string::npos) << finished.err;
    const std::string written = take_file(one);
    EXPECT_TRUE(written == kept_ || (written.empty() && finished.status != 0)) << "half a file: " << written;
    for (const std::string& name : names_in(folder_.path())) EXPECT_FALSE(name.ends_with(".tmp")) << name << " was left";
    return counts().struck;
  }

  /// From each of the first calls, and of those that follow from some, until there are no more: one alone, then all that follow.
  void sweep(const Case& one, const std::string& what, const std::set<int>& codes, std::uint64_t cases) {
    expect(one);
    run_case(one, what + ":1000000000");
    const std::uint64_t all = counts().calls;
    ASSERT_GT(all, 0U) << one.name;
    const std::uint64_t stride = testing::all_cases() ? 1 : 1 + all / cases;
    for (const char* length : {":1", ""}) {
      for (std::uint64_t n = 1; n <= all && !HasFailure(); n += stride)
        EXPECT_GT(disturb(one, what + ":" + std::to_string(n) + length, codes) + (n == 1 ? 0 : 1), 0U);
    }
  }

  std::string take_file(const Case& one) const {
    if (one.file.empty()) return {};
    const std::string path = folder_ / one.file;
    std::string text = std::filesystem::exists(path) ? read_file(path) : "";
    std::filesystem::remove(path);
    return text;
  }

  std::string model() const { return folder_.path(); }
  std::string rows() const { return folder_ / "rows.txt"; }

  Case run_rows() const { return {"run", {"run", model(), "--input", rows(), "--json", "--threads", "2"}}; }
  Case run_file() const {
    return {
        "run to a file", {"run", model(), "--input", rows(), "--json", "--output", folder_ / "out.jsonl", "--threads", "2"}, "out.jsonl"};
  }
  Case run_streamed() const {
    return {"run streamed", {"run", model(), "--input", rows(), "--json", "--sim", "memory=220KiB", "--device", "sim:0", "--threads", "2"}};
  }
  Case tokenize() const { return {"tokenize", {"tokenize", model(), "--input", rows()}}; }
  Case plan() const { return {"plan", {"plan", model(), "w1 w2 w3", "--json"}, "", true}; }

  Folder folder_;
  Folder beside_;
  std::string log_ = beside_ / "log";
  std::string out_;
  std::string kept_;
};

TEST_F(CommandFaults, TheHeapRefusesARun) { sweep(run_rows(), "new", {kMemory}, 60); }
TEST_F(CommandFaults, TheHeapRefusesARunIntoAFile) { sweep(run_file(), "new", {kMemory}, 40); }
TEST_F(CommandFaults, TheHeapRefusesAStreamedRun) { sweep(run_streamed(), "new", {kMemory}, 60); }
TEST_F(CommandFaults, TheHeapRefusesAPlan) { sweep(plan(), "new", {kMemory}, 60); }
TEST_F(CommandFaults, TheHeapRefusesTokens) { sweep(tokenize(), "new", {kMemory}, 60); }

// It walks a folder, in ways of the C++ library that may not throw and so end the process. It is the last thing before the refusal.
TEST_F(CommandFaults, TheHeapRefusesALookForFilesThatAreWrittenOver) {
  const Case one = {"refused", {"run", model(), "--input", rows(), "--output", folder_ / "config.json"}};
  ASSERT_EQ(run_case(one, "new:1000000000").status, 2);
  const std::uint64_t all = counts().calls;
  ASSERT_GT(all, 200U);
  for (std::uint64_t n = all - 150; n <= all && !HasFailure(); ++n) {
    const Finished finished = run_case(one, "new:" + std::to_string(n) + ":1");
    EXPECT_TRUE(finished.status == 2 || finished.status == kMemory) << n << ": " << finished.status << "\n" << finished.err;
  }
}

TEST_F(CommandFaults, MemoryIsNotMapped) {
  for (const Case& one : {run_rows(), run_streamed(), tokenize()}) sweep(one, "memory", {kMemory}, 20);
}

TEST_F(CommandFaults, FilesAreNotOpenedOrRead) {
  for (const Case& one : {run_rows(), run_streamed(), tokenize()}) {
    sweep(one, "open", {1}, 20);
    sweep(one, "eio", {1}, 20);
  }
}

TEST_F(CommandFaults, TheDiskIsFull) { sweep(run_file(), "write", {1}, 20); }

TEST_F(CommandFaults, AFileEndsWhileItIsInUse) {
  for (const Case& one : {run_rows(), run_streamed()}) sweep(one, "eof", {5}, 20);
}

TEST_F(CommandFaults, ThreadsCannotBeMade) {
  for (const Case& one : {run_rows(), run_streamed()}) sweep(one, "thread", {}, 20);
}

TEST_F(CommandFaults, ReadsAndWritesAreShortOrInterrupted) {
  for (const Case& one : {run_rows(), run_file(), run_streamed(), tokenize()}) {
    expect(one);
    for (const char* what : {"short", "eintr"}) EXPECT_GT(disturb(one, what, {}), 0U) << what;
  }
}

TEST_F(CommandFaults, StacksAreSmall) {
  for (Case one : {run_rows(), run_streamed(), tokenize()}) {
    expect(one);
    one.shell = {"/bin/sh", "-c", "ulimit -s 256 && exec \"$0\" \"$@\"", PLIMSOLL_COMMAND};
    const std::uint64_t struck = disturb(one, "stack", {});
    EXPECT_TRUE(struck > 0 || one.name == "tokenize");
  }
}

}  // namespace
}  // namespace plimsoll::test
