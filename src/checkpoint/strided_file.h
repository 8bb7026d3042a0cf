#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <plimsoll/os.h>

#include "checkpoint/header_sink.h"

namespace plimsoll {

/// A tensor whose elements are not in order (transposed, sliced) as a file that has them in order: byte i of it is byte i of the tensor
/// row-major. So whoever reads extents of files reads it without knowing. Nothing is kept: every read gathers its elements from the real
/// file, through its page cache, by runs along whichever of the last two dimensions takes fewer reads. A transposed matrix read
/// R rows at a time takes one read of the real file for each column and R elements of it. Reads past the page cache do not exist.
class StridedFile final : public File {
 public:
  /// `entry`, with strides, is of `file`, and was checked to lie within it.
  StridedFile(std::shared_ptr<File> file, const HeaderEntry& entry);

  std::uint64_t size() const override { return size_; }
  const std::string& path() const override { return file_->path(); }
  Status read(std::span<std::byte> out, std::uint64_t offset) override;

 private:
  /// One dimension; `stride` in bytes of the real file.
  struct Dimension {
    std::uint64_t size = 1;
    std::uint64_t stride = 0;
  };
  struct Run;

  Status read_elements(std::span<std::byte> out, std::uint64_t first);
  Status read_part(std::span<std::byte> out, std::uint64_t element, std::uint64_t skip);
  Status read_box(std::byte* out, std::uint64_t source, Dimension rows, Dimension columns);
  std::uint64_t window_of(Dimension elements) const;
  std::uint64_t reads_of(Dimension elements, std::uint64_t step) const;
  Status read_run(const Run& run);
  std::uint64_t place(std::uint64_t plane) const;

  std::shared_ptr<File> file_;
  std::vector<Dimension> dimensions_;  // two at least; those that lie in order are one
  std::uint64_t offset_;
  std::uint64_t size_;
  std::uint64_t element_;
};

}  // namespace plimsoll
