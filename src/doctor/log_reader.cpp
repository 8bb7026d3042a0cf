#include <algorithm>
#include <array>
#include <utility>

#include <plimsoll/error.h>

#include "base/letters.h"
#include "doctor/explain.h"
#include "doctor/growth.h"
#include "doctor/line_cleaner.h"
#include "doctor/line_prefix.h"
#include "doctor/merge.h"
#include "doctor/message_text.h"
#include "doctor/phrases.h"
#include "doctor/read_message.h"
#include "doctor/trace.h"

namespace plimsoll::doctor {
namespace {

// A line is read once so many more have come, for a message may go on over them.
constexpr std::size_t kAhead = 24;
constexpr std::size_t kRing = kAhead + 4;
// What is gathered of a line begins at a multiple of this, so that phrases that are near each other share it.
constexpr std::size_t kTextBefore = 512;
constexpr std::size_t kTextBehind = 5000;
constexpr std::size_t kMostHits = 32;
constexpr std::size_t kMostWriters = 64;
constexpr std::size_t kMostFound = 64;
constexpr std::size_t kMostDiagnoses = 16;
constexpr std::size_t kLongestWriter = 48;
// Parts of one message that a program prints line by line are not farther from each other.
constexpr std::uint64_t kPartLines = 30;

// Nor is the kernel's word about a limit from its word about the kill; a list of tasks is between them.
constexpr std::uint64_t kKillLines = 500;

constexpr std::size_t kAll = ~std::size_t{0};

struct Hit {
  Sign sign;
  std::size_t end;  ///< behind the phrase, in the line
};

struct Line {
  std::string text;       ///< without its prefix
  std::size_t width = 0;  ///< with it
  bool ended = true;      ///< false for the last line of a log that breaks off
  std::uint64_t number = 0;
  std::size_t writer = 0;
  std::size_t consumed = 0;  ///< hits that end at or before this are part of a message that was read
  std::vector<Hit> hits;
};

/// A rank, worker or container, by the prefix of its lines.
struct Writer {
  std::string name;
  std::uint64_t last_line = 0;
  std::uint64_t generation = 0;  ///< another when the place is used for another writer
  bool expandable = false;       ///< expandable segments are on
  bool ends = false;             ///< the last traceback is of a program that nothing kept from ending
  std::uint64_t program = 0;     ///< another behind each that ended
  Trace trace;
};

struct Found {
  Message message;
  Trace trace;
  std::string writer;
  std::size_t writer_index = 0;
  std::uint64_t generation = 0;
  std::uint64_t line = 0;
  std::uint64_t last_line = 0;  ///< of its times, by this writer
  std::uint64_t times = 1;
  bool expandable = false;
  std::uint64_t program = 0;  ///< of the writer's
  Growth growth;
};

/// Ollama's users have Ollama's settings, not llama.cpp's.
void carry_out(const OllamaPlan& plan, Message& message) {
  if (message.figures.device == "cpu") return;
  message.source = Source::ollama;
  message.kind = Kind::ollama_device;
  message.needed = plan.needed;
  message.available = plan.available;
}

/// Whether a line that was broken at a width was broken within a number: "42405|855232", "19|.66", "19.|66".
bool is_cut_number(std::string_view line, std::string_view next) {
  if (line.empty() || next.empty()) return false;
  if (is_digit(line.back())) return is_digit(next.front()) || (next.size() > 1 && next.front() == '.' && is_digit(next[1]));
  return line.size() > 1 && line.back() == '.' && is_digit(line[line.size() - 2]) && is_digit(next.front());
}

/// How many characters of `text` are no blanks.
std::size_t printing(std::string_view text) { return text.size() - static_cast<std::size_t>(std::ranges::count(text, ' ')); }

/// The position in `line` that so many of them lead up to.
std::size_t raw_offset(std::string_view line, std::size_t count) {
  std::size_t at = 0;
  for (; at < line.size() && count > 0; ++at) count -= line[at] == ' ' ? 0 : 1;
  return at;
}

}  // namespace

struct LogReader::State {
  PhraseTable table;
  LineCleaner cleaner;
  PhraseTable::State scan = 0;
  std::size_t scan_writer = 0;

  std::array<Line, kRing> ring;
  std::uint64_t pushed = 0;     ///< lines that came
  std::uint64_t processed = 0;  ///< lines that were read

  std::vector<Writer> writers;
  std::uint64_t generations = 0;
  MessageText text;
  std::vector<Found> found;
  Context context;
  std::optional<std::int64_t> root_rank;
  std::optional<Figure> group_limit;  ///< that the kernel told before it killed
  std::uint64_t group_line = 0;
  std::optional<OllamaPlan> ollama;  ///< Ollama carries llama.cpp; what it reckoned with last

