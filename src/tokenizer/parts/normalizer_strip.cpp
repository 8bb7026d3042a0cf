#include "tokenizer/parts/char_list.h"
#include "tokenizer/parts/normalizer.h"
#include "tokenizer/unicode/unicode.h"

namespace plimsoll::tokenizer {

namespace {

/// Drops white space at the ends of a piece; at the right end it is held back until something follows it.
class StripStage final : public CharStage {
 public:
  StripStage(bool left, bool right, CharStage& next, std::pmr::memory_resource* memory)
      : left_(left), right_(right), held_(memory), next_(next) {}

  void feed(Char c) override {
    if (unicode::is_whitespace(c.point)) {
      if (left_ && !begun_) return;
      if (right_) return held_.push_back(c);
    }
    begun_ = true;
    if (!held_.empty()) release();
    next_.feed(c);
  }

  void cut() override {
    begun_ = false;
    held_.clear();
    next_.cut();
  }

 private:
  void release() {
    CharList::Cursor cursor(held_);
    for (Char c{}; cursor.next(c);) next_.feed(c);
    held_.clear();
  }

  bool left_;
  bool right_;
  bool begun_ = false;
  CharList held_;
  CharStage& next_;
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  CharStage& attach(StageList& stages, CharStage& next) const override {
    return stages.make<StripStage>(left_, right_, next, stages.memory());
  }

 private:
  bool left_;
  bool right_;
};

class DropMarkStage final : public CharStage {
 public:
  explicit DropMarkStage(CharStage& next) : next_(next) {}
  void feed(Char c) override {
    if (!unicode::is_combining_mark(c.point)) next_.feed(c);
  }
  void cut() override { next_.cut(); }

 private:
  CharStage& next_;
};

class StripAccents final : public Normalizer {
 public:
  CharStage& attach(StageList& stages, CharStage& next) const override { return stages.make<DropMarkStage>(next); }
};

}  // namespace

Result<std::unique_ptr<Normalizer>> read_strip(const JsonValue& part) {
  PLIMSOLL_TRY(const bool left, part.get_bool("strip_left"));
  PLIMSOLL_TRY(const bool right, part.get_bool("strip_right"));
  return std::unique_ptr<Normalizer>(std::make_unique<Strip>(left, right));
}

Result<std::unique_ptr<Normalizer>> read_strip_accents(const JsonValue&) {
  return std::unique_ptr<Normalizer>(std::make_unique<StripAccents>());
}

}  // namespace plimsoll::tokenizer
