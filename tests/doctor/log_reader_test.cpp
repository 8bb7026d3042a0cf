#include "doctor/support.h"

namespace plimsoll::doctor::test {
namespace {

std::string message(int rank, const char* free) {
  return "[rank" + std::to_string(rank) + "]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.00 GiB. GPU " +
         std::to_string(rank) + " has a total capacity of 39.39 GiB of which " + free +
         " GiB is free. Including non-PyTorch memory, this process has 37.30 GiB memory in use. Of the allocated memory 36.00 GiB is "
         "allocated by PyTorch, and 500.00 MiB is "
         "reserved by PyTorch but unallocated.\n";
}

TEST(LogReader, TheFirstCauseComesFirst) {
  const auto found = diagnose("[rank5]: NCCL WARN nothing yet\n" + message(5, "2.01") +
                              "[rank2]: x NCCL WARN Cuda failure 2 'out of memory'\n" + message(1, "1.99"));
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].rank, "rank5");
  EXPECT_EQ(found[0].line, 2U);
  EXPECT_EQ(found[0].source, Source::pytorch);
  EXPECT_EQ(found[1].source, Source::nccl);
}

TEST(LogReader, ALaunchersWordOnTheRootCauseCounts) {
  const auto found = diagnose(
      message(5, "2.01") + message(1, "1.99") +
      "Root Cause (first observed failure):\n[0]:\n  time      : 2025-11-26_20:01:02\n  rank      : 1 (local_rank: 1)\n  exitcode  : 1\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].rank, "rank1");
}

// Ranks write at the same time: each has its own traceback, and its own continued lines.
TEST(LogReader, RanksMayInterleave) {
  const auto found = diagnose(
      "[rank0]: Traceback (most recent call last):\n[rank1]: Traceback (most recent call last):\n[rank0]:     loss.backward()\n[rank1]:    "
      " scores = torch.softmax(x, -1)\n"
      "[rank0]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.00 GiB. GPU 0 has a total capacity of\n"
      "[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 1 has a total capacity of\n"
      "[rank0]: 10.00 GiB of which 0.50 GiB is free. Of the allocated memory 9.00 GiB is allocated by PyTorch, and 0 bytes is reserved by "
      "PyTorch but unallocated.\n"
      "[rank1]: 20.00 GiB of which 0.25 GiB is free. Of the allocated memory 19.00 GiB is allocated by PyTorch, and 0 bytes is reserved by "
      "PyTorch but unallocated.\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].phase, Phase::training);
  EXPECT_EQ(found[1].phase, Phase::activations);
  expect_size("total", found[0].figures.total, 10 * 1024);
  expect_size("total", found[1].figures.total, 20 * 1024);
  expect_size("free", found[1].figures.free, 256);
}

TEST(LogReader, TheSameIsToldOnce) {
  std::string log;
  for (int i = 0; i < 50; ++i) log += "Traceback (most recent call last):\n  File \"x.py\", line 1, in f\n" + message(0, "1.99");
  const auto found = diagnose(log);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].times, 50U);
}

TEST(LogReader, ChainedTracebacksAreOneFailure) {
  const std::string once = message(0, "1.99").substr(9);
  const auto found = diagnose(
      "Traceback (most recent call last):\n    x = torch.softmax(y, -1)\n" + once +
      "\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n    loss.backward()\n" +
      once);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].times, 2U);
  EXPECT_EQ(found[0].phase, Phase::activations);
}

TEST(LogReader, WarningsComeLast) {
  const auto found =
      diagnose("Allocator (GPU_0_bfc) ran out of memory trying to allocate 1.00GiB. The caller indicates that this is not a failure\n" +
               message(0, "1.99"));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_TRUE(found[0].fatal);
  EXPECT_FALSE(found[1].fatal);
}

std::string holding(const char* allocated, int device = 0) {
  return "CUDA out of memory. Tried to allocate 1.00 GiB (GPU " + std::to_string(device) + "; 8.00 GiB total capacity; " + allocated +
         " GiB already allocated; 0.50 GiB free; 7.20 GiB reserved in total by PyTorch)\n";
}

bool grows(const std::string& log) { return explanation(diagnose(log).at(0)).find("grew by") != std::string::npos; }

TEST(LogReader, WhatGrowsMayBeALeak) {
  const auto found = diagnose(holding("5.10") + holding("5.80") + holding("6.90"));
  EXPECT_NE(explanation(found.at(0)).find("grew by 1.80 GiB"), std::string::npos) << explanation(found[0]);
}

TEST(LogReader, WhatFallsOrIsAnothersDoesNotGrow) {
  EXPECT_FALSE(grows(holding("6.00") + holding("6.80")));
  EXPECT_FALSE(grows(holding("5.00") + holding("6.90") + holding("5.10")));
  EXPECT_FALSE(grows(holding("5.10", 0) + holding("5.80", 1) + holding("6.90", 2)));
  const std::string ended = "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n    f()\n";
  EXPECT_FALSE(grows(ended + holding("5.10") + ended + holding("5.80") + ended + holding("6.90")));
}

