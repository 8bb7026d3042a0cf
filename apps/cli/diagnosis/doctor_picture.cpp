#include "diagnosis/doctor_picture.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "text/wrapped.h"

namespace plimsoll::cli {
namespace {

using doctor::Diagnosis;
using doctor::Figure;
using doctor::Figures;

constexpr std::size_t kWidest = 100;

std::size_t columns_of(const Terminal& terminal) { return std::clamp<std::size_t>(terminal.columns, 40, kWidest); }

bool fancy(const Terminal& terminal) { return terminal.colour && terminal.unicode; }

std::string cells(const Holding& holding, std::size_t count, const Terminal& terminal) {
  if (!fancy(terminal)) return std::string(count, holding.letter);
  std::string blocks;
  for (std::size_t i = 0; i < count; ++i) blocks += holding.letter == '.' ? "·" : "█";
  return count == 0 ? blocks : fmt::format("\x1b[{}m{}\x1b[0m", holding.colour, blocks);
}

std::string draw_holdings(const Figures& figures, const Terminal& terminal) {
  const std::vector<Holding> holdings = find_holdings(figures);
  if (holdings.empty()) return {};
  const std::size_t width = columns_of(terminal) - 4;
  double total = 0;
  for (const Holding& holding : holdings) total += static_cast<double>(holding.size.said.count);
  std::string bar;
  std::string table;
  double sum = 0;
  std::size_t drawn = 0;
  std::size_t free_at = 0;
  for (const Holding& holding : holdings) {
    free_at = drawn;
    sum += static_cast<double>(holding.size.said.count);
    const auto reached = static_cast<std::size_t>(std::lround(sum / total * static_cast<double>(width)));
    bar += cells(holding, reached - drawn, terminal);
    drawn = reached;
    table += fmt::format("  {} {:<44}{:>10}\n", cells(holding, 1, terminal), holding.name, doctor::size_text(holding.size));
  }
  std::string asked;
  if (figures.requested) {
    const std::string label = "^ asked: " + doctor::size_text(*figures.requested);
    asked = std::string(3 + std::min(free_at, width - std::min(width, label.size())), ' ') + label + "\n";
  }
  return fmt::format("\n  {}{}{}\n{}{}", fancy(terminal) ? "▕" : "[", bar, fancy(terminal) ? "▏" : "]", asked, table);
}

Figure difference(const Figure& a, const Figure& b) {
  return {saturating_sub(a.said, b.said), saturating_sub(a.low, b.high), saturating_sub(a.high, b.low)};
}

std::string cause_words(doctor::Cause cause) {
  switch (cause) {
    case doctor::Cause::too_large: return "too large";
    case doctor::Cause::fragmentation: return "fragmentation";
    case doctor::Cause::other_process: return "another process";
    case doctor::Cause::own_cap: return "the program's own limit";
    case doctor::Cause::external_cap: return "a limit from outside";
    case doctor::Cause::driver_spill: return "the driver spills to the host's memory";
    case doctor::Cause::host_limit: return "the host's memory";
    case doctor::Cause::not_vram: return "not the device's memory";
    case doctor::Cause::unknown: return "not to be told from this log";
  }
  return {};
}

std::string phase_words(doctor::Phase phase) {
  switch (phase) {
    case doctor::Phase::unknown: return {};
    case doctor::Phase::loading: return ", while weights were loaded";
    case doctor::Phase::activations: return ", while activations were computed";
    case doctor::Phase::kv_cache: return ", in the KV cache";
    case doctor::Phase::training: return ", in a training step";
    case doctor::Phase::start_up: return ", at start-up";
  }
  return {};
}

std::string origin(const Diagnosis& diagnosis) {
  std::string text = fmt::format("line {}", diagnosis.line);
  if (!diagnosis.rank.empty()) text += ", " + diagnosis.rank;
  if (diagnosis.times > 1) text += fmt::format(", said {} times", diagnosis.times);
  return text;
}

std::string indented(std::string_view lines, std::size_t indent) {
  std::string out;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    out += fmt::format("{}{}\n", std::string(indent, ' '), line);
  }
  return out;
}

// A change that is too long for a line is told in two.
std::string change_lines(std::string change, std::size_t columns) {
  static constexpr std::string_view kArrow = "  ->  ";
  const std::size_t arrow = change.find(kArrow);
  if (change.size() + 7 > columns && arrow != std::string::npos) change.replace(arrow, kArrow.size(), "\n-> ");
  return indented(change, 7);
}

std::string draw_remedies(const Diagnosis& diagnosis, std::size_t columns) {
  if (diagnosis.remedies.empty()) return {};
  std::string text = "\nWhat to do, the cheapest first\n";
  std::size_t number = 0;
  for (const doctor::Remedy& remedy : diagnosis.remedies) {
    std::string line = remedy.action + ": " + remedy.why;
    if (remedy.saves) line += fmt::format(" (saves {})", doctor::size_text(*remedy.saves));
    text += fmt::format("{:>3}. {}\n{}", ++number, wrapped(line, 5, columns), change_lines(remedy.change, columns));
  }
  return text;
}

std::string draw_first(const Diagnosis& diagnosis, const Terminal& terminal) {
  const std::size_t columns = columns_of(terminal);
  std::string text = wrapped(diagnosis.headline, 2, columns) + "\n" + draw_holdings(diagnosis.figures, terminal) + "\n";
  text += wrapped(fmt::format("Cause: {} (confidence: {}){}; {}.", cause_words(diagnosis.cause), confidence_name(diagnosis.confidence),
                              phase_words(diagnosis.phase), origin(diagnosis)),
                  2, columns) +
          "\n";
  for (const std::string& finding : diagnosis.findings) text += fmt::format("- {}\n", wrapped(finding, 2, columns));
  if (!diagnosis.disagreement.empty()) text += fmt::format("\n{}\n", wrapped(diagnosis.disagreement, 0, columns));
  if (!diagnosis.tell_apart.empty()) text += fmt::format("To tell: {}\n", diagnosis.tell_apart);
  const bool installed = diagnosis.page.starts_with('/');
  return text + draw_remedies(diagnosis, columns) +
         fmt::format("\nMore: {}{}\n", diagnosis.page, installed ? "" : " in Plimsoll's sources");
}

}  // namespace

