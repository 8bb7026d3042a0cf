#include "checkpoint/strided_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace plimsoll {
namespace {

constexpr std::size_t kWindow = 4096;

template <std::size_t kElement>
void scatter(std::byte* out, std::size_t step, const std::byte* from, std::size_t stride, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) std::memcpy(out + i * step, from + i * stride, kElement);
}

}  // namespace

/// Elements in a row, in the real file `stride` bytes apart, in memory `step`.
struct StridedFile::Run {
  std::byte* out = nullptr;
  std::uint64_t step = 0;
  std::uint64_t source = 0;
  Dimension elements;
};

StridedFile::StridedFile(std::shared_ptr<File> file, const HeaderEntry& entry)
    : file_(std::move(file)), offset_(entry.offset), size_(entry.bytes), element_(file_type_bits(entry.type) / 8) {
  for (std::size_t i = 0; i < entry.shape.size(); ++i) {
    const Dimension next{static_cast<std::uint64_t>(entry.shape[i]), static_cast<std::uint64_t>(entry.strides[i]) * element_};
    if (next.size == 1) continue;
    if (!dimensions_.empty() && dimensions_.back().stride == next.size * next.stride)
      dimensions_.back() = {dimensions_.back().size * next.size, next.stride};
    else dimensions_.push_back(next);
  }
  while (dimensions_.size() < 2) dimensions_.insert(dimensions_.begin(), Dimension{});
}

Status StridedFile::read(std::span<std::byte> out, std::uint64_t offset) {
  if (offset > size_ || out.size() > size_ - offset)
    return Error{ErrorCode::corrupt_file, "a tensor ends at its byte " + std::to_string(size_), path()};
  const std::uint64_t skip = offset % element_;
  std::uint64_t element = offset / element_;
  if (skip != 0) {
    const auto part = out.first(std::min<std::size_t>(out.size(), element_ - skip));
    PLIMSOLL_CHECK(read_part(part, element++, skip));
    out = out.subspan(part.size());
  }
  const std::size_t rest = out.size() % element_;
  PLIMSOLL_CHECK(read_elements(out.first(out.size() - rest), element));
  return read_part(out.last(rest), element + out.size() / element_, 0);
}

// Some bytes of one element.
Status StridedFile::read_part(std::span<std::byte> out, std::uint64_t element, std::uint64_t skip) {
  if (out.empty()) return {};
  std::array<std::byte, 8> whole{};
  PLIMSOLL_CHECK(read_elements(std::span(whole).first(element_), element));
  std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(skip), out.size(), out.begin());
  return {};
}

// As boxes of the last two dimensions: whole rows as far as they go, parts of rows at both ends.
Status StridedFile::read_elements(std::span<std::byte> out, std::uint64_t first) {
  const Dimension rows = *(dimensions_.end() - 2);
  const Dimension columns = dimensions_.back();
  while (!out.empty()) {
    const std::uint64_t column = first % columns.size;
    const std::uint64_t row = first / columns.size % rows.size;
    const std::uint64_t left = out.size() / element_;
    const bool whole = column == 0 && left >= columns.size;
    const std::uint64_t height = whole ? std::min(left / columns.size, rows.size - row) : 1;
    const std::uint64_t width = std::min(left, columns.size - column);
    const std::uint64_t source = place(first / columns.size / rows.size) + row * rows.stride + column * columns.stride;
    PLIMSOLL_CHECK(read_box(out.data(), source, {height, rows.stride}, {width, columns.stride}));
    first += height * width;
    out = out.subspan(static_cast<std::size_t>(height * width * element_));
  }
  return {};
}

// Where a plane of the last two dimensions begins in the real file.
std::uint64_t StridedFile::place(std::uint64_t plane) const {
  std::uint64_t at = offset_;
  for (std::size_t i = dimensions_.size() - 2; i-- > 0;) {
    at += plane % dimensions_[i].size * dimensions_[i].stride;
    plane /= dimensions_[i].size;
  }
  return at;
}

Status StridedFile::read_box(std::byte* out, std::uint64_t source, Dimension rows, Dimension columns) {
  Dimension outer = rows;
  Dimension inner = columns;
  std::uint64_t outer_step = columns.size * element_;
  std::uint64_t inner_step = element_;
  if (rows.size > 1 && columns.size * reads_of(rows, outer_step) < rows.size * reads_of(columns, inner_step)) {
    std::swap(outer, inner);
    std::swap(outer_step, inner_step);
  }
  for (std::uint64_t i = 0; i < outer.size; ++i)
    PLIMSOLL_CHECK(read_run({out + i * outer_step, inner_step, source + i * outer.stride, inner}));
  return {};
}

// Elements of a run that one read gives, where they are not all in order.
std::uint64_t StridedFile::window_of(Dimension elements) const {
  return elements.stride == 0 ? elements.size : (kWindow - element_) / elements.stride + 1;
}

// Reads of the real file that a run takes.
std::uint64_t StridedFile::reads_of(Dimension elements, std::uint64_t step) const {
  if (elements.stride == element_ && step == element_) return 1;
  const std::uint64_t most = window_of(elements);
  return (elements.size + most - 1) / most;
}

Status StridedFile::read_run(const Run& run) {
  const std::uint64_t stride = run.elements.stride;
  if (stride == element_ && run.step == element_)
    return file_->read({run.out, static_cast<std::size_t>(run.elements.size * element_)}, run.source);
  std::array<std::byte, kWindow> window;
  const std::uint64_t most = window_of(run.elements);
  for (std::uint64_t done = 0; done < run.elements.size;) {
    const std::uint64_t count = std::min(most, run.elements.size - done);
    PLIMSOLL_CHECK(file_->read(std::span(window).first((count - 1) * stride + element_), run.source + done * stride));
    std::byte* out = run.out + done * run.step;
    switch (element_) {
      case 1: scatter<1>(out, run.step, window.data(), stride, count); break;
      case 2: scatter<2>(out, run.step, window.data(), stride, count); break;
      case 4: scatter<4>(out, run.step, window.data(), stride, count); break;
      default: scatter<8>(out, run.step, window.data(), stride, count); break;
    }
    done += count;
  }
  return {};
}

}  // namespace plimsoll
