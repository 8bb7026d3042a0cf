#include "runtime/table_rows.h"

#include <algorithm>
#include <atomic>
#include <new>

namespace plimsoll {
namespace {

// Rows that one piece of work fetches: few enough that all threads wait for the disk at once.
constexpr std::int64_t kRowsPerItem = 8;

}  // namespace

Status read_table_rows(const Checkpoint& checkpoint, const BoundPart& part, std::uint64_t row_bytes, std::span<const std::int32_t> ids,
                       std::byte* out, ThreadPool& pool) {
  File& file = checkpoint.file(part.tensor->file);
  const auto place = [&](std::int32_t id) { return part.tensor->offset + static_cast<std::uint64_t>(id) * row_bytes; };
  // In any thread of the pool, where nobody else would catch it.
  const auto read = [&](std::int64_t row) -> Status {
    try {
      const std::span<std::byte> to(out + static_cast<std::uint64_t>(row) * row_bytes, row_bytes);
      return file.read(to, place(ids[static_cast<std::size_t>(row)]));
    } catch (const std::bad_alloc&) {
      return heap_exhausted();
    }
  };
  for (const std::int32_t id : ids) file.will_read(place(id), row_bytes);
  const std::int64_t rows = std::ssize(ids);
  std::atomic<bool> failed{false};
  pool.run((rows + kRowsPerItem - 1) / kRowsPerItem, [&](int, std::int64_t item) {
    for (std::int64_t row = item * kRowsPerItem; row < std::min(rows, (item + 1) * kRowsPerItem); ++row) {
      if (!read(row).ok()) failed = true;
    }
  });
  // A second attempt cures what passes, and tells the error of what does not.
  for (std::int64_t row = 0; failed && row < rows; ++row) PLIMSOLL_CHECK(read(row));
  return {};
}

}  // namespace plimsoll
