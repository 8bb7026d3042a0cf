#include "terminal/progress.h"

#include <algorithm>

#include <fmt/format.h>

#include "text/counted.h"
#include "text/utf8.h"

namespace plimsoll::cli {
namespace {

constexpr std::chrono::milliseconds kLeastPause{100};
constexpr std::chrono::milliseconds kFirstPause{200};
constexpr std::chrono::seconds kLongPass{2};
constexpr std::size_t kBarCells = 30;

double share_of(double done, double all) { return all <= 0 ? 1.0 : std::clamp(done / all, 0.0, 1.0); }

/// "<verb> <bar> <figures>": the bar takes what the words leave free.
std::string bar_line(std::string_view verb, double share, std::string_view figures, const Terminal& terminal) {
  const std::size_t words = verb.size() + figures.size() + 4;
  const std::size_t width = std::min(kBarCells, terminal.columns - std::min(terminal.columns, words));
  const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
  std::string bar;
  for (std::size_t i = 0; i < width; ++i) bar += i < full ? (terminal.unicode ? "█" : "#") : (terminal.unicode ? "░" : ".");
  return fmt::format("{} {}{}{}", verb, bar, bar.empty() ? "" : " ", figures);
}

}  // namespace

Pulse::Pulse(Os& os) : os_(os), next_(os.now() + kFirstPause) {}

bool Pulse::due() {
  const auto now = os_.now();
  if (now < next_) return false;
  next_ = now + kLeastPause;
  return true;
}

LoadBar::LoadBar(Console& console, Os& os) : console_(console), terminal_(describe_terminal(2)), pulse_(os) {}

void LoadBar::show(const Progress& progress) {
  peak_ = std::max(peak_, progress.ledger);
  if (!console_.shows_progress() || !pulse_.due()) return;
  const std::string figures = fmt::format("{} of {}, memory {}, peak {}", format_bytes(progress.done), format_bytes(progress.planned),
                                          format_bytes(progress.ledger), format_bytes(peak_));
  const double share = share_of(static_cast<double>(progress.done.count), static_cast<double>(progress.planned.count));
  console_.progress(clipped(bar_line("loading", share, figures, terminal_), terminal_.columns - 1));
}

RowBar::RowBar(Console& console, Os& os, Rows rows)
    : console_(console),
      os_(os),
      terminal_(describe_terminal(2)),
      pulse_(os),
      total_(rows.total),
      verb_(rows.verb),
      shown_(console.shows_progress() && !rows.typed),
      last_answer_(os.now()) {}

void RowBar::counted(std::int64_t rows) {
  if (due()) console_.progress(fmt::format("counting rows: {}", rows));
}

void RowBar::answered(std::int64_t rows, double tokens_per_second) {
  if (!shown_) return;
  if (rows != rows_) last_answer_ = os_.now();
  rows_ = rows;
  tokens_per_second_ = tokens_per_second;
  if (due()) draw({});
}

void RowBar::passed(std::string_view layer) {
  if (due()) draw(os_.now() - last_answer_ < kLongPass ? std::string_view() : layer);
}

void RowBar::draw(std::string_view layer) {
  std::string figures = fmt::format("{}{}", total_ ? fmt::format("{} of ", rows_) : "", cli::counted(total_.value_or(rows_), "row"));
  if (tokens_per_second_ > 0) figures += fmt::format(", {:.0f} tokens/s", tokens_per_second_);
  if (!layer.empty()) figures += ", at " + printable(layer, 40);
  const std::string line = total_ ? bar_line(verb_, share_of(static_cast<double>(rows_), static_cast<double>(*total_)), figures, terminal_)
                                  : fmt::format("{} {}", verb_, figures);
  console_.progress(clipped(line, terminal_.columns - 1));
}

}  // namespace plimsoll::cli