// A warning says less than a kill, however little the kill's words say.
TEST(LogReader, AWarningHidesNoKill) {
  const auto found = diagnose(
      "[WARNING] [stage3.py:2236:step] 1 pytorch allocator cache flushes since last step\n[ERROR] failed (exitcode: -9) local_rank: 0\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].source, Source::kernel);
  EXPECT_TRUE(found[0].fatal);
}

TEST(LogReader, ABlockMayEndAnywhere) {
  const std::string log = "noise\n" + message(3, "1.00") + "more\n";
  const auto whole = diagnose(log);
  for (std::size_t cut = 0; cut <= log.size(); cut += 7) {
    LogReader reader;
    reader.feed(std::string_view(log).substr(0, cut));
    reader.feed(std::string_view(log).substr(cut));
    const auto found = reader.finish();
    ASSERT_EQ(found.size(), whole.size());
    EXPECT_EQ(explanation(found[0]), explanation(whole[0])) << cut;
  }
}

TEST(LogReader, FindsAMessageInTheMiddleOfALongLine) {
  const std::string message =
      "CUDA out of memory. Tried to allocate 3.00 GiB (GPU 0; 8.00 GiB total capacity; 6.00 GiB already allocated; 1.00 GiB free; 6.10 GiB "
      "reserved in total "
      "by PyTorch)";
  for (const std::size_t before : {0U, 100U, 16300U, 16370U, 40000U}) {
    const auto found = diagnose(std::string(before, 'x') + " " + message + std::string(50000, 'y'));
    ASSERT_EQ(found.size(), 1U) << before;
    expect_size("free", found[0].figures.free, 1024);
    expect_size("reserved", found[0].figures.reserved, 6.1 * 1024);
  }
}

/// `log` as a terminal of `width` columns shows it.
std::string wrapped(std::string_view log, std::size_t width) {
  std::string out;
  for (std::size_t at = 0; at < log.size(); at += width) out += std::string(log.substr(at, width)) + "\n";
  return out;
}

// Numbers without a unit are cut as well, wherever the terminal ends.
TEST(LogReader, NoWidthMakesANumberSmaller) {
  for (std::size_t width = 40; width <= 160; ++width) {
    const auto listed = diagnose(wrapped(
        "CUDA out of memory. Tried to allocate 1.95 GiB. GPU 10 has a total capacity of 14.57 GiB of which 1.58 GiB is free. Process "
        "2493055 has 12.02 GiB memory in use. Including non-PyTorch memory, this process has 962.00 MiB memory in use. Of the "
        "allocated memory 737.28 MiB is allocated by PyTorch, and 30.72 MiB is reserved by PyTorch but unallocated.",
        width));
    ASSERT_EQ(listed.size(), 1U) << width;
    EXPECT_EQ(listed[0].figures.processes.at(0).pid, 2493055) << width;
    EXPECT_EQ(listed[0].figures.device, "cuda:10") << width;
    const auto warned = diagnose(
        wrapped("[W801 09:08:57.499362929 CUDACachingAllocator.cpp:3933] memory allocation failed with OOM on device 0 while trying to "
                "allocate 580911104 bytes (free: 191430656, total: 42405855232).",
                width));
    ASSERT_EQ(warned.size(), 1U) << width;
    EXPECT_EQ(warned[0].figures.free->said, Bytes{191430656}) << width;
    EXPECT_EQ(warned[0].figures.total->said, Bytes{42405855232}) << width;
    const auto capped =
        diagnose(wrapped("[HAMI-core ERROR (pid:41 thread=139 allocator.c:49)]: Device 0 OOM 27147995136 / 25757220864", width) + "done\n");
    ASSERT_EQ(capped.size(), 1U) << width;
    EXPECT_EQ(capped[0].figures.limit->said, Bytes{25757220864}) << width;
    const auto compiled = diagnose(wrapped(
        "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 19.66G of 15.48G hbm. "
        "Exceeded hbm capacity by 4.18G.",
        width));
    ASSERT_EQ(compiled.size(), 1U) << width;
    expect_size("requested", compiled[0].figures.requested, 19.66 * 1024);
    expect_size("total", compiled[0].figures.total, 15.48 * 1024);
  }
}

// Where a terminal broke lines, the log may have been cut between two of them.
TEST(LogReader, ANumberThatALogEndsInMayGoOn) {
  const std::string log = "[HAMI-core ERROR (pid:41 thread=139 allocator.c:49)]: Device 0 OOM 27147995136 / 25757220864";
  for (std::size_t width = 40; width + 12 < log.size(); ++width) {
    const std::string shown = wrapped(log, width);
    for (std::size_t lines = 2 * (width + 1); lines < shown.size(); lines += width + 1) {
      const auto cut = diagnose(shown.substr(0, lines));
      for (const Diagnosis& each : cut) EXPECT_FALSE(each.figures.limit) << shown.substr(0, lines);
    }
  }
  EXPECT_EQ(diagnose(log + "\n").at(0).figures.limit->said, Bytes{25757220864});
}

TEST(LogReader, ProgressThatGoesBackHidesNothing) {
  const auto found = diagnose("step 1/9\b\b\b\b\b\b\b\bCUDA out of me\bemory. Tried to allocate 2.000\b GiB\b\b\b\b\b\b\b\b\n");
  ASSERT_EQ(found.size(), 1U);
  expect_size("requested", found[0].figures.requested, 2048);
}

TEST(LogReader, NumbersOfTwoLinesAreTwo) {
  const auto found = diagnose(
      "[HAMI-core ERROR (pid:41 thread=139 allocator.c:49)]: Device 0 OOM 27147995136 / 25757220864\n7 steps were done by all of them, and "
      "then this line "
      "goes on, and on, for longer than the one above it does\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].figures.limit->said, Bytes{25757220864});
}

TEST(LogReader, NoNumberGoesOnBehindAnEmptyLine) {
  const auto found =
      diagnose("[HAMI-core ERROR (pid:41 thread=139 allocator.c:49)]: Device 0 OOM 27147995136 / 25757220864\n\n7 steps were done\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].figures.limit->said, Bytes{25757220864});
}

}  // namespace
}  // namespace plimsoll::doctor::test
