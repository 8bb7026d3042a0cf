#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <utility>
#include <vector>

namespace plimsoll::tokenizer {

/// A code point on its way from the text to the model, with the index of the text's code point that it stands for.
/// Normalization may drop, add and reorder points; `at` never decreases along a stream.
struct Char {
  char32_t point;
  std::uint32_t at;
};

/// One step of the way. Text passes through in pieces: `feed` its points, then `cut`, which hands on all that was held
/// back and forgets the past. An empty piece is no piece.
class CharStage {
 public:
  CharStage() = default;
  CharStage(const CharStage&) = delete;
  CharStage& operator=(const CharStage&) = delete;
  virtual ~CharStage() = default;
  virtual void feed(Char c) = 0;
  virtual void cut() = 0;
};

/// Makes stages in a memory resource and unmakes them together, the newest first.
class StageList {
 public:
  explicit StageList(std::pmr::memory_resource* memory) : stages_(memory) {}
  StageList(const StageList&) = delete;
  StageList& operator=(const StageList&) = delete;
  ~StageList() {
    while (!stages_.empty()) stages_.pop_back();
  }

  std::pmr::memory_resource* memory() const { return stages_.get_allocator().resource(); }

  template <typename Stage, typename... Args>
  Stage& make(Args&&... args) {
    stages_.emplace_back();
    Stage* stage = std::pmr::polymorphic_allocator<>(memory()).new_object<Stage>(std::forward<Args>(args)...);
    stages_.back() = {stage, Release{memory(), sizeof(Stage), alignof(Stage)}};
    return *stage;
  }

 private:
  struct Release {
    std::pmr::memory_resource* memory = nullptr;
    std::size_t size = 0;
    std::size_t alignment = 0;
    void operator()(CharStage* stage) const {
      stage->~CharStage();
      memory->deallocate(stage, size, alignment);
    }
  };
  std::pmr::vector<std::unique_ptr<CharStage, Release>> stages_;
};

}  // namespace plimsoll::tokenizer
