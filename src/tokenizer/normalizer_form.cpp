#include "tokenizer/decomposer.h"
#include "tokenizer/normalizer.h"

namespace plimsoll::tokenizer {

namespace {

class DecomposeStage final : public CharStage {
 public:
  DecomposeStage(bool compatible, CharStage& next, std::pmr::memory_resource* memory) : decomposer_(compatible, memory), next_(next) {}

  void feed(Char c) override {
    decomposer_.feed(c, [this](char32_t point, std::uint32_t at, bool) { next_.feed({point, at}); });
  }
  void cut() override {
    decomposer_.flush([this](char32_t point, std::uint32_t at, bool) { next_.feed({point, at}); });
    next_.cut();
  }

 private:
  Decomposer decomposer_;
  CharStage& next_;
};

/// Decomposition, then canonical composition. `change` counts sources as the `tokenizers` package does: 0 takes the next
/// source's position, -n takes it and drops n more, above 0 repeats the last one taken or dropped.
class ComposeStage final : public CharStage {
 public:
  ComposeStage(bool compatible, CharStage& next, std::pmr::memory_resource* memory)
      : decomposer_(compatible, memory), held_(memory), sources_(memory), next_(next) {}

  void feed(Char c) override {
    decomposer_.feed(c, [this](char32_t point, std::uint32_t at, bool added) { take(point, at, added); });
  }

  void cut() override {
    decomposer_.flush([this](char32_t point, std::uint32_t at, bool added) { take(point, at, added); });
    release();
    last_class_ = -1;
    sources_.clear();
    next_source_ = 0;
    next_.cut();
  }

 private:
  struct Point {
    char32_t point;
    std::int32_t change;
  };

  void take(char32_t point, std::uint32_t at, bool added) {
    if (!added) push_source(at);
    combine({point, added ? 1 : 0});
  }

  void combine(Point p) {
    const int combining_class = unicode::combining_class(p.point);
    if (!has_starter_) {
      if (combining_class != 0) return give(p);
      starter_ = p;
      has_starter_ = true;
      return;
    }
    if (last_class_ < combining_class) {
      if (const auto composite = unicode::compose(starter_.point, p.point)) {
        starter_ = {*composite, starter_.change + p.change - 1};
        return;
      }
    }
    if (combining_class != 0) {
      held_.push_back(p);
      last_class_ = combining_class;
      return;
    }
    release();
    starter_ = p;
    has_starter_ = true;
    last_class_ = -1;
  }

  void release() {
    if (has_starter_) give(starter_);
    has_starter_ = false;
    for (std::size_t i = 0; i < held_.size(); ++i) give(held_[i]);
    held_.clear();
  }

  void give(Point p) {
    if (p.change <= 0) {
      const std::uint32_t at = next_source();
      for (std::int32_t i = p.change; i < 0; ++i) next_source();
      next_.feed({p.point, at});
    } else {
      next_.feed({p.point, last_at_});
    }
  }

  void push_source(std::uint32_t at) {
    if (next_source_ == sources_.size()) {
      sources_.clear();
      next_source_ = 0;
    } else if (next_source_ >= 64 && next_source_ > sources_.size() / 2) {
      sources_.erase(sources_.begin(), sources_.begin() + static_cast<std::ptrdiff_t>(next_source_));
      next_source_ = 0;
    }
    sources_.push_back(at);
  }

  std::uint32_t next_source() {
    if (next_source_ < sources_.size()) last_at_ = sources_[next_source_++];
    return last_at_;
  }

  Decomposer decomposer_;
  BlockList<Point> held_;                    // marks behind the starter that did not combine with it
  std::pmr::vector<std::uint32_t> sources_;  // positions not yet taken, from next_source_ on
  std::size_t next_source_ = 0;
  Point starter_{};
  bool has_starter_ = false;
  int last_class_ = -1;  // of the last held mark, -1 when none
  std::uint32_t last_at_ = 0;
  CharStage& next_;
};

class UnicodeForm final : public Normalizer {
 public:
  UnicodeForm(bool compose, bool compatible) : compose_(compose), compatible_(compatible) {}
  CharStage& attach(StageList& stages, CharStage& next) const override {
    if (compose_) return stages.make<ComposeStage>(compatible_, next, stages.memory());
    return stages.make<DecomposeStage>(compatible_, next, stages.memory());
  }

 private:
  bool compose_;
  bool compatible_;
};

std::unique_ptr<Normalizer> make_form(bool compose, bool compatible) { return std::make_unique<UnicodeForm>(compose, compatible); }

}  // namespace

Result<std::unique_ptr<Normalizer>> read_nfc(const JsonValue&) { return make_form(true, false); }
Result<std::unique_ptr<Normalizer>> read_nfd(const JsonValue&) { return make_form(false, false); }
Result<std::unique_ptr<Normalizer>> read_nfkc(const JsonValue&) { return make_form(true, true); }
Result<std::unique_ptr<Normalizer>> read_nfkd(const JsonValue&) { return make_form(false, true); }

}  // namespace plimsoll::tokenizer
