#include "doctor/explain.h"

#include <algorithm>

#include <fmt/format.h>

#include <plimsoll/error.h>

#include "doctor/device_tools.h"

namespace plimsoll::doctor {
namespace {

// More than a machine has: a size that was computed wrongly.
constexpr std::uint64_t kNoHost = std::uint64_t{1} << 46U;

Verdict verdict_of(Cause cause, Confidence confidence) {
  Verdict verdict;
  verdict.cause = cause;
  verdict.confidence = confidence;
  return verdict;
}

// `otherwise`: where no size is told.
Verdict judge_host(const Message& message, Confidence otherwise) {
  const std::optional<Figure>& requested = message.figures.requested;
  const bool impossible = message.no_size || (requested && requested->said.count >= kNoHost);
  return verdict_of(impossible ? Cause::too_large : Cause::host_limit, impossible || requested ? Confidence::high : otherwise);
}

// Other allocations count against the limit like the allocator's own.
Verdict judge_mps(const Message& message) {
  // One piece that is larger than Metal gives.
  if (!message.figures.limit && !message.figures.allocated) return verdict_of(Cause::too_large, Confidence::high);
  Figures all = message.figures;
  if (all.allocated && message.others) all.reserved = figure_of(span_of(*all.allocated) + span_of(*message.others));
  Verdict verdict = decide(all);
  verdict.holders.clear();
  return verdict;
}

Verdict judge_pool(const Figures& figures) {
  Verdict verdict = decide(figures);
  return verdict.rule == 0 ? verdict_of(figures.limit ? Cause::external_cap : Cause::unknown, Confidence::low) : verdict;
}

Verdict judge_share(const Figures& figures) {
  Verdict verdict = decide(figures);
  if (verdict.rule == 1 || verdict.rule == 3) return verdict;
  verdict.cause = Cause::other_process;
  verdict.confidence = figures.free && figures.requested ? Confidence::medium : Confidence::low;
  return verdict;
}

Verdict judge_summary(const Figures& figures) {
  const bool loose = figures.cached && figures.reserved && figures.cached->said.count >= figures.reserved->said.count / 4;
  return verdict_of(loose ? Cause::fragmentation : Cause::unknown, loose ? Confidence::medium : Confidence::low);
}

// What needs more than there is has no room; what would have fitted may have met somebody else.
Verdict judge_ollama(const Message& message) {
  const bool larger = message.needed && message.available && surely_above(span_of(*message.needed), span_of(*message.available));
  return verdict_of(Cause::too_large, larger ? Confidence::high : Confidence::medium);
}

// A first try of PyTorch's, whose own part is not told.
Verdict judge_warning(const Figures& figures) {
  Verdict verdict = decide(figures);
  if (verdict.rule == 1 || verdict.rule == 3) return verdict;
  verdict.cause = Cause::unknown;
  verdict.confidence = Confidence::low;
  verdict.rule = 0;
  return verdict;
}

Verdict judge_async(const Figures& figures) {
  Verdict verdict = decide(figures);
  // The pool of cudaMallocAsync may hold as much unused: its cache is not told.
  if (verdict.rule >= 7) verdict.confidence = Confidence::low;
  return verdict;
}

Verdict judge(const Case& found) {
  const Message& message = found.message;
  const Figures& figures = message.figures;
  switch (message.kind) {
    case Kind::allocator: return decide(figures);
    case Kind::absurd: return verdict_of(Cause::too_large, Confidence::high);
    case Kind::async_pool: return judge_async(figures);
    case Kind::retry_warning: return judge_warning(figures);
    case Kind::memory_summary: return judge_summary(figures);
    case Kind::mps: return judge_mps(message);
    case Kind::cpu_allocator: return judge_host(message, Confidence::low);
    case Kind::cublas:
    case Kind::cudnn:
      return found.context.device_assert ? verdict_of(Cause::not_vram, Confidence::high) : verdict_of(Cause::unknown, Confidence::low);
    case Kind::on_chip: return verdict_of(Cause::not_vram, Confidence::high);
    case Kind::pool_limit: return judge_pool(figures);
    case Kind::flushes: return verdict_of(Cause::too_large, Confidence::low);
    case Kind::jax: return verdict_of(Cause::too_large, Confidence::low);
    case Kind::hbm: return verdict_of(Cause::too_large, figures.total ? Confidence::high : Confidence::medium);
    case Kind::ollama_device: return judge_ollama(message);
    case Kind::tf_warning:
    case Kind::tf_tensor: return verdict_of(Cause::too_large, figures.limit ? Confidence::medium : Confidence::low);
    case Kind::tf_device: return verdict_of(Cause::other_process, Confidence::low);
    case Kind::arena_limit: return verdict_of(Cause::own_cap, Confidence::high);
    case Kind::llama_buffer:
      return figures.device == "cpu" ? verdict_of(Cause::host_limit, Confidence::high) : verdict_of(Cause::too_large, Confidence::medium);
    case Kind::vllm_share: return judge_share(figures);
    case Kind::vllm_blocks: return verdict_of(Cause::own_cap, Confidence::medium);
    case Kind::vllm_trial:
    case Kind::sglang: return verdict_of(Cause::own_cap, Confidence::medium);
    case Kind::host_program: return judge_host(message, Confidence::medium);
    case Kind::shared_memory: return verdict_of(Cause::host_limit, Confidence::high);
    case Kind::vllm_length: return verdict_of(Cause::too_large, Confidence::high);
    case Kind::hami: return verdict_of(Cause::external_cap, Confidence::high);
    case Kind::metal:
    case Kind::jetson: return verdict_of(Cause::host_limit, Confidence::medium);
    case Kind::ollama:
    case Kind::killed:
    case Kind::killed_in_group:
    case Kind::killed_on_nodes:
    case Kind::systemd:
    case Kind::oomd:
    case Kind::earlyoom:
    case Kind::ray:
    case Kind::heap_limit:
    case Kind::slurm: return verdict_of(Cause::host_limit, Confidence::high);
    case Kind::group_events: return verdict_of(Cause::host_limit, found.message.weak ? Confidence::medium : Confidence::high);
    case Kind::exit_status: return verdict_of(Cause::host_limit, found.message.name.empty() ? Confidence::low : Confidence::high);
    default: return verdict_of(Cause::unknown, Confidence::low);
  }
}

/// The figures say that this process held memory; the traceback, that it had only just begun.
bool disagrees(const Case& found) {
  return found.trace.starts_cuda() && has_device_figures(found.message.kind) && found.message.figures.allocated &&
         found.message.figures.allocated->low.count > 0;
}

void tell_disagreement(const Case& found, Verdict& verdict, Diagnosis& diagnosis) {
  const Figures& figures = found.message.figures;
  const std::string held = size_text(*figures.allocated);
  std::string step = "CUDA was only being initialised";
  if (found.trace.loads_to_cpu()) step += " and weights were being read to the CPU";
  const Span busy = figures.total && figures.free ? span_of(*figures.total) - span_of(*figures.free) : span_of(*figures.allocated);
  diagnosis.disagreement = fmt::format(
      "The traceback disagrees with the figures: by the traceback {}, when a process holds nothing on the device. Either the figures are "
      "right: "
      "this process had already put {} there. Or the traceback is right: this process held nothing, others held the {}, and the figures "
      "come "
      "from another moment or another process.",
      step, held, about(busy));
  verdict.confidence = Confidence::low;
}

void tell_apart(const Verdict& verdict, const Case& found, Diagnosis& diagnosis) {
  const bool on_device =
      found.message.figures.device != "cpu" && diagnosis.cause != Cause::not_vram && diagnosis.cause != Cause::host_limit;
  const std::string_view list = tools_of(found.message).list;
  if (!diagnosis.disagreement.empty()) {
    diagnosis.tell_apart = fmt::format("{}   # before the program starts: what is listed now is others'", list);
  } else if (found.message.kind == Kind::exit_status) {
    diagnosis.tell_apart = "dmesg | grep -i oom; cat /sys/fs/cgroup/memory.events   # oom_kill above 0: it was the memory";
  } else if (on_device && verdict.confidence == Confidence::low && found.message.fatal) {
    diagnosis.tell_apart = std::string(list);
  }
}

/// Where the message has no figures of its own, those of the whole stand for them.
void complete(Message& message) {
  if (message.figures.requested || !message.needed) return;
  message.figures.requested = message.needed;
  message.figures.free = message.available;
}

}  // namespace

bool has_device_figures(Kind kind) { return kind == Kind::allocator || kind == Kind::async_pool || kind == Kind::retry_warning; }

std::string safe(std::string_view text) { return printable(text, 80); }

std::string about(Span span) {
  std::string middle = size_text(figure_of(span));
  // Closer than anybody reads.
  if (span.high - span.low < span.high / 1000) return middle;
  const std::string ends = span_text(span);
  if (ends.find(" to ") == std::string::npos) return middle;
  return fmt::format("{} ({})", middle, ends.substr(0, ends.find_last_of(' ')));
}

Diagnosis explain(Case found) {
  complete(found.message);
  found.marked_self = mark_self(found.message.figures);
  Diagnosis diagnosis;
  Verdict verdict = judge(found);
  if (disagrees(found)) tell_disagreement(found, verdict, diagnosis);
  diagnosis.source = found.message.source;
  diagnosis.fatal = found.message.fatal;
  diagnosis.cause = verdict.cause;
  diagnosis.confidence = verdict.confidence;
  diagnosis.phase = found.message.phase != Phase::unknown ? found.message.phase : found.trace.phase();
  diagnosis.model = found.trace.model();
  diagnosis.page = fmt::format("docs/causes/{}.md", cause_name(verdict.cause));
  diagnosis.headline = headline(found);
  diagnosis.findings = has_device_figures(found.message.kind) ? device_findings(found, verdict) : other_findings(found, verdict);
  tell_apart(verdict, found, diagnosis);
  diagnosis.remedies = find_remedies(found, diagnosis, verdict);
  diagnosis.figures = std::move(found.message.figures);
  return diagnosis;
}

std::string explanation(const Diagnosis& diagnosis) {
  std::string text;
  const auto add = [&](const std::string& sentence) {
    if (!sentence.empty()) text += (text.empty() ? "" : " ") + sentence;
  };
  for (const std::string& finding : diagnosis.findings) add(finding);
  add(diagnosis.disagreement);
  if (!diagnosis.tell_apart.empty()) add("To tell: " + diagnosis.tell_apart);
  return text;
}

}  // namespace plimsoll::doctor
