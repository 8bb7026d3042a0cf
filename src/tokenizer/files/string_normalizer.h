#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string_view>

#include "tokenizer/parts/char_stage.h"
#include "tokenizer/parts/normalizer.h"

namespace plimsoll::tokenizer {

/// Puts strings through normalizers, each by itself, and counts the code points that these take and hand on.
class StringNormalizer {
 public:
  /// `normalizers` outlive the object.
  explicit StringNormalizer(const Normalizers& normalizers);

  /// Bytes of `text` normalized, written to `out` as far as they fit.
  std::size_t normalize(std::string_view text, std::span<char> out);

  /// Code points that went into a normalizer or came out of the last, in all.
  std::uint64_t points() const { return points_; }

 private:
  class Meter;
  class Writer;

  std::array<std::byte, 4096> buffer_;
  std::pmr::monotonic_buffer_resource memory_{buffer_.data(), buffer_.size()};
  StageList stages_{&memory_};
  std::uint64_t points_ = 0;
  Writer* writer_;
  CharStage* head_;
};

}  // namespace plimsoll::tokenizer
