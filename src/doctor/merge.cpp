#include "doctor/merge.h"

#include <type_traits>
#include <utility>

#include "doctor/figure.h"

namespace plimsoll::doctor {
namespace {

bool same(const std::optional<Figure>& a, const std::optional<Figure>& b) {
  return a.has_value() == b.has_value() && (!a || a->said == b->said);
}

bool same_process(const Figures& a, const Figures& b) {
  return a.processes.empty() || b.processes.empty() || a.processes[0].pid == b.processes[0].pid;
}

bool is_part_kind(Kind kind) {
  switch (kind) {
    case Kind::nccl:
    case Kind::llama_buffer:
    case Kind::ollama_device:
    case Kind::killed:
    case Kind::killed_in_group:
    case Kind::killed_on_nodes:
    case Kind::group_events:
    case Kind::slurm:
    case Kind::earlyoom:
    case Kind::ray:
    case Kind::host_program:
    case Kind::systemd:
    case Kind::tf_warning:
    case Kind::jax: return true;
    default: return false;
  }
}

template <typename T>
bool agree(const std::optional<T>& a, const std::optional<T>& b) {
  if constexpr (std::is_same_v<T, Figure>) {
    return !a || !b || (a->low <= b->high && b->low <= a->high);
  } else {
    return !a || !b || *a == *b;
  }
}

/// What is asked for and what is taken for it differ by what is padded.
bool agree_nearly(std::optional<Figure> a, const std::optional<Figure>& b) {
  if (a) a = Figure{a->said, a->low - Bytes{a->low.count / 500}, a->high + Bytes{a->high.count / 500}};
  return agree(a, b);
}

bool agree(const std::string& a, const std::string& b) { return a.empty() || b.empty() || a == b; }

bool same_counts(const Message& a, const Message& b) { return agree(a.kills, b.kills) && agree(a.failed_requests, b.failed_requests); }

bool is_kill(Kind kind) { return kind == Kind::killed || kind == Kind::killed_in_group || kind == Kind::killed_on_nodes; }

}  // namespace

bool same_message(const Message& a, const Message& b) {
  const Figures& x = a.figures;
  const Figures& y = b.figures;
  return a.kind == b.kind && a.source == b.source && same_process(x, y) && a.name == b.name && a.group == b.group && x.device == y.device &&
         same(x.requested, y.requested) && same(x.free, y.free) && same(x.total, y.total) && same(x.allocated, y.allocated) &&
         same(x.reserved, y.reserved) && same(x.used, y.used) && same(x.limit, y.limit) && same_counts(a, b);
}

bool same_memory(const Message& a, const Message& b) {
  return a.kind == b.kind && a.figures.device == b.figures.device && same(a.figures.total, b.figures.total) && a.figures.allocated &&
         b.figures.allocated;
}

bool is_part(const Message& first, const Message& later) {
  const bool same_kind = first.kind == later.kind || (is_kill(first.kind) && is_kill(later.kind));
  if (!same_kind || !is_part_kind(first.kind) || first.source != later.source) return false;
  if (first.kind == Kind::group_events && (first.group != later.group || !same_counts(first, later))) return false;
  const Figures& x = first.figures;
  const Figures& y = later.figures;
  if (!agree_nearly(x.requested, y.requested) || !agree(x.device, y.device) || !agree(first.name, later.name)) return false;
  return same_process(x, y);
}

void absorb(Message& first, Message later) {
  const auto take = [](auto& mine, auto& other) {
    if (!mine) mine = other;
  };
  Figures& x = first.figures;
  Figures& y = later.figures;
  if (x.requested && y.requested && y.requested->low == y.requested->high) x.requested = y.requested;
  take(x.requested, y.requested);
  take(x.free, y.free);
  take(x.total, y.total);
  take(x.allocated, y.allocated);
  take(x.limit, y.limit);
  take(first.kills, later.kills);
  take(first.failed_requests, later.failed_requests);
  if (x.device.empty()) x.device = y.device;
  if (x.processes.empty() || (!x.processes[0].size && !y.processes.empty())) x.processes = y.processes;
  if (first.name.empty()) first.name = std::move(later.name);
  if (first.group.empty()) first.group = std::move(later.group);
  if (first.kind == Kind::killed) first.kind = later.kind;
  // The last line says best what it was for.
  if (later.phase != Phase::unknown) first.phase = later.phase;
  first.fatal = first.fatal || later.fatal;
  first.weak = first.weak && later.weak;
}

}  // namespace plimsoll::doctor
