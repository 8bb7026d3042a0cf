// Prints how fast SlotReader reads a file: read_rates FILE. Not a test; docs and plans take their figures from it.
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "platform/thread_pool.h"
#include "stream/slot_reader.h"

namespace plimsoll {
namespace {

struct Run {
  std::uint64_t extent = 0;
  int readers = 0;
  bool huge = false;  // pages of the slots
  bool cached = false;
};

constexpr std::uint64_t kSlots = 4;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Reads the whole file once through the slots, as a pass would, and only waits.
Status measure(Os& os, ThreadPool& pool, File& file, const Run& run) {
  const std::uint64_t slot = slot_bytes(run.extent);
  PLIMSOLL_TRY(std::shared_ptr<Mapping> memory, os.map_memory(Bytes{slot * kSlots}));
  if (run.huge) memory->use_huge_pages();
  PLIMSOLL_TRY(const auto reader, SlotReader::create({.os = &os,
                                                      .pool = &pool,
                                                      .memory = memory->bytes(),
                                                      .memory_owner = memory,
                                                      .slot_bytes = slot,
                                                      .slots = static_cast<int>(kSlots),
                                                      .readers = run.readers}));
  const std::uint64_t extents = file.size() / run.extent;
  const auto begin = [&](std::uint64_t i) { reader->request(static_cast<int>(i % kSlots), {&file, i * run.extent, run.extent}); };
  const double cpu = cpu_seconds();
  const auto start = os.now();
  for (std::uint64_t i = 0; i < kSlots && i < extents; ++i) begin(i);
  for (std::uint64_t i = 0; i < extents; ++i) {
    const int number = static_cast<int>(i % kSlots);
    PLIMSOLL_CHECK(reader->wait(number));
    reader->release(number);
    if (i + kSlots < extents) begin(i + kSlots);
  }
  const double seconds = std::chrono::duration<double>(os.now() - start).count();
  const auto statistics = reader->statistics();
  std::printf("%-6s %llu KiB  readers %d  %-5s pages: %6.0f MB/s  cpu %4.0f%%  direct %5.0f MB  cached %5.0f MB\n",
              run.cached ? "cached" : "cold", static_cast<unsigned long long>(run.extent >> 10U), run.readers, run.huge ? "huge" : "small",
              static_cast<double>(extents * run.extent) / 1e6 / seconds, 100 * (cpu_seconds() - cpu) / seconds,
              static_cast<double>(statistics.direct_bytes) / 1e6, static_cast<double>(statistics.cached_bytes) / 1e6);
  return {};
}

Status measure_all(const std::string& path) {
  Gate gate;
  const auto os = make_os(gate);
  PLIMSOLL_TRY(const auto file, os->open(path));
  file->open_direct();
  PLIMSOLL_TRY(const auto pool, ThreadPool::create(*os, static_cast<int>(os->affinity().size())));
  for (const bool huge : {false, true}) {
    for (const std::uint64_t extent :
         {std::uint64_t{1} << 18U, std::uint64_t{1} << 19U, std::uint64_t{1} << 20U, std::uint64_t{2} << 20U, std::uint64_t{4} << 20U}) {
      for (const int readers : {1, 2, 3}) {
        file->drop_cached(0, file->size());
        PLIMSOLL_CHECK(measure(*os, *pool, *file, {extent, readers, huge, false}));
      }
    }
  }
  const auto block = std::make_unique<std::byte[]>(1U << 20U);
  for (std::uint64_t offset = 0; offset + (1U << 20U) <= file->size(); offset += 1U << 20U)
    PLIMSOLL_CHECK(file->read({block.get(), 1U << 20U}, offset));
  for (const std::uint64_t extent : {std::uint64_t{1} << 18U, std::uint64_t{1} << 19U, std::uint64_t{1} << 20U, std::uint64_t{4} << 20U})
    PLIMSOLL_CHECK(measure(*os, *pool, *file, {extent, 2, true, true}));
  return {};
}

}  // namespace
}  // namespace plimsoll

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const plimsoll::Status status = plimsoll::measure_all(arguments[1]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", plimsoll::message(status.error()).c_str());
  return status.ok() ? 0 : 1;
}
