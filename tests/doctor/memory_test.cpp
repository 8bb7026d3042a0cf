// What a reader takes does not grow with the log, whatever is in it.
#include "doctor/support.h"
#include "support/heap_watch.h"

namespace plimsoll::doctor::test {
namespace {

constexpr std::size_t kLog = std::size_t{8} << 20U;
constexpr std::size_t kMost = std::size_t{4} << 20U;

void expect_constant(const std::string& piece) {
  const testing::HeapWatch heap;
  LogReader reader;
  for (std::size_t fed = 0; fed < kLog; fed += piece.size()) reader.feed(piece);
  EXPECT_LE(reader.finish().size(), 16U);
  EXPECT_LT(heap.highest(), kMost) << piece.substr(0, 60);
}

TEST(Memory, OfOneLineWithoutAnEnd) {
  expect_constant("out of memory, out of memory; ");
  expect_constant(std::string(3000, '\0'));
  expect_constant("\x1b[");
}

TEST(Memory, OfManyMessages) {
  std::string many;
  for (int rank = 0; rank < 2000; ++rank) {
    const std::string number = std::to_string(rank);
    many += "[rank" + number + "]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate " + number + ".50 MiB. GPU " + number +
            " has a total capacity of 79.25 GiB of which 1.00 MiB is free. ";
    for (int other = 0; other < 20; ++other) many += "Process " + std::to_string(other) + " has 1.00 GiB memory in use. ";
    many += "\n  File \"" + std::string(200, 'x') + "\", line 3, in forward\n";
  }
  expect_constant(many);
}

TEST(Memory, OfNamesOfPrograms) {
  expect_constant("Memory cgroup out of memory: Killed process 7 (" + std::string(9000, 'x') + ") total-vm:1kB, anon-rss:1kB\n");
}

}  // namespace
}  // namespace plimsoll::doctor::test
