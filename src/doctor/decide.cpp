#include "doctor/decide.h"

#include <algorithm>

namespace plimsoll::doctor {

Span held(const Figures& figures) {
  return figures.reserved ? span_of(*figures.reserved) : span_of(figures.allocated) + span_of(figures.cached);
}

std::string named(const std::vector<const Process*>& holders) {
  std::string text = holders.size() == 1 ? "process " : "processes ";
  for (std::size_t i = 0; i < holders.size(); ++i)
    text += (i == 0 ? "" : i + 1 == holders.size() ? " and " : ", ") + std::to_string(holders[i]->pid);
  return text;
}

Figure held_by(const std::vector<const Process*>& holders) {
  if (holders.size() == 1) return *holders.front()->size;
  Span sum;
  for (const Process* process : holders) sum = sum + span_of(process->size);
  return figure_of(sum);
}

namespace {

// The most that context and libraries take in a process that is well, as logs show it.
constexpr std::int64_t kUsualContext = std::int64_t{1100} << 20U;
// A cache of less than this part of the device is what any full device has left in pieces.
constexpr std::int64_t kSmallCacheShare = 50;

bool is_another(const Process& process) { return !process.self && process.size; }

Span sum_of_others(const Figures& figures) {
  Span sum;
  for (const Process& process : figures.processes) {
    if (!process.self) sum = sum + span_of(process.size);
  }
  return sum;
}

std::vector<const Process*> holders_of(Span deficit, const Figures& figures) {
  std::vector<const Process*> holders;
  for (const Process& process : figures.processes) {
    if (is_another(process)) holders.push_back(&process);
  }
  std::ranges::stable_sort(holders, [](const Process* a, const Process* b) { return a->size->said > b->size->said; });
  Span sum;
  std::size_t enough = 0;
  while (enough < holders.size() && (enough == 0 || !perhaps_at_least(sum, deficit))) sum = sum + span_of(holders[enough++]->size);
  holders.resize(perhaps_at_least(sum, deficit) ? enough : std::min<std::size_t>(holders.size(), 1));
  return holders;
}

void count(const Figures& figures, Verdict& verdict) {
  if (figures.requested && figures.free) {
    verdict.deficit = span_of(*figures.requested) - span_of(*figures.free);
    if (figures.cached) verdict.cache_excess = span_of(*figures.free) + span_of(*figures.cached) - span_of(*figures.requested);
  }
  const Span ours = held(figures);
  if (figures.used && figures.allocated) verdict.beside = span_of(*figures.used) - ours;
  if (std::ranges::any_of(figures.processes, is_another)) verdict.others = sum_of_others(figures);
  if (!figures.total || !figures.free) return;
  const Span mine = figures.used ? span_of(*figures.used) : ours;
  verdict.unexplained = span_of(*figures.total) - span_of(*figures.free) - mine - sum_of_others(figures);
  // Without this process's own part all that is taken may be its own; where only its total is not told, its context is in it.
  if (figures.allocated) verdict.hidden = *verdict.unexplained - (figures.used ? Span{} : Span{0, kUsualContext});
}

void conclude(Verdict& verdict, int rule, Cause cause, Confidence confidence) {
  verdict.rule = rule;
  verdict.cause = cause;
  verdict.confidence = confidence;
}

// Rules 1 to 4: the request against limits.
bool decide_by_limits(const Figures& f, Verdict& verdict) {
  const Span requested = span_of(f.requested);
  if ((f.total && surely_above(requested, span_of(f.total))) || (f.limit && surely_above(requested, span_of(f.limit)))) {
    conclude(verdict, 1, Cause::too_large, Confidence::high);
    return true;
  }
  const bool enough = f.free && surely_at_least(span_of(f.free), requested);
  if (f.limit && (enough || !f.free)) {
    const Span wanted = held(f) + requested;
    const Span limit = span_of(f.limit);
    if (surely_above(wanted, limit)) conclude(verdict, 2, Cause::own_cap, Confidence::high);
    else if (perhaps_at_least(wanted, limit)) conclude(verdict, 2, Cause::own_cap, Confidence::medium);
    if (verdict.rule == 2) return true;
  }
  if (enough) {
    conclude(verdict, 3, Cause::external_cap, Confidence::medium);
    return true;
  }
  if (f.total && f.allocated && surely_above(span_of(f.allocated), span_of(f.total))) {
    conclude(verdict, 4, Cause::driver_spill, Confidence::high);
    return true;
  }
  return false;
}

// Rules 5 and 6: the cache. Nothing is concluded where rounding leaves it open; then `open` is set.
bool decide_by_cache(const Figures& f, Verdict& verdict, bool& open) {
  if (!f.cached) return false;
  const Span requested = span_of(f.requested);
  const Span cached = span_of(f.cached);
  verdict.small_cache = f.total && cached.high < span_of(*f.total).low / kSmallCacheShare;
  if (surely_at_least(cached, requested))
    conclude(verdict, 5, Cause::fragmentation, verdict.small_cache ? Confidence::medium : Confidence::high);
  else if (verdict.cache_excess && verdict.cache_excess->low >= 0) conclude(verdict, 6, Cause::fragmentation, Confidence::medium);
  else if (perhaps_at_least(cached, requested)) conclude(verdict, 5, Cause::fragmentation, Confidence::medium);
  else open = verdict.cache_excess && verdict.cache_excess->high >= 0;
  return verdict.rule != 0;
}

// Rule 7.
bool decide_by_others(Verdict& verdict) {
  if (!verdict.deficit) return false;
  const Span deficit = *verdict.deficit;
  if (verdict.others && perhaps_at_least(*verdict.others, deficit)) {
    conclude(verdict, 7, Cause::other_process, surely_at_least(*verdict.others, deficit) ? Confidence::high : Confidence::medium);
    return true;
  }
  if (!verdict.hidden || !surely_at_least(*verdict.hidden + verdict.others.value_or(Span{}), deficit)) return false;
  conclude(verdict, 7, Cause::other_process, Confidence::medium);
  return true;
}

/// More allocated than reserved, or more held and free together than there is in all.
bool contradict(const Figures& f) {
  if (f.allocated && f.reserved && surely_above(span_of(*f.allocated), span_of(*f.reserved))) return true;
  if (!f.total) return false;
  const Span taken = span_of(*f.total) - span_of(f.free);
  return surely_above(held(f), taken) || surely_above(span_of(f.allocated), taken) || surely_above(span_of(f.used), taken);
}

void decide_known(const Figures& known, Verdict& verdict) {
  if (!known.requested) return;
  bool open = false;
  if (decide_by_limits(known, verdict) || decide_by_cache(known, verdict, open)) return;
  if (decide_by_others(verdict)) {
    if (open && verdict.confidence == Confidence::high) verdict.confidence = Confidence::medium;
  } else if (open) {
    conclude(verdict, 6, Cause::fragmentation, Confidence::low);
  } else if (known.free && known.allocated) {
    // Who holds the rest was not told: it may be others after all.
    const bool hidden = !known.used && verdict.unexplained && perhaps_at_least(*verdict.unexplained, *verdict.deficit);
    conclude(verdict, 8, Cause::too_large, hidden ? Confidence::medium : Confidence::high);
  }
}

}  // namespace

bool mark_self(Figures& figures) {
  if (figures.used || figures.processes.empty() || !figures.total || !figures.free || !figures.allocated) return false;
  const Span ours = held(figures);
  const Span remainder = span_of(*figures.total) - span_of(*figures.free) - sum_of_others(figures);
  if (remainder.high >= ours.low) return false;
  Process* smallest = nullptr;
  for (Process& process : figures.processes) {
    if (!process.size || !perhaps_at_least(span_of(*process.size), ours)) continue;
    if (smallest == nullptr || process.size->said < smallest->size->said) smallest = &process;
  }
  if (smallest == nullptr) return false;
  smallest->self = true;
  figures.used = smallest->size;
  return true;
}

Verdict decide(const Figures& figures) {
  Figures known = figures;
  Verdict verdict;
  if (known.total && known.free && surely_above(span_of(*known.free), span_of(*known.total))) {
    verdict.free_absurd = true;
    known.free.reset();
  }
  count(known, verdict);
  verdict.holders = holders_of(verdict.deficit.value_or(Span{}), figures);
  decide_known(known, verdict);
  // A request that is too large is that whatever the rest; a driver that spills counts in its own way.
  verdict.contradiction = verdict.rule != 1 && verdict.rule != 4 && contradict(known);
  if (verdict.contradiction) verdict.confidence = Confidence::low;
  return verdict;
}

}  // namespace plimsoll::doctor
