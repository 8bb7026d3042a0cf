#include "terminal/graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace plimsoll::cli {
namespace {

constexpr std::size_t kEighths = 8;
constexpr std::array<std::string_view, kEighths + 1> kBlocks = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, kEighths + 1> kLetters = {" ", "_", ".", ":", "-", "=", "+", "*", "#"};

}  // namespace

void Histories::add(const std::string& name, double share) {
  History& history = all_[name];
  history.push_back(std::clamp(share, 0.0, 1.0));
  if (history.size() > kKept) history.pop_front();
}

const History& Histories::of(const std::string& name) const {
  static const History kNone;
  const auto found = all_.find(name);
  return found == all_.end() ? kNone : found->second;
}

std::vector<std::string> draw_graph(const History& history, std::size_t width, std::size_t height, const Terminal& terminal) {
  const auto& signs = terminal.unicode ? kBlocks : kLetters;
  std::vector<std::string> lines(height);
  const std::size_t shown = std::min(width, history.size());
  for (std::size_t row = 0; row < height; ++row) {
    const std::size_t below = (height - 1 - row) * kEighths;
    lines[row].append(width - shown, ' ');
    for (std::size_t i = history.size() - shown; i < history.size(); ++i) {
      auto eighths = static_cast<std::size_t>(std::lround(history[i] * static_cast<double>(height * kEighths)));
      // Something is not nothing.
      if (history[i] > 0) eighths = std::max<std::size_t>(eighths, 1);
      lines[row] += signs[std::min(kEighths, eighths - std::min(eighths, below))];
    }
  }
  return lines;
}

}  // namespace plimsoll::cli
