#include "process/file_growth.h"

#include <algorithm>
#include <utility>

#include "process/file_system.h"

namespace plimsoll::cli {
namespace {

// As much as may be written before it is known where.
constexpr std::size_t kFirstBytes = 4096;

}  // namespace

void FileGrowth::ask(std::function<Bytes()> grant) {
  grant_ = std::move(grant);
  granted_ = 0;
  placed_ = false;
  next_ = {};
}

std::size_t FileGrowth::piece(std::size_t size) {
  if (!grant_) return size;
  if (!placed_) return std::min(size, kFirstBytes);
  if (granted_ == 0) ask_again();
  const std::size_t piece = std::min(size, granted_);
  granted_ -= piece;
  return piece;
}

bool FileGrowth::admits(std::size_t size) {
  if (!grant_ || !placed_) return true;
  if (granted_ < size) ask_again();
  if (granted_ < size) return false;
  granted_ -= size;
  return true;
}

// It takes a look at the machine.
void FileGrowth::ask_again() {
  static constexpr std::chrono::milliseconds kPause{100};
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  granted_ = grant_().count;
  if (granted_ == 0) next_ = now + kPause;
}

void FileGrowth::written(int fd) {
  if (grant_ && !std::exchange(placed_, true) && !lives_in_memory(fd)) grant_ = nullptr;
}

}  // namespace plimsoll::cli