std::vector<Holding> find_holdings(const Figures& figures) {
  if (!figures.total || !figures.free || !figures.allocated) return {};
  std::vector<Holding> holdings;
  Figure left = difference(*figures.total, *figures.free);
  const auto add = [&](char letter, int colour, std::string name, Figure size) {
    if (size.said > left.said) size = left;
    left = difference(left, size);
    if (size.said.count > 0) holdings.push_back({letter, colour, std::move(name), size});
  };
  add('T', 34, "tensors of this process", *figures.allocated);
  if (figures.cached) add('C', 36, "cached by it, unused", *figures.cached);
  if (figures.used) {
    const Figure beside = difference(*figures.used, *figures.allocated);
    add('L', 32, "its context and libraries", figures.cached ? difference(beside, *figures.cached) : beside);
  }
  for (const doctor::Process& process : figures.processes) {
    if (!process.self && process.size) add('O', 33, fmt::format("process {}", process.pid), *process.size);
  }
  // Of a cut or rounded log a few MiB are left over, which are nobody.
  const Bytes visible{figures.total->said.count / 200};
  if (left.said > visible) add('X', 90, figures.used ? "not accounted for" : "context, libraries and other processes", left);
  if (holdings.empty()) return {};
  holdings.push_back({'.', 90, "free", *figures.free});
  return holdings;
}

std::string draw_diagnoses(const std::vector<Diagnosis>& diagnoses, const Terminal& terminal) {
  if (diagnoses.empty()) return {};
  std::string text = draw_first(diagnoses[0], terminal);
  if (diagnoses.size() > 1) text += "\nAlso in this log\n";
  for (std::size_t i = 1; i < diagnoses.size(); ++i) {
    const Diagnosis& other = diagnoses[i];
    text += fmt::format("  {}\n", wrapped(fmt::format("{}; cause: {} ({})", other.headline, cause_words(other.cause), origin(other)), 4,
                                          columns_of(terminal)));
  }
  return text;
}

}  // namespace plimsoll::cli
