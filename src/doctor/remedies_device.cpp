#include <algorithm>

#include <fmt/format.h>

#include "doctor/device_tools.h"
#include "doctor/explain.h"

namespace plimsoll::doctor {
namespace {

using Remedies = std::vector<Remedy>;

void unfragment(const Case& found, Remedies& out) {
  const std::optional<Figure>& saves = found.message.figures.cached;
  if (found.context.expandable) {
    out.push_back({"Look for a second stream or memory pool",
                   "expandable segments are on already: what is cached belongs to another stream or pool", saves,
                   fmt::format("print({})", tools_of(found.message).call("memory_summary()"))});
    return;
  }
  if (found.message.old) {
    out.push_back({"Keep large blocks whole, and restart",
                   "PyTorch before 2.1 cuts large cached blocks up; newer ones have expandable_segments:True", saves,
                   fmt::format("export {}=max_split_size_mb:128", tools_of(found.message).variable)});
    return;
  }
  out.push_back({"Turn expandable segments on, and restart", "cached memory is then handed out whatever its pieces were", saves,
                 fmt::format("export {}=expandable_segments:True", tools_of(found.message).variable)});
}

// Whoever else holds memory. `deficit` is what they would have to give.
void ask_others(const Case& found, const Verdict& verdict, Remedies& out) {
  if (!verdict.holders.empty()) {
    const bool one = verdict.holders.size() == 1;
    const Figure held = held_by(verdict.holders);
    const bool enough = verdict.deficit && perhaps_at_least(span_of(held), *verdict.deficit);
    std::string numbers;
    for (const Process* process : verdict.holders) numbers += (numbers.empty() ? "" : ",") + std::to_string(process->pid);
    out.push_back({fmt::format("Stop {}{}or wait for {}", named(verdict.holders), one ? " " : ", ", one ? "it" : "them"),
                   !enough ? "it holds the most of those that are listed"
                   : one   ? "it holds more than is missing"
                           : "together they hold more than is missing",
                   held, fmt::format("ps -o pid,user,etime,args -p {}   # whose it is; inside a container look on the host", numbers)});
    return;
  }
  std::optional<Figure> saves;
  if (verdict.hidden && verdict.hidden->high > 0) saves = figure_of(*verdict.hidden);
  const Figures& figures = found.message.figures;
  if (found.trace.starts_cuda() && figures.total && figures.free) saves = figure_of(span_of(*figures.total) - span_of(*figures.free));
  out.push_back({"Close who else holds the device, or wait for them", "nothing in your program changes", saves,
                 std::string(tools_of(found.message).list)});
}

std::string model_of(const Case& found) { return found.trace.model().empty() ? "MODEL" : found.trace.model(); }
// The class alone where it is a module's; of anything else than a class, such as self.kind, the one that fits every model.
std::string loader_of(const Case& found) {
  const std::string& loader = found.trace.loader();
  const std::string name = loader.substr(loader.rfind('.') + 1);
  return !name.empty() && name[0] >= 'A' && name[0] <= 'Z' ? name : "AutoModel";
}

std::string load_change(const Case& found, std::string_view argument) {
  const std::string call = fmt::format("{}.from_pretrained(\"{}\"", loader_of(found), model_of(found));
  return fmt::format("{0})  ->  {0}, {1})", call, argument);
}

void load_smaller(const Case& found, Remedies& out) {
  const auto known = find_known_model(found.trace.model());
  const auto halved = known ? std::optional(roughly(known->weights(2))) : std::nullopt;
  const auto all = known ? std::optional(roughly(known->weights(4))) : found.message.figures.allocated;
  if (!found.trace.loads_half())
    out.push_back({"Load the weights in float16",
                   known ? fmt::format("{} instead of {}", size_text(*halved), size_text(*all)) : "half of what float32 takes", halved,
                   load_change(found, "torch_dtype=torch.float16")});
  out.push_back({"Let accelerate place the layers", "what the device has no room for stays in the host's memory", std::nullopt,
                 load_change(found, "device_map=\"auto\"")});
  out.push_back({"Load one program at a time", "two that load at once both count the same free memory", std::nullopt,
                 "flock /tmp/gpu0.lock python program.py"});
  out.push_back({"Run on the CPU", "it needs nothing of the device", all,
                 fmt::format("model.to(\"{}\")  ->  model.to(\"cpu\")", tools_of(found.message).device)});
  if (found.trace.model().find("large") != std::string::npos) {
    std::string smaller = found.trace.model();
    smaller.replace(smaller.find("large"), 5, "base");
    const auto base = find_known_model(smaller);
    const auto saves = base && known ? std::optional(roughly(known->weights(4) - base->weights(4))) : std::nullopt;
    out.push_back({"Use a smaller model", "other answers, a third of the weights", saves,
                   fmt::format("\"{}\"  ->  \"{}\"", found.trace.model(), smaller)});
  }
}

void mended_program(const Case& found, Remedies& out) {
  if (found.trace.model().empty()) return;
  const std::string loader = loader_of(found);
  const std::string model = found.trace.model();
  const auto known = find_known_model(model);
  const double gib = known ? static_cast<double>(known->weights(2).count) / static_cast<double>(1U << 30U) : 1.0;
  out.push_back({"The program, mended", "it looks at what is free before it takes any", std::nullopt,
                 fmt::format("before:\n"
                             "  from transformers import {0}\n"
                             "  model = {0}.from_pretrained(\"{1}\").to(\"{3}\")\n"
                             "after:\n"
                             "  import torch\n"
                             "  from transformers import {0}\n"
                             "  model = {0}.from_pretrained(\"{1}\", torch_dtype=torch.float16)\n"
                             "  free, total = torch.{3}.mem_get_info()\n"
                             "  if free > {2:.2f} * 2**30:  # weights, and room to compute\n"
                             "      model = model.to(\"{3}\")\n"
                             "  else:\n"
                             "      model = model.float()  # stays on the CPU",
                             loader, model, gib + 0.75, tools_of(found.message).device)});
}

void plimsoll_commands(const Case& found, Remedies& out) {
  const Figures& figures = found.message.figures;
  const auto known = find_known_model(found.trace.model());
  if (!known || !known->classifies_here) return;
  const std::string model = found.trace.model();
  if (figures.total && figures.free) {
    const auto gib = [](const Figure& figure) { return static_cast<double>(figure.said.count) / static_cast<double>(1U << 30U); };
    out.push_back({"See what would fit, before anything is loaded",
                   "it counts weights, activations and workspace, and names the smallest budget", std::nullopt,
                   fmt::format("plimsoll plan {} --sim memory={:.2f}GiB,used={:.2f}GiB", model, gib(*figures.total),
                               std::max(0.0, gib(*figures.total) - gib(*figures.free)))});
  }
  out.push_back({"Run it with Plimsoll", "BERT classifies in whatever memory there is, without the GPU, in as little as 64 MiB",
                 std::nullopt, fmt::format("plimsoll run {} --input texts.txt --max-memory 512MiB", model)});
}

void compute_smaller(const Case& found, Remedies& out) {
  const std::optional<Figure>& asked = found.message.figures.requested;
  const bool attends = found.trace.attends();
  out.push_back({"Halve the batch", "activations, and this request with them, shrink in proportion", part_of(asked, 2),
                 "batch_size=N  ->  batch_size=N // 2"});
  out.push_back({"Cut or sort long texts", "activations grow with the longest text in the batch, attention with its square",
                 attends && asked ? std::optional(figure_of(span_of(*asked) - span_of(part_of(asked, 4)))) : part_of(asked, 2),
                 "tokenizer(texts, truncation=True, max_length=N // 2)"});
  out.push_back({"Compute without a graph, when not training", "no activation is kept for a backward pass", std::nullopt,
                 "with torch.inference_mode(): model(**inputs)"});
  out.push_back({"Use fused attention", "the tokens x tokens matrix is never stored", attends ? asked : std::nullopt,
                 "from_pretrained(..., attn_implementation=\"sdpa\")"});
}

void train_smaller(const Case& found, Remedies& out) {
  out.push_back({"Halve the batch and accumulate twice as often", "the same gradient, half of the activations",
                 part_of(found.message.figures.requested, 2), "per_device_train_batch_size=N // 2, gradient_accumulation_steps=2 * M"});
  out.push_back({"Recompute activations", "most of them are not kept; a step takes about a third longer", std::nullopt,
                 "model.gradient_checkpointing_enable()"});
  out.push_back({"Train in bfloat16", "half of the activations; weights, gradients and optimizer stay", std::nullopt,
                 "TrainingArguments(..., bf16=True)"});
  out.push_back({"Use an 8-bit optimizer", "AdamW keeps 8 bytes a parameter, this one 2", std::nullopt,
                 "TrainingArguments(..., optim=\"adamw_bnb_8bit\")"});
}

void generate_smaller(const Case& found, Remedies& out) {
  out.push_back({"Generate fewer tokens, for fewer texts at once", "the cache grows with both", part_of(found.message.figures.requested, 2),
                 "model.generate(..., max_new_tokens=N // 2)"});
  out.push_back({"Keep the cache in the host's memory", "layer by layer it is fetched when needed; slower", std::nullopt,
                 "model.generate(..., cache_implementation=\"offloaded\")"});
}

void start_smaller(const Case& found, Remedies& out) {
  if (!found.trace.serves()) {
    compute_smaller(found, out);
    if (found.trace.captures())
      out.push_back({"Compute without CUDA graphs", "their pools take memory that nothing else can use", std::nullopt,
                     "torch.compile(model, mode=\"reduce-overhead\")  ->  torch.compile(model)"});
    return;
  }
  out.push_back({"Give the server a smaller share and shorter texts", "what it takes at its start is set by these two", std::nullopt,
                 "--gpu-memory-utilization 0.8 --max-model-len 4096"});
  out.push_back({"Do not capture graphs", "their pools take memory that nothing else can use", std::nullopt, "--enforce-eager"});
}

void shrink(const Case& found, Phase phase, Remedies& out) {
  switch (phase) {
    case Phase::loading: load_smaller(found, out); break;
    case Phase::training: train_smaller(found, out); break;
    case Phase::kv_cache: generate_smaller(found, out); break;
    case Phase::start_up: start_smaller(found, out); break;
    case Phase::activations:
    case Phase::unknown: compute_smaller(found, out); break;
  }
}

void raise_cap(const Case& found, Remedies& out) {
  const Figures& figures = found.message.figures;
  const DeviceTools& tools = tools_of(found.message);
  std::optional<Figure> over;
  if (figures.requested && figures.limit) over = figure_of(held(figures) + span_of(*figures.requested) - span_of(*figures.limit));
  // All of the device, where nearly all is allowed already.
  static constexpr double kUsual = 0.95;
  const double allowed = figures.limit && figures.total && figures.total->said.count > 0
                             ? static_cast<double>(figures.limit->high.count) / static_cast<double>(figures.total->said.count)
                             : 0;
  const std::string call = fmt::format("set_per_process_memory_fraction({})", allowed < kUsual ? kUsual : 1.0);
  out.push_back({"Raise the program's own limit", "the device has more than it may use", over,
                 fmt::format("{}   # or take per_process_memory_fraction out of {}", tools.call(call), tools.variable)});
}

void find_cap(const DeviceTools& tools, Remedies& out) {
  out.push_back({"Run it again", "if another program held the memory for a moment, it is free now", std::nullopt, std::string(tools.list)});
  out.push_back({"Look for a limit from outside", "containers, and MPS or HAMi, cap a process below what the device shows free",
                 std::nullopt, std::string(tools.caps)});
}

void stop_spilling(Remedies& out) {
  out.push_back({"Forbid the driver to spill", "you then see a failure instead of a crawl", std::nullopt,
                 "NVIDIA control panel: CUDA - Sysmem Fallback Policy  ->  Prefer No Sysmem Fallback"});
}

}  // namespace

std::vector<Remedy> device_remedies(const Case& found, const Diagnosis& diagnosis, const Verdict& verdict) {
  Remedies out;
  const bool loading = found.trace.loads_model();
  const Phase phase = loading && diagnosis.phase == Phase::unknown ? Phase::loading : diagnosis.phase;
  const bool others = diagnosis.cause == Cause::other_process || !diagnosis.disagreement.empty();
  if (others || diagnosis.cause == Cause::unknown) ask_others(found, verdict, out);
  switch (diagnosis.cause) {
    case Cause::fragmentation: unfragment(found, out); break;
    case Cause::own_cap: raise_cap(found, out); break;
    case Cause::external_cap: find_cap(tools_of(found.message), out); break;
    case Cause::driver_spill: stop_spilling(out); break;
    default: break;
  }
  if (found.message.fatal || out.empty()) shrink(found, phase, out);
  if (loading) mended_program(found, out);
  plimsoll_commands(found, out);
  return out;
}

}  // namespace plimsoll::doctor
