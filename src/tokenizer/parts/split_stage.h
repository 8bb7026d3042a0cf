#pragma once

#include <cstdint>

#include <plimsoll/result.h>

#include "json/json_document.h"
#include "tokenizer/parts/char_stage.h"

namespace plimsoll::tokenizer {

/// What becomes of the points that a split matches: "the-final--countdown" split at '-' gives
/// removed: the|final|countdown; isolated: the|-|final|-|-|countdown; merged_with_previous: the-|final-|-|countdown;
/// merged_with_next: the|-final|-|-countdown; contiguous: the|-|final|--|countdown.
enum class SplitBehavior : std::uint8_t { removed, isolated, merged_with_previous, merged_with_next, contiguous };

Result<SplitBehavior> read_split_behavior(const JsonValue& part, SplitBehavior otherwise);

/// Splits at points of one kind.
class SplitStage final : public CharStage {
 public:
  using Match = bool (*)(char32_t);
  SplitStage(Match match, SplitBehavior behavior, CharStage& next) : match_(match), behavior_(behavior), next_(next) {}

  void feed(Char c) override {
    const bool match = match_(c.point);
    if (begun_ && cuts_before(match)) next_.cut();
    if (!(match && behavior_ == SplitBehavior::removed)) next_.feed(c);
    begun_ = true;
    last_ = match;
  }

  void cut() override {
    begun_ = false;
    next_.cut();
  }

 private:
  bool cuts_before(bool match) const {
    switch (behavior_) {
      case SplitBehavior::removed:
      case SplitBehavior::isolated: return match || last_;
      case SplitBehavior::merged_with_previous: return last_;
      case SplitBehavior::merged_with_next: return match;
      case SplitBehavior::contiguous: return match != last_;
    }
    return false;
  }

  Match match_;
  SplitBehavior behavior_;
  CharStage& next_;
  bool begun_ = false;
  bool last_ = false;
};

}  // namespace plimsoll::tokenizer
