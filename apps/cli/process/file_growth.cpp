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
}

std::size_t FileGrowth::piece(std::size_t size) {
  if (!grant_) return size;
  if (!placed_) return std::min(size, kFirstBytes);
  if (granted_ == 0) granted_ = grant_().count;
  const std::size_t piece = std::min(size, granted_);
  granted_ -= piece;
  return piece;
}

void FileGrowth::written(int fd) {
  if (grant_ && !std::exchange(placed_, true) && !lives_in_memory(fd)) grant_ = nullptr;
}

}  // namespace plimsoll::cli
