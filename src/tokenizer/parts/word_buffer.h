#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "tokenizer/parts/char_stage.h"

namespace plimsoll::tokenizer {

/// Longest word that a model may ask for, in points: it is held as a whole with the tokens that it is made of, which takes half of the
/// least memory that a text has (1 MiB).
inline constexpr std::size_t kLongestWord = 8192;

/// The piece that a model is looking at, as UTF-8, up to a number of points; of the rest only count and end are kept.
class WordBuffer {
 public:
  WordBuffer(std::size_t limit, std::pmr::memory_resource* memory) : limit_(limit), bytes_(memory), points_(memory) {}

  void push(Char c) {
    if (points_seen_ == 0) start_ = c.at;
    end_ = c.at + 1;
    if (++points_seen_ > limit_) return;
    points_.push_back({static_cast<std::uint32_t>(bytes_.size()), c.at});
    std::array<char, 4> utf8{};
    bytes_.append(utf8.data(), utf8::encode(c.point, utf8.data()));
  }

  void clear() {
    points_seen_ = 0;
    bytes_.clear();
    points_.clear();
  }

  bool empty() const { return points_seen_ == 0; }
  bool overfull() const { return points_seen_ > limit_; }
  std::string_view text() const { return bytes_; }
  std::uint32_t start() const { return start_; }
  std::uint32_t end() const { return end_; }

  /// Points held, the byte at which each begins, and where it stands in the text.
  std::size_t points() const { return points_.size(); }
  std::size_t byte(std::size_t point) const { return point < points_.size() ? points_[point].byte : bytes_.size(); }
  std::uint32_t at(std::size_t point) const { return points_[point].at; }

 private:
  struct Point {
    std::uint32_t byte;
    std::uint32_t at;
  };
  std::size_t limit_;
  std::size_t points_seen_ = 0;
  std::uint32_t start_ = 0;
  std::uint32_t end_ = 0;
  std::pmr::string bytes_;
  std::pmr::vector<Point> points_;
};

}  // namespace plimsoll::tokenizer
