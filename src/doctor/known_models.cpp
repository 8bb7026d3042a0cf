#include "doctor/known_models.h"

#include <algorithm>
#include <array>

namespace plimsoll::doctor {
namespace {

/// An encoder's sizes, as config.json has them.
struct Encoder {
  std::string_view id;
  std::uint64_t vocabulary;
  std::uint64_t hidden;
  std::uint64_t layers;
  std::uint64_t intermediate;
  std::uint64_t positions;
  std::uint64_t types;  ///< rows of the token type table
  bool pooler;
  bool bert;
};

constexpr std::array kEncoders = {
    Encoder{"bert-base-uncased", 30522, 768, 12, 3072, 512, 2, true, true},
    Encoder{"bert-base-cased", 28996, 768, 12, 3072, 512, 2, true, true},
    Encoder{"bert-large-uncased", 30522, 1024, 24, 4096, 512, 2, true, true},
    Encoder{"bert-large-cased", 28996, 1024, 24, 4096, 512, 2, true, true},
    Encoder{"bert-base-multilingual-cased", 119547, 768, 12, 3072, 512, 2, true, true},
    Encoder{"bert-base-multilingual-uncased", 105879, 768, 12, 3072, 512, 2, true, true},
    Encoder{"distilbert-base-uncased", 30522, 768, 6, 3072, 512, 0, false, false},
    Encoder{"roberta-base", 50265, 768, 12, 3072, 514, 1, true, false},
    Encoder{"roberta-large", 50265, 1024, 24, 4096, 514, 1, true, false},
    Encoder{"xlm-roberta-base", 250002, 768, 12, 3072, 514, 1, true, false},
    Encoder{"xlm-roberta-large", 250002, 1024, 24, 4096, 514, 1, true, false},
};

// Tables with a norm; in each layer four projections, two of the feed-forward part, two norms; the pooler.
constexpr KnownModel counted(const Encoder& e) {
  const std::uint64_t h = e.hidden;
  const std::uint64_t tables = (e.vocabulary + e.positions + e.types) * h + 2 * h;
  const std::uint64_t layer = 4 * (h * h + h) + 2 * h * e.intermediate + e.intermediate + h + 4 * h;
  const std::uint64_t pooler = e.pooler ? h * h + h : 0;
  return {tables + e.layers * layer + pooler, std::max(e.vocabulary * h, h * e.intermediate), e.bert};
}

static_assert(counted(kEncoders[2]).parameters == 335'141'888, "BERT-large as published");

}  // namespace

std::optional<KnownModel> find_known_model(std::string_view id) {
  const std::string_view name = id.substr(id.find_last_of('/') + 1);
  const auto* const found = std::ranges::find(kEncoders, name, &Encoder::id);
  if (found == kEncoders.end()) return std::nullopt;
  return counted(*found);
}

}  // namespace plimsoll::doctor