  Line& at(std::uint64_t index) { return ring[index % kRing]; }

  void push(const LineCleaner::Piece& piece);
  std::size_t writer_of(std::string_view name, std::uint64_t number);
  bool is_numbered(const Line& line) const;
  void process(std::uint64_t index);
  void process_hit(std::uint64_t index, const Hit& hit);
  void note_context(std::uint64_t index, const Hit& hit);
  struct Part {
    std::uint64_t index;
    std::size_t begin;
    std::size_t cut;  ///< bytes of the line before what was taken of it
  };
  std::array<Part, kRing> parts{};
  std::size_t part_count = 0;
  std::string_view above;               ///< of the line that `text` is gathered for: the line before
  std::optional<std::size_t> gathered;  ///< where what `text` holds of the line that is being read begins
  std::size_t width_around(std::uint64_t index);
  bool may_go_on(std::uint64_t index);
  void gather(std::uint64_t index, std::size_t mark);
  void gather_from(std::uint64_t index, std::size_t cut);
  void consume(std::size_t end);
  void keep(Message message, const Line& line);
  bool is_expandable(const Writer& writer) const;
  bool ends_program(std::uint64_t index);
  void adopt_late_traces();
  void sort_found();
};

void LogReader::State::push(const LineCleaner::Piece& piece) {
  if (pushed - processed > kAhead) process(processed++);
  Line& line = at(pushed);
  const LinePrefix prefix = find_prefix(piece.text, pushed > 0 && !is_numbered(at(pushed - 1)) ? at(pushed - 1).text : std::string_view());
  line.text.assign(piece.text.substr(prefix.size));
  line.width = piece.text.size();
  line.ended = true;
  line.number = piece.number;
  line.writer = writer_of(prefix.writer.substr(0, kLongestWriter), pushed);
  line.consumed = 0;
  line.hits.clear();
  if (line.writer != scan_writer) scan = 0;
  scan_writer = line.writer;
  scan = table.scan(scan, line.text, [&](Sign sign, std::size_t end) {
    if (line.hits.size() < kMostHits) line.hits.push_back({sign, end});
  });
  ++pushed;
}

std::size_t LogReader::State::writer_of(std::string_view name, std::uint64_t number) {
  std::size_t oldest = 0;
  for (std::size_t i = 0; i < writers.size(); ++i) {
    if (writers[i].name == name) {
      writers[i].last_line = number;
      return i;
    }
    if (writers[i].last_line < writers[oldest].last_line) oldest = i;
  }
  if (writers.size() < kMostWriters) {
    writers.emplace_back();
    oldest = writers.size() - 1;
  }
  writers[oldest] = Writer{};
  writers[oldest].name = std::string(name);
  writers[oldest].last_line = number;
  writers[oldest].generation = ++generations;
  return oldest;
}

/// Whether the writer of a line is a number: "3: ", as `srun -l` writes.
bool LogReader::State::is_numbered(const Line& line) const {
  const std::string& name = writers[line.writer].name;
  return !name.empty() && std::ranges::all_of(name, is_digit);
}

void LogReader::State::process(std::uint64_t index) {
  gathered.reset();
  for (const Hit& hit : at(index).hits) process_hit(index, hit);
}

void LogReader::State::process_hit(std::uint64_t index, const Hit& hit) {
  const Line& line = at(index);
  if (hit.sign > kLastEvidence) {
    note_context(index, hit);
  } else if (hit.sign > kLastMessage) {
    writers[line.writer].trace.note({hit.sign, hit.end, line.text, line.number});
  } else if (hit.end > line.consumed && may_begin(hit.sign, line.text, hit.end)) {
    gather(index, hit.end);
    auto message = read_message(hit.sign, {text, line.text, hit.end, above});
    if (!message) return;
    consume(std::max(message->end, text.here()));
    keep(std::move(*message), line);
  }
}

void LogReader::State::note_context(std::uint64_t index, const Hit& hit) {
  const Line& line = at(index);
  switch (hit.sign) {
    case Sign::traceback:
      writers[line.writer].trace.begin();
      writers[line.writer].ends = ends_program(index);
      break;
    case Sign::device_assert: context.device_assert = true; break;
    // "... try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True" is an advice.
    case Sign::expandable_on:
      gather(index, hit.end);
      if (text.find_before("setting", text.here(), 80) == MessageText::kNowhere) writers[line.writer].expandable = true;
      break;
    // "memory: usage 8388608kB, limit 8388608kB, failcnt 311"
    case Sign::group_limit:
      gather(index, hit.end);
      group_limit = text.size_after(",limit", text.here(), text.here() + 40);
      group_line = line.number;
      break;
    case Sign::ollama_plan:
      gather(index, hit.end);
      ollama = read_ollama_plan(text);
      break;
    case Sign::ollama_runner:
      if (!ollama) ollama.emplace();
      break;
    case Sign::root_cause: {
      gather(index, hit.end);
      const std::size_t rank = text.find_end("rank:", text.here(), text.here() + 300);
      if (rank != MessageText::kNowhere && !root_rank) root_rank = text.integer_at(rank);
      break;
    }
    default: break;
  }
}

/// The width of the longest line that a writer wrote around one: where lines are broken at a width, it is that.
std::size_t LogReader::State::width_around(std::uint64_t index) {
  std::size_t width = 0;
  for (std::uint64_t each = index - std::min<std::uint64_t>(index, 1); each < pushed && each <= index + kAhead; ++each) {
    if (at(each).writer == at(index).writer) width = std::max(width, at(each).width);
  }
  return width;
}

/// Whether the log may have been cut behind a line that a terminal broke: the last line, when it is as wide as the one before.
bool LogReader::State::may_go_on(std::uint64_t index) {
  return index > 0 && index + 1 == pushed && at(index - 1).writer == at(index).writer && at(index - 1).width == at(index).width;
}

/// Makes `text` what the writer of a line wrote around `mark`.
void LogReader::State::gather(std::uint64_t index, std::size_t mark) {
  const std::size_t before = mark - std::min(mark, kTextBefore);
  const std::size_t cut = before - before % kTextBefore;
  if (gathered != cut) gather_from(index, cut);
  gathered = cut;
  text.set_here(parts[0].begin + printing(std::string_view(at(index).text).substr(cut, mark - cut)));
}

void LogReader::State::gather_from(std::uint64_t index, std::size_t cut) {
  text.clear();
  above = {};
  part_count = 0;
  const Line& line = at(index);
  const std::size_t width = width_around(index);
  const Line* last = nullptr;
  if (index > 0 && pushed - index < kRing - 1) {
    const Line& before = at(index - 1);
    if (before.writer == line.writer) {
      const std::string_view all = before.text;
      text.add_line(all.substr(all.size() - std::min(all.size(), kTextBefore)));
      last = &before;
      if (line.number - before.number <= 1) above = all;
    }
  }
  bool whole = true;
  const auto add = [&](std::uint64_t at_index, std::size_t from) {
    const Line& next = at(at_index);
    const bool follows = from == 0 && last != nullptr && next.number - last->number <= 1;
    const bool in_number = follows && last->width == width && is_cut_number(last->text, next.text);
    const std::size_t begin = text.add_line(std::string_view(next.text).substr(from, kTextBehind), in_number);
    whole = next.ended && !may_go_on(at_index) && next.text.size() - from <= kTextBehind;
    parts[part_count++] = {at_index, begin, from};
    last = &next;
  };
  add(index, cut);
  const std::size_t enough = parts[0].begin + 2 * kTextBefore + kTextBehind;
  for (std::uint64_t next = index + 1; next < pushed && next <= index + kAhead && text.size() < enough; ++next) {
    const Line& other = at(next);
    if (other.writer != line.writer) continue;
    const auto begins = [&](const Hit& each) {
      if (each.sign == Sign::traceback) return true;
      return each.sign <= kLastMessage && !may_continue(each.sign) && may_begin(each.sign, other.text, each.end);
    };
    if (std::ranges::any_of(other.hits, begins)) break;
    add(next, 0);
  }
  if (whole) text.end_line();
}

/// Marks what lies before `end` in `text` as read.
void LogReader::State::consume(std::size_t end) {
  for (std::size_t i = 0; i < part_count; ++i) {
    const Part& part = parts[i];
    if (part.begin >= end) break;
    Line& line = at(part.index);
    const bool whole = i + 1 < part_count && parts[i + 1].begin <= end;
    const std::size_t to = whole ? kAll : part.cut + raw_offset(std::string_view(line.text).substr(part.cut), end - part.begin);
    line.consumed = std::max(line.consumed, to);
  }
}

/// What stands in lines without a writer is everybody's.
bool LogReader::State::is_expandable(const Writer& writer) const {
  return writer.expandable || std::ranges::any_of(writers, [](const Writer& each) { return each.name.empty() && each.expandable; });
}

/// Whether the traceback that a line begins goes back to a program's first line: "  File "train.py", line 5, in <module>".
bool LogReader::State::ends_program(std::uint64_t index) {
  for (std::uint64_t next = index + 1; next < pushed && next <= index + kAhead; ++next) {
    if (at(next).writer == at(index).writer) return at(next).text.ends_with(", in <module>");
  }
  return false;
}

void LogReader::State::keep(Message message, const Line& line) {
  Writer& writer = writers[line.writer];
  if (message.kind == Kind::killed_in_group && message.source == Source::kernel && line.number - group_line <= kKillLines)
    message.figures.limit = group_limit;
  if (message.kind == Kind::llama_buffer && ollama) carry_out(*ollama, message);
  // What goes on is the newest.
  for (auto known = found.rbegin(); known != found.rend(); ++known) {
    const bool same_writer = known->writer_index == line.writer && known->generation == writer.generation;
    if (same_writer && line.number - known->last_line <= kPartLines && is_part(known->message, message)) {
      absorb(known->message, std::move(message));
      return;
    }
    if (same_message(known->message, message)) {
      ++known->times;
      if (same_writer) known->last_line = line.number;
      writer.trace.use();
      return;
    }
  }
  for (Found& known : found) {
    const bool same_program = known.writer_index == line.writer && known.generation == writer.generation && known.program == writer.program;
    if (same_program && same_memory(known.message, message)) known.growth.add(*message.figures.allocated);
  }
  const std::uint64_t program = writer.program;
  if (std::exchange(writer.ends, false)) ++writer.program;
  if (found.size() == kMostFound) return;
  Found& added = found.emplace_back();
  added.program = program;
  if (message.figures.allocated) added.growth.add(*message.figures.allocated);
  added.message = std::move(message);
  if (!writer.trace.used()) added.trace = writer.trace;
  added.writer = writer.name;
  added.writer_index = line.writer;
  added.generation = writer.generation;
  added.line = added.last_line = line.number;
  added.expandable = is_expandable(writer);
  writer.trace.use();
}

/// A traceback may also stand below its message.
void LogReader::State::adopt_late_traces() {
  for (Found& each : found) {
    const Writer& writer = writers[each.writer_index];
    const bool near = writer.trace.line() >= each.last_line && writer.trace.line() - each.last_line <= kPartLines;
    if (near && each.trace.empty() && each.generation == writer.generation && !writer.trace.used()) each.trace = writer.trace;
  }
}

void LogReader::State::sort_found() {
  const bool strong = std::ranges::any_of(found, [](const Found& each) { return !each.message.weak && each.message.fatal; });
  if (strong) std::erase_if(found, [](const Found& each) { return each.message.weak; });
  const auto rank = [&](const Found& each) {
    if (!each.message.fatal) return 3;
    if (each.message.kind == Kind::after_effect) return 2;
    const std::string number = root_rank ? std::to_string(*root_rank) : "";
    const bool root =
        root_rank && each.writer.ends_with(number) &&
        (each.writer.size() == number.size() || each.writer.find_last_not_of("0123456789") == each.writer.size() - number.size() - 1);
    return root ? 0 : 1;
  };
  std::ranges::stable_sort(found, [&](const Found& a, const Found& b) { return rank(a) < rank(b); });
}

LogReader::LogReader() : state_(std::make_unique<State>()) {}
LogReader::LogReader(LogReader&&) noexcept = default;
LogReader& LogReader::operator=(LogReader&&) noexcept = default;
LogReader::~LogReader() = default;

void LogReader::feed(std::string_view bytes) {
  LineCleaner::Piece piece;
  while (state_->cleaner.next(bytes, piece)) state_->push(piece);
}

std::vector<Diagnosis> LogReader::finish() {
  State& state = *state_;
  LineCleaner::Piece piece;
  if (state.cleaner.last(piece)) {
    state.push(piece);
    state.at(state.pushed - 1).ended = false;
  }
  while (state.processed < state.pushed) state.process(state.processed++);
  state.adopt_late_traces();
  state.sort_found();
  std::vector<Diagnosis> diagnoses;
  for (Found& each : state.found) {
    if (diagnoses.size() == kMostDiagnoses) break;
    Context context = state.context;
    context.expandable = each.expandable;
    context.growth = each.growth.grown();
    Diagnosis diagnosis = explain({std::move(each.message), std::move(each.trace), context});
    diagnosis.rank = printable(each.writer, kLongestWriter);
    diagnosis.line = each.line;
    diagnosis.times = each.times;
    diagnoses.push_back(std::move(diagnosis));
  }
  return diagnoses;
}

std::vector<Diagnosis> diagnose(std::string_view log) {
  LogReader reader;
  reader.feed(log);
  return reader.finish();
}

}  // namespace plimsoll::doctor
