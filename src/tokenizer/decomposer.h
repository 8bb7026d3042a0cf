#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "tokenizer/block_list.h"
#include "tokenizer/char_stage.h"
#include "tokenizer/unicode.h"

namespace plimsoll::tokenizer {

/// Canonical or compatibility decomposition with canonical reordering (Unicode Standard Annex #15). Holds back one starter
/// and the marks behind it, at 8 bytes a point.
///
/// Positions follow the `tokenizers` package: the k-th point that is the first of its source's decomposition stands for
/// the k-th source of the run, whatever was reordered, and further points of a decomposition for the source before them.
class Decomposer {
 public:
  Decomposer(bool compatible, std::pmr::memory_resource* memory) : compatible_(compatible), run_(memory) {}

  /// `emit(point, at, added)`; `added`: not the first point of its decomposition.
  template <typename Emit>
  void feed(Char c, Emit&& emit) {
    if (c.point < 0xA0) {
      push(c.point, 0, false, c.at, emit);
      return;
    }
    const unicode::Expansion expansion = unicode::decompose(c.point, compatible_);
    for (std::size_t i = 0; i < expansion.size; ++i)
      push(expansion.points[i], unicode::combining_class(expansion.points[i]), i > 0, c.at, emit);
  }

  template <typename Emit>
  void flush(Emit&& emit) {
    if (run_.size() == 1) {
      give(run_[0], emit, run_[0].at);
    } else if (run_.size() > 1) {
      flush_sorted(emit);
    }
    run_.clear();
    classes_ = {};
  }

 private:
  struct Entry {
    std::uint32_t packed;  // point, class << 21, added << 29
    std::uint32_t at;
    char32_t point() const { return packed & 0x1FFFFFU; }
    std::uint32_t combining_class() const { return (packed >> 21U) & 0xFFU; }
    bool added() const { return (packed >> 29U) != 0; }
  };

  template <typename Emit>
  void push(char32_t point, std::uint8_t combining_class, bool added, std::uint32_t at, Emit&& emit) {
    if (combining_class == 0) flush(emit);
    run_.push_back({static_cast<std::uint32_t>(point) | (std::uint32_t{combining_class} << 21U) | ((added ? 1U : 0U) << 29U), at});
    classes_[combining_class / 64U] |= std::uint64_t{1} << (combining_class % 64U);
  }

  // One pass over the run for each class in it: a stable sort without memory of its own.
  template <typename Emit>
  void flush_sorted(Emit&& emit) {
    std::size_t source = 0;
    for (std::uint32_t word = 0; word < classes_.size(); ++word) {
      for (std::uint64_t bits = classes_[word]; bits != 0; bits &= bits - 1) {
        const std::uint32_t wanted = word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
        for (std::size_t i = 0; i < run_.size(); ++i) {
          if (run_[i].combining_class() != wanted) continue;
          if (!run_[i].added()) {
            while (run_[source].added()) ++source;
            give(run_[i], emit, run_[source++].at);
          } else {
            give(run_[i], emit, last_at_);
          }
        }
      }
    }
  }

  template <typename Emit>
  void give(const Entry& entry, Emit&& emit, std::uint32_t at) {
    last_at_ = at;
    emit(entry.point(), at, entry.added());
  }

  bool compatible_;
  BlockList<Entry> run_;
  std::array<std::uint64_t, 4> classes_{};
  std::uint32_t last_at_ = 0;
};

}  // namespace plimsoll::tokenizer
