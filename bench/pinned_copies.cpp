// What a GPU's link carries from pinned memory: pinned_copies [N]. Prints {"bytes_per_second": ...} of cuda:N, the best of some rounds.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>

#include "device/cuda/open_cuda.h"

namespace plimsoll::bench {
namespace {

constexpr Bytes kChunk = mib(4);
constexpr int kChunks = 64;
constexpr int kRounds = 10;

Result<double> measure(int number) {
  Gate gate;
  const std::unique_ptr<Os> os = make_os(gate);
  PLIMSOLL_TRY(const OpenedCuda opened, open_cuda({.os = os.get(), .number = number}));
  Device& device = *opened.device;
  PLIMSOLL_TRY(const auto there, device.allocate(kChunk));
  PLIMSOLL_TRY(const auto here, os->map_memory(kChunk));
  std::ranges::fill(here->bytes(), std::byte{1});
  PLIMSOLL_TRY(const auto pin, device.pin(here->bytes()));
  PLIMSOLL_TRY(const auto stream, device.make_stream(StreamKind::copy_in));
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kChunks; ++i) device.copy_in(*stream, there->bytes().data(), here->bytes().first(kChunk.count));
    PLIMSOLL_CHECK(device.synchronize(*stream));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, kChunks * static_cast<double>(kChunk.count) / seconds);
  }
  return best;
}

}  // namespace
}  // namespace plimsoll::bench

int main(int count, char** arguments) {
  const auto rate = plimsoll::bench::measure(count > 1 ? std::atoi(arguments[1]) : 0);
  if (rate.ok()) {
    fmt::print("{{\"bytes_per_second\": {:.0f}}}\n", *rate);
    return 0;
  }
  fmt::print(stderr, "pinned_copies: error: {}\n", plimsoll::message(rate.error()));
  return plimsoll::exit_code(rate.error().code);
}
