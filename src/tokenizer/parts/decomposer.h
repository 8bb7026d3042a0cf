#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory_resource>

#include "tokenizer/parts/char_list.h"
#include "tokenizer/parts/char_stage.h"
#include "tokenizer/unicode/unicode.h"

namespace plimsoll::tokenizer {

/// Canonical or compatibility decomposition with canonical reordering (Unicode Standard Annex #15), run by run. A run is a
/// starter and the marks behind it; at the very beginning the starter may be missing. Marks are held by class, which is their
/// order: the bytes of their UTF-8 and one a mark for its position.
///
/// Positions follow the `tokenizers` package: the k-th point that is the first of its source's decomposition stands for
/// the k-th source of the run, whatever was reordered, and further points of a decomposition for the source before them.
class Decomposer {
 public:
  Decomposer(bool compatible, std::pmr::memory_resource* memory) : compatible_(compatible), allocator_(memory), sources_(memory) {}
  Decomposer(const Decomposer&) = delete;
  Decomposer& operator=(const Decomposer&) = delete;
  ~Decomposer() {
    for (Marks* marks : marks_)
      if (marks != nullptr) allocator_.delete_object(marks);
  }

  /// A point of a run. `added`: not the first point of its source's decomposition.
  struct Point {
    char32_t point;
    bool added;
  };

  /// Calls `on_run(*this)` for each run that ends before `c`.
  template <typename OnRun>
  void feed(Char c, OnRun&& on_run) {
    if (c.point < 0xA0) return begin({c.point, false}, c.at, on_run);
    const unicode::Expansion expansion = unicode::decompose(c.point, compatible_);
    for (std::size_t i = 0; i < expansion.size; ++i) {
      const Point point{expansion.points[i], i > 0};
      const std::uint8_t combining_class = unicode::combining_class(point.point);
      if (combining_class == 0) begin(point, c.at, on_run);
      else add_mark(point, combining_class, c.at);
    }
  }

  /// Ends the run, if there is one.
  template <typename OnRun>
  void flush(OnRun&& on_run) {
    if (!has_starter_ && !has_marks_) return;
    on_run(static_cast<const Decomposer&>(*this));
    clear();
  }

  // The run, for `on_run`.

  bool has_starter() const { return has_starter_; }
  Point starter() const { return starter_; }
  /// Where the source of the starter stands, be it added or not.
  std::uint32_t starter_at() const { return starter_at_; }
  bool has_marks() const { return has_marks_; }

  /// `visit(point, class)` for every mark in canonical order.
  template <typename Visit>
  void for_each_mark(Visit&& visit) const {
    for (std::uint32_t word = 0; word < classes_.size(); ++word) {
      for (std::uint64_t bits = classes_[word]; bits != 0; bits &= bits - 1) {
        const std::uint32_t combining_class = word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
        CharList::Cursor cursor(marks_[combining_class]->points);
        Char c{};
        for (std::uint32_t before = 0; cursor.next(c); before = c.at)
          visit(Point{c.point, c.at == before}, static_cast<std::uint8_t>(combining_class));
      }
    }
  }

  /// Positions of the sources whose decomposition begins with a mark of this run, in the order of the text.
  CharList::Cursor mark_sources() const { return CharList::Cursor(sources_); }

 private:
  /// Marks of one class. A position that is repeated says that the mark was added.
  struct Marks {
    explicit Marks(std::pmr::memory_resource* memory) : points(memory) {}
    CharList points;
    std::uint32_t sources = 0;
  };

  template <typename OnRun>
  void begin(Point starter, std::uint32_t at, OnRun&& on_run) {
    flush(on_run);
    starter_ = starter;
    starter_at_ = at;
    has_starter_ = true;
  }

  void add_mark(Point mark, std::uint8_t combining_class, std::uint32_t at) {
    Marks*& marks = marks_[combining_class];
    if (marks == nullptr) marks = allocator_.new_object<Marks>(allocator_.resource());
    if (!mark.added) ++marks->sources;
    marks->points.push_back({mark.point, marks->sources});
    has_marks_ = true;
    classes_[combining_class / 64U] |= std::uint64_t{1} << (combining_class % 64U);
    if (!mark.added) sources_.push_back({U' ', at});
  }

  void clear() {
    has_starter_ = false;
    if (!has_marks_) return;
    for (std::uint32_t word = 0; word < classes_.size(); ++word) {
      for (std::uint64_t bits = classes_[word]; bits != 0; bits &= bits - 1) {
        Marks& marks = *marks_[word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits))];
        marks.points.clear();
        marks.sources = 0;
      }
    }
    classes_ = {};
    sources_.clear();
    has_marks_ = false;
  }

  bool compatible_;
  std::pmr::polymorphic_allocator<> allocator_;
  bool has_starter_ = false;
  Point starter_{};
  std::uint32_t starter_at_ = 0;
  std::array<Marks*, 256> marks_{};  // by class, made when one is met
  std::array<std::uint64_t, 4> classes_{};
  CharList sources_;  // of which only positions count
  bool has_marks_ = false;
};

/// Sends the points of a run on, each to its place.
class RunPlacer {
 public:
  template <typename Emit>
  void place(const Decomposer& run, Emit&& emit) {
    if (run.has_starter()) {
      at_ = run.starter_at();
      emit(Char{run.starter().point, at_});
    }
    if (!run.has_marks()) return;
    CharList::Cursor sources = run.mark_sources();
    run.for_each_mark([&](Decomposer::Point mark, std::uint8_t) {
      if (Char source{}; !mark.added && sources.next(source)) at_ = source.at;
      emit(Char{mark.point, at_});
    });
  }

 private:
  std::uint32_t at_ = 0;
};

}  // namespace plimsoll::tokenizer
