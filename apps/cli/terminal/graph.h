#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "terminal/terminal.h"

namespace plimsoll::cli {

/// Shares from 0 to 1, oldest first.
using History = std::deque<double>;

/// What is remembered of each device.
class Histories {
 public:
  static constexpr std::size_t kKept = 512;
  void add(const std::string& name, double share);
  const History& of(const std::string& name) const;

 private:
  std::map<std::string, History> all_;
};

/// `height` lines of `width` cells, the newest value at the right: eighths of a cell in blocks, or letters where there are none.
std::vector<std::string> draw_graph(const History& history, std::size_t width, std::size_t height, const Terminal& terminal);

}  // namespace plimsoll::cli
