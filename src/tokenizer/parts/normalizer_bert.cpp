#include "tokenizer/parts/decomposer.h"
#include "tokenizer/parts/normalizer.h"

namespace plimsoll::tokenizer {

namespace {

/// Drops control characters, turns white space into spaces, sets ideographs apart.
class CleanStage final : public CharStage {
 public:
  CleanStage(const BertNormalizerOptions& options, CharStage& next) : options_(options), next_(next) {}

  void feed(Char c) override {
    if (options_.clean_text) {
      if (unicode::is_whitespace(c.point) && !unicode::is_other(c.point)) c.point = U' ';
      else if (c.point < 0x20 || c.point >= 0x7F) {
        if (unicode::is_other(c.point)) return;
      }
    }
    const bool apart = options_.handle_chinese_chars && unicode::is_ideograph(c.point);
    if (apart) next_.feed({U' ', c.at});
    next_.feed(c);
    if (apart) next_.feed({U' ', c.at});
  }

  void cut() override { next_.cut(); }

 private:
  BertNormalizerOptions options_;
  CharStage& next_;
};

/// Decomposes and drops non-spacing marks.
class StripStage final : public CharStage {
 public:
  StripStage(CharStage& next, std::pmr::memory_resource* memory) : decomposer_(false, memory), next_(next) {}

  void feed(Char c) override {
    decomposer_.feed(c, [this](const Decomposer& run) { send(run); });
  }
  void cut() override {
    decomposer_.flush([this](const Decomposer& run) { send(run); });
    next_.cut();
  }

 private:
  void send(const Decomposer& run) {
    placer_.place(run, [this](Char c) {
      if (!unicode::is_nonspacing_mark(c.point)) next_.feed(c);
    });
  }

  Decomposer decomposer_;
  RunPlacer placer_;
  CharStage& next_;
};

class LowerStage final : public CharStage {
 public:
  explicit LowerStage(CharStage& next) : next_(next) {}
  void feed(Char c) override {
    const unicode::Expansion lower = unicode::lower(c.point);
    for (std::size_t i = 0; i < lower.size; ++i) next_.feed({lower.points[i], c.at});
  }
  void cut() override { next_.cut(); }

 private:
  CharStage& next_;
};

class BertNormalizer final : public Normalizer {
 public:
  explicit BertNormalizer(const BertNormalizerOptions& options) : options_(options) {}

  CharStage& attach(StageList& stages, CharStage& next) const override {
    CharStage* head = &next;
    if (options_.lowercase) head = &stages.make<LowerStage>(*head);
    if (options_.strip_accents) head = &stages.make<StripStage>(*head, stages.memory());
    if (options_.clean_text || options_.handle_chinese_chars) head = &stages.make<CleanStage>(options_, *head);
    return *head;
  }

 private:
  BertNormalizerOptions options_;
};

class Lowercase final : public Normalizer {
 public:
  CharStage& attach(StageList& stages, CharStage& next) const override { return stages.make<LowerStage>(next); }
};

}  // namespace

std::unique_ptr<Normalizer> make_bert_normalizer(const BertNormalizerOptions& options) { return std::make_unique<BertNormalizer>(options); }

Result<BertNormalizerOptions> read_bert_options(const JsonValue& part) {
  BertNormalizerOptions options;
  PLIMSOLL_TRY(options.clean_text, part.get_bool("clean_text"));
  PLIMSOLL_TRY(options.handle_chinese_chars, part.get_bool("handle_chinese_chars"));
  PLIMSOLL_TRY(options.lowercase, part.get_bool("lowercase"));
  PLIMSOLL_TRY(options.strip_accents, part.bool_or("strip_accents", options.lowercase));
  return options;
}

Result<std::unique_ptr<Normalizer>> read_bert_normalizer(const JsonValue& part) {
  PLIMSOLL_TRY(const BertNormalizerOptions options, read_bert_options(part));
  return make_bert_normalizer(options);
}

Result<std::unique_ptr<Normalizer>> read_lowercase(const JsonValue&) { return std::unique_ptr<Normalizer>(std::make_unique<Lowercase>()); }

}  // namespace plimsoll::tokenizer
