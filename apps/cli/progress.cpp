#include "progress.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "utf8.h"

namespace plimsoll::cli {
namespace {

constexpr std::chrono::milliseconds kLeastPause{50};
constexpr std::chrono::milliseconds kFirstPause{200};

std::string bar(double share, std::size_t width, bool unicode) {
  const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
  std::string text;
  for (std::size_t i = 0; i < width; ++i) text += i < full ? (unicode ? "█" : "#") : (unicode ? "░" : ".");
  return text;
}

}  // namespace

LoadBar::LoadBar(Console& console, Os& os)
    : console_(console), os_(os), terminal_(describe_terminal(2)), last_(os.now() + kFirstPause - kLeastPause) {}

void LoadBar::show(const Progress& progress) {
  peak_ = std::max(peak_, progress.ledger);
  if (!console_.shows_progress()) return;
  const auto now = os_.now();
  if (now - last_ < kLeastPause) return;
  last_ = now;
  const double share = progress.planned.count == 0
                           ? 1.0
                           : std::min(1.0, static_cast<double>(progress.done.count) / static_cast<double>(progress.planned.count));
  const std::string figures = fmt::format("{} of {}, memory {}, peak {}", format_bytes(progress.done), format_bytes(progress.planned),
                                          format_bytes(progress.ledger), format_bytes(peak_));
  const std::size_t room = terminal_.columns - std::min(terminal_.columns, figures.size() + 12);
  const std::string line = fmt::format("loading {} {}", bar(share, std::min<std::size_t>(room, 30), terminal_.unicode), figures);
  console_.progress(clipped(line, terminal_.columns - 1));
}

}  // namespace plimsoll::cli
