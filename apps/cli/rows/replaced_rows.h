#pragma once

#include <cstdint>

#include "terminal/console.h"

namespace plimsoll::cli {

/// Counts rows that were not UTF-8, and warns of them when all are read.
class ReplacedRows {
 public:
  /// The place of a row, as in Row.
  void add(std::int64_t index, std::int64_t line) {
    if (count_++ > 0) return;
    index_ = index;
    line_ = line;
  }
  void warn(Console& console) const;

 private:
  std::int64_t count_ = 0;
  std::int64_t index_ = 0;  ///< of the first
  std::int64_t line_ = 0;
};

}  // namespace plimsoll::cli
