#pragma once

#include <optional>

#include "doctor/figure.h"

namespace plimsoll::doctor {

/// What a program had allocated on one device, message after message.
class Growth {
 public:
  void add(const Figure& allocated);
  /// From the first message to the last; nothing of fewer than three, or where it fell in between.
  std::optional<Span> grown() const;

 private:
  std::optional<Figure> first_;
  std::optional<Figure> last_;
  int messages_ = 0;
  bool fell_ = false;
};

}  // namespace plimsoll::doctor
