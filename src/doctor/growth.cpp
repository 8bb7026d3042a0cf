#include "doctor/growth.h"

namespace plimsoll::doctor {

void Growth::add(const Figure& allocated) {
  if (!first_) first_ = allocated;
  if (last_ && allocated.said < last_->said) fell_ = true;
  last_ = allocated;
  ++messages_;
}

std::optional<Span> Growth::grown() const {
  static constexpr int kFewest = 3;
  if (messages_ < kFewest || fell_) return std::nullopt;
  return span_of(*last_) - span_of(*first_);
}

}  // namespace plimsoll::doctor
