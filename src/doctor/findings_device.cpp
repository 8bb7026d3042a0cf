#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "doctor/device_tools.h"
#include "doctor/explain.h"

namespace plimsoll::doctor {
namespace {

using Sentences = std::vector<std::string>;

constexpr std::int64_t kMuchContext = std::int64_t{2} << 30U;
constexpr std::size_t kNamedProcesses = 4;

std::string others_text(const Figures& figures) {
  std::string text;
  std::size_t named = 0;
  std::size_t more = 0;
  for (const Process& process : figures.processes) {
    if (process.self) continue;
    if (++named > kNamedProcesses) ++more;
    else
      text += fmt::format("{}process {} {}", text.empty() ? "" : ", ", process.pid,
                          process.size ? size_text(*process.size) : "an unknown amount");
  }
  return more == 0 ? text : fmt::format("{} and {} more", text, more);
}

// Who holds the device's memory.
void tell_holders(const Case& found, const Verdict& verdict, Sentences& out) {
  const Figures& figures = found.message.figures;
  std::string text;
  if (figures.allocated) {
    text = fmt::format("This process held {} in tensors", size_text(*figures.allocated));
    if (figures.cached) text += fmt::format(" and {} unused in its cache", about(span_of(*figures.cached)));
    if (verdict.beside && verdict.beside->high > 0) text += fmt::format("; its context and libraries took {}", about(*verdict.beside));
  }
  const std::string others = others_text(figures);
  if (!others.empty()) text += fmt::format("{}: {}", text.empty() ? "Others held" : "; others", others);
  const bool lumped = !figures.used && verdict.unexplained && verdict.unexplained->high > 0 && figures.allocated;
  if (lumped)
    text += fmt::format("; context, libraries and {} took {}", others.empty() ? "other processes" : "who is not listed",
                        about(*verdict.unexplained));
  if (!text.empty()) out.push_back(text + ".");
}

// "16 heads of 16384 x 16384 in 4 bytes": a shape that comes to the request.
std::string attention_shape(const Figure& requested) {
  static constexpr std::array<std::uint64_t, 6> kHeads = {12, 16, 32, 8, 40, 64};
  for (const std::uint64_t each : {4U, 2U}) {
    for (const std::uint64_t heads : kHeads) {
      const double side = std::sqrt(static_cast<double>(requested.said.count) / static_cast<double>(heads * each));
      const auto tokens = static_cast<std::uint64_t>(std::llround(side / 128)) * 128;
      const std::uint64_t bytes = heads * each * tokens * tokens;
      if (tokens >= 256 && bytes >= requested.low.count && bytes <= requested.high.count)
        return fmt::format("{} heads of {} x {} tokens in {} bytes come to exactly this, for instance; ", heads, tokens, tokens, each);
    }
  }
  return {};
}

std::string impossible(const Figures& figures) {
  const bool above_total = figures.total && surely_above(span_of(*figures.requested), span_of(*figures.total));
  return fmt::format(
      "The request alone ({}) is larger than {} ({}): nothing that is freed can make room for it. Such sizes are products, often batch x "
      "heads x tokens x tokens x bytes: {}half the length needs a quarter of it.",
      size_text(*figures.requested), above_total ? "the whole device" : "the limit",
      size_text(above_total ? *figures.total : *figures.limit), attention_shape(*figures.requested));
}

std::string others_hold(const Verdict& verdict) {
  const Span deficit = *verdict.deficit;
  if (!verdict.holders.empty() && perhaps_at_least(*verdict.others, deficit)) {
    return fmt::format("Missing are {}, and {} {} {}: it is the others, not fragmentation and not this program's size.", about(deficit),
                       named(verdict.holders), verdict.holders.size() == 1 ? "holds" : "hold", size_text(held_by(verdict.holders)));
  }
  return fmt::format(
      "Missing are {}; {} are held by somebody whom the message does not list, such as a graphics client, another container or another "
      "user's program.",
      about(deficit), about(*verdict.hidden));
}

// What the rule that decided proves.
std::string rule_text(const Figures& f, const Verdict& v) {
  switch (v.rule) {
    case 1: return impossible(f);
    case 2:
      return fmt::format("The program may use {} by its own setting, and what it holds together with the request is more; {}.",
                         size_text(*f.limit), f.free ? size_text(*f.free) + " were free on the device" : "the device itself was not asked");
    case 3:
      return fmt::format(
          "{} were free, more than was asked for, and still it was refused: either a limit from outside (container, MPS, HAMi, WSL), or "
          "another process held that memory for a moment.",
          size_text(*f.free));
    case 4:
      return fmt::format(
          "Tensors of {} do not fit into a device of {}: the driver has been moving memory to the host's, which is slow, and is no sign "
          "that "
          "the program fits.",
          size_text(*f.allocated), size_text(*f.total));
    case 5:
      return fmt::format(
          "{} lay unused in the process's own cache, and only {} were asked for: the cache is cut into pieces that are too small. "
          "This is fragmentation{}.",
          about(span_of(*f.cached)), size_text(*f.requested),
          v.small_cache                      ? ", but so little that the device would be full soon without it, too"
          : v.confidence == Confidence::high ? ""
                                             : ", as far as rounding tells");
    case 6:
      if (v.confidence != Confidence::low) {
        return fmt::format(
            "Free and cached memory together are {} more than the request, but neither is enough alone: probably fragmentation.",
            about(*v.cache_excess));
      }
      return fmt::format(
          "Free and cached memory together, {}, equal the request within the log's rounding: fragmentation is neither proved nor excluded.",
          about(span_of(*f.free) + span_of(*f.cached)));
    case 7: return others_hold(v);
    case 8:
      return fmt::format(
          "Missing are {}; the cache does not cover it and nobody else holds as much: the program is too large for this device as it is. "
          "It must save that and some {} of margin.",
          about(*v.deficit), size_text(Bytes{kMargin}));
    default: return {};
  }
}

// What readers of such messages often get wrong.
void tell_oddities(const Case& found, const Verdict& verdict, Sentences& out) {
  const Figures& figures = found.message.figures;
  if (found.marked_self) {
    const Figure ours = figures.reserved ? *figures.reserved : figure_of(held(figures));
    out.push_back(
        fmt::format("The process listed with {} is this program itself: nothing else could hold its {}. Inside a container a program does "
                    "not recognise "
                    "itself in the list; this is no leak of an earlier run.",
                    size_text(*figures.used), size_text(ours)));
  }
  if (verdict.beside && verdict.beside->low > kMuchContext)
    out.push_back(
        fmt::format("{} outside of PyTorch's allocator are unusually much: look for a second framework or library in this process.",
                    about(*verdict.beside)));
  if (figures.used && figures.reserved && surely_above(span_of(*figures.reserved), span_of(*figures.used)))
    out.emplace_back(
        "The driver counts less for this process than its allocator holds, so one of the two is wrong (WSL and some containers).");
  if (figures.pools && figures.pools->said.count > 0) {
    out.push_back(fmt::format("{} of what counts as allocated is locked in the pools of CUDA graphs; no tensor can use it.",
                              size_text(*figures.pools)));
  }
  if (verdict.contradiction)
    out.emplace_back(
        "The figures contradict each other: more is allocated than reserved, or more held and free than the device has. "
        "One of them is wrong, and so may be what follows from them.");
  if (verdict.free_absurd)
    out.emplace_back(
        "The message shows more free memory than there is in all: the driver could not tell here, and the figure is not used.");
  const std::uint64_t asked = figures.requested ? figures.requested->said.count : 0;
  if (asked == (20U << 20U) || asked == (2U << 20U)) {
    // Where neither room elsewhere nor wrong figures explain it.
    const bool full = verdict.rule >= 7 || (verdict.rule == 0 && !figures.free);
    out.push_back(fmt::format("{} is what PyTorch asks for on behalf of any tensor up to {} MiB{}.", size_text(Bytes{asked}),
                              asked == (2U << 20U) ? 1 : 10, full && !verdict.contradiction ? ": the device is simply full" : ""));
  }
  if (found.context.growth && found.context.growth->low > 0)
    out.push_back(
        fmt::format("Between the first and the last such message what is allocated grew by {}: something may accumulate (a leak).",
                    about(*found.context.growth)));
}

void tell_model(const Case& found, Sentences& out) {
  const auto model = find_known_model(found.trace.model());
  if (!model) return;
  const Figures& figures = found.message.figures;
  std::string text =
      fmt::format("No tensor of {} exceeds {}, and its weights are {} in float32, {} in float16", safe(found.trace.model()),
                  size_text(roughly(model->largest(4))), size_text(roughly(model->weights(4))), size_text(roughly(model->weights(2))));
  if (figures.requested && figures.requested->low > model->largest(4)) text += ": this request is not one of its tensors";
  if (figures.free && figures.free->low > model->weights(4))
    text += fmt::format("; the whole model would have fitted into the free {}", size_text(*figures.free));
  out.push_back(text + ".");
}

void tell_half_truth(const Case& found, Sentences& out) {
  const Figures& figures = found.message.figures;
  // While a graph is captured nothing is given back.
  if (found.message.kind != Kind::allocator || !found.message.fatal || !figures.cached || found.trace.captures()) return;
  std::string text = tools_of(found.message).call("empty_cache()") +
                     " does not cure the request that failed: PyTorch had given back every block that was wholly free before it gave up.";
  if (figures.cached->said.count > 0)
    text += fmt::format(" Called before another process or library needs memory, it returns up to {}.", size_text(*figures.cached));
  out.push_back(std::move(text));
}

}  // namespace

std::vector<std::string> device_findings(const Case& found, const Verdict& verdict) {
  const Figures& figures = found.message.figures;
  Sentences out;
  tell_holders(found, verdict, out);
  std::string rule = rule_text(figures, verdict);
  if (rule.empty()) {
    rule = !found.message.fatal
               ? "A first try failed; PyTorch then empties its cache and tries again, which often succeeds. By itself this is a warning."
           : figures.requested ? "The message does not tell enough to say who holds the memory."
                               : "The message holds no figures to reckon with: it was cut, or the driver could not tell.";
    if (verdict.deficit && verdict.deficit->low > 0) rule += fmt::format(" Missing were {}.", about(*verdict.deficit));
  }
  out.push_back(std::move(rule));
  tell_oddities(found, verdict, out);
  tell_model(found, out);
  tell_half_truth(found, out);
  return out;
}

}  // namespace plimsoll::doctor
