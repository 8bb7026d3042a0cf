#include <optional>
#include <utility>
#include <vector>

#include "tokenizer/parts/decomposer.h"
#include "tokenizer/parts/normalizer.h"

namespace plimsoll::tokenizer {

namespace {

class DecomposeStage final : public CharStage {
 public:
  DecomposeStage(bool compatible, CharStage& next, std::pmr::memory_resource* memory) : decomposer_(compatible, memory), next_(next) {}

  void feed(Char c) override {
    decomposer_.feed(c, [this](const Decomposer& run) { send(run); });
  }
  void cut() override {
    decomposer_.flush([this](const Decomposer& run) { send(run); });
    next_.cut();
  }

 private:
  void send(const Decomposer& run) {
    placer_.place(run, [this](Char c) { next_.feed(c); });
  }

  Decomposer decomposer_;
  RunPlacer placer_;
  CharStage& next_;
};

/// Decomposition, then canonical composition. A run is walked twice, so that nothing is held beside it: to find out what its starter
/// becomes, and to send on the marks that did not combine. `change` counts sources as the `tokenizers` package does: 0 takes the
/// next source's position, -n takes it and drops n more, above 0 repeats the last one taken or dropped.
class ComposeStage final : public CharStage {
 public:
  ComposeStage(bool compatible, CharStage& next, std::pmr::memory_resource* memory)
      : decomposer_(compatible, memory), pending_(memory), next_(next) {}

  void feed(Char c) override {
    decomposer_.feed(c, [this](const Decomposer& run) { take(run); });
  }

  void cut() override {
    decomposer_.flush([this](const Decomposer& run) { take(run); });
    release();
    next_.cut();
  }

 private:
  struct Point {
    char32_t point;
    std::int32_t change;
  };

  /// A starter and what has become of the marks behind it.
  struct Combination {
    Point starter;
    int last_class = -1;  // of the last mark that did not combine, -1 when none

    bool combine(Point p, int combining_class) {
      if (last_class < combining_class) {
        if (const auto composite = unicode::compose(starter.point, p.point)) {
          starter = {*composite, starter.change + p.change - 1};
          return true;
        }
      }
      last_class = combining_class;
      return false;
    }
  };

  static Point counted(Decomposer::Point p) { return {p.point, p.added ? 1 : 0}; }

  void take(const Decomposer& run) {
    if (run.has_starter()) take_starter(counted(run.starter()), run.starter_at());
    if (!run.has_marks()) return;
    const std::optional<Point> starter = std::exchange(starter_, std::nullopt);
    CharList::Cursor sources = run.mark_sources();
    run_sources_ = &sources;
    if (starter) take_marks(run, *starter);
    else run.for_each_mark([this](Decomposer::Point mark, std::uint8_t) { give(counted(mark)); });
    // Left are those of marks that combined with a starter that is still held: as many as its decomposition is long.
    for (Char source{}; sources.next(source);) pending_.push_back(source.at);
    run_sources_ = nullptr;
  }

  void take_starter(Point p, std::uint32_t at) {
    Combination pair{starter_.value_or(p)};
    const bool combined = starter_ && pair.combine(p, 0);
    if (!combined) release();
    if (p.change == 0) pending_.push_back(at);
    starter_ = combined ? pair.starter : p;
  }

  void take_marks(const Decomposer& run, Point starter) {
    Combination whole{starter};
    run.for_each_mark([&](Decomposer::Point mark, std::uint8_t combining_class) { whole.combine(counted(mark), combining_class); });
    starter_ = whole.starter;
    if (whole.last_class < 0) return;
    give_starter();
    Combination again{starter};
    run.for_each_mark([&](Decomposer::Point mark, std::uint8_t combining_class) {
      if (!again.combine(counted(mark), combining_class)) give(counted(mark));
    });
  }

  void give_starter() {
    if (starter_) give(*starter_);
    starter_.reset();
  }

  void release() {
    give_starter();
    pending_.clear();
    pending_taken_ = 0;
  }

  void give(Point p) {
    if (p.change <= 0) take_source();
    const std::uint32_t at = last_at_;
    for (std::int32_t i = p.change; i < 0; ++i) take_source();
    next_.feed({p.point, at});
  }

  void take_source() {
    Char source{};
    if (pending_taken_ < pending_.size()) last_at_ = pending_[pending_taken_++];
    else if (run_sources_ != nullptr && run_sources_->next(source)) last_at_ = source.at;
  }

  Decomposer decomposer_;
  std::optional<Point> starter_;             // may still combine with the starter behind it
  std::pmr::vector<std::uint32_t> pending_;  // positions of its sources, from pending_taken_ on
  std::size_t pending_taken_ = 0;
  CharList::Cursor* run_sources_ = nullptr;  // those that follow them, during `take`
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
