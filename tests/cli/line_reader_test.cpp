#include "rows/line_reader.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace plimsoll::cli {
namespace {

/// Reads `text` through a pipe, written in pieces of `piece` bytes.
struct Reading {
  std::vector<std::string> lines;
  std::size_t too_long = 0;
};

Reading read_lines(const std::string& text, std::size_t piece, std::size_t longest = 1U << 30U) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  std::thread writer([&] {
    for (std::size_t at = 0; at < text.size(); at += piece) {
      const std::size_t size = std::min(piece, text.size() - at);
      EXPECT_EQ(::write(ends[1], text.data() + at, size), static_cast<ssize_t>(size));
    }
    ::close(ends[1]);
  });
  Gate gate;
  CancelToken cancel;
  LineReader reader(ends[0], "pipe", gate, cancel, longest);
  Reading result;
  for (;;) {
    LineReader::Line line;
    const auto got = reader.next(line, -1);
    EXPECT_TRUE(got.ok());
    if (!got.ok() || *got == Got::end) break;
    result.too_long += line.too_long ? 1 : 0;
    result.lines.emplace_back(line.text);
  }
  writer.join();
  ::close(ends[0]);
  return result;
}

using Lines = std::vector<std::string>;

TEST(LineReader, DoesNotDependOnHowBytesArrive) {
  const std::string long_line(LineReader::kBlockBytes, 'b');
  const std::string text = "\xEF\xBB\xBFone\r\n\n" + long_line + "\r\n" + std::string(3 * LineReader::kBlockBytes + 5, 'c') + "\nlast\r";
  const Lines expected = {"one", "", long_line, std::string(3 * LineReader::kBlockBytes + 5, 'c'), "last\r"};
  for (const std::size_t piece : {std::size_t{7}, std::size_t{4096}, LineReader::kBlockBytes, std::size_t{1} << 20U})
    EXPECT_EQ(read_lines(text, piece).lines, expected) << piece;
  EXPECT_EQ(read_lines("\xEF\xBB\xBF"
                       "a\r\nb",
                       1)
                .lines,
            (Lines{"a", "b"}));
}

TEST(LineReader, EndsWithoutARowAfterTheLastNewline) {
  EXPECT_EQ(read_lines("", 1).lines, Lines{});
  EXPECT_EQ(read_lines("\n", 1).lines, Lines{""});
  EXPECT_EQ(read_lines("a\n", 1).lines, Lines{"a"});
  EXPECT_EQ(read_lines("\xEF\xBB\xBF", 1).lines, Lines{});
}

TEST(LineReader, OnlyTheFirstMarkIsDropped) {
  EXPECT_EQ(read_lines("a\n\xEF\xBB\xBF"
                       "b\n",
                       3)
                .lines,
            (Lines{"a",
                   "\xEF\xBB\xBF"
                   "b"}));
}

TEST(LineReader, SkipsLinesThatAreTooLong) {
  for (const std::size_t length : {std::size_t{11}, std::size_t{1000}, 2 * LineReader::kBlockBytes}) {
    const Reading reading = read_lines("0123456789\n" + std::string(length, 'x') + "\nafter", 4096, 10);
    EXPECT_EQ(reading.lines, (Lines{"0123456789", "", "after"})) << length;
    EXPECT_EQ(reading.too_long, 1U);
  }
  EXPECT_EQ(read_lines(std::string(100, 'x'), 100, 10).too_long, 1U);
}

TEST(LineReader, RemembersItsBeginning) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  Gate gate;
  CancelToken cancel;
  LineReader reader(ends[0], "pipe", gate, cancel, 100);
  LineReader::Line line;
  for (const std::string_view piece : {"PK", "\x03", "\x04\nmore\n"}) {
    ASSERT_EQ(::write(ends[1], piece.data(), piece.size()), static_cast<ssize_t>(piece.size()));
    ASSERT_TRUE(reader.next(line, 1).ok());
  }
  EXPECT_EQ(line.text, "PK\x03\x04");
  EXPECT_EQ(reader.beginning(), "PK\x03\x04");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(LineReader, PausesAndGoesOn) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  Gate gate;
  CancelToken cancel;
  LineReader reader(ends[0], "pipe", gate, cancel, 100);
  LineReader::Line line;
  EXPECT_EQ(*reader.next(line, 1), Got::paused);
  ASSERT_EQ(::write(ends[1], "hal", 3), 3);
  EXPECT_EQ(*reader.next(line, 1), Got::paused);
  ASSERT_EQ(::write(ends[1], "f\n", 2), 2);
  EXPECT_EQ(*reader.next(line, 1), Got::one);
  EXPECT_EQ(line.text, "half");
  cancel.cancel();
  EXPECT_EQ(reader.next(line, -1).error().code, ErrorCode::cancelled);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(LineReader, PausesThoughPartsArriveAllTheTime) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  Gate gate;
  CancelToken cancel;
  LineReader reader(ends[0], "pipe", gate, cancel, 10'000);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 2'000 && !done; ++i) {
      EXPECT_EQ(::write(ends[1], "x", 1), 1);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_EQ(::write(ends[1], "\n", 1), 1);
  });
  LineReader::Line line;
  EXPECT_EQ(*reader.next(line, 20), Got::paused) << "or whoever asks can do nothing else meanwhile";
  done = true;
  EXPECT_EQ(*reader.next(line, -1), Got::one);
  EXPECT_EQ(line.text.find_first_not_of('x'), std::string_view::npos);
  writer.join();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(LineReader, FailsAsTheSystemWould) {
  Gate gate;
  gate.refuse({1, true, static_cast<int>(Acquisition::read)});
  CancelToken cancel;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::write(ends[1], "a\n", 2), 2);
  LineReader refused(ends[0], "pipe", gate, cancel, 100);
  LineReader::Line line;
  EXPECT_EQ(refused.next(line, -1).error().code, ErrorCode::io);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace plimsoll::cli
