#include "session/fallback.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "report/picture.h"
#include "session/shortage.h"

namespace plimsoll::cli {
namespace {

bool is_memory(const Error& error) { return error.code == ErrorCode::does_not_fit || error.code == ErrorCode::out_of_memory; }

std::string listed(const std::vector<std::string>& labels) {
  static constexpr std::size_t kShown = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(labels.size(), kShown); ++i) text += (i > 0 ? ", " : "") + printable(labels[i], 40);
  return labels.size() > kShown ? text + fmt::format(" and {} more", labels.size() - kShown) : text;
}

std::string_view score_name(ScoreRule rule) {
  switch (rule) {
    case ScoreRule::softmax: return "one label of several";
    case ScoreRule::sigmoid: return "each label by itself";
    case ScoreRule::regression: return "a value";
  }
  return "";
}

// Answers name their labels, so that their order says nothing, except to who reads logits.
bool same_labels(std::vector<std::string> a, std::vector<std::string> b, bool in_order) {
  if (!in_order) {
    std::ranges::sort(a);
    std::ranges::sort(b);
  }
  return a == b;
}

Error differs(const AnswerKind& first, const AnswerKind& other, const std::string& how) {
  return Error{ErrorCode::usage, fmt::format("{} cannot stand in for {}: {}", printable(other.model), printable(first.model), how),
               "--fallback",
               "give a model that was trained for the same labels, or add --fallback-any-labels to take its answers as they are"};
}

Status check_answers(const AnswerKind& first, const AnswerKind& other, bool in_order) {
  if (first.task != other.task) return differs(first, other, fmt::format("its task is {}, not {}", other.task, first.task));
  if (first.score_rule != other.score_rule)
    return differs(first, other, fmt::format("it scores {}, not {}", score_name(other.score_rule), score_name(first.score_rule)));
  if (same_labels(first.labels, other.labels, in_order)) return {};
  return differs(first, other, fmt::format("its labels are {}, not {}", listed(other.labels), listed(first.labels)));
}

}  // namespace

ModelChain::ModelChain(Context& context) : context_(context), models_{context.options.model} {
  const Options& options = context.options;
  if (std::ranges::find(options.policy.forbid, Rung::fallback) != options.policy.forbid.end()) {
    if (!options.fallbacks.empty()) context.console.detail("no fallback is used: the rung is forbidden");
    return;
  }
  for (const std::string& name : options.fallbacks) {
    ModelRequest request = options.model;
    request.model = name;
    request.revision.clear();
    models_.push_back(std::move(request));
  }
}

Result<std::unique_ptr<Engine>> ModelChain::open() {
  PLIMSOLL_CHECK(compare_answers());
  PLIMSOLL_CHECK(leave_out_what_finds_no_room());
  Engine::Handover handover;
  auto opened = open_present(handover);
  if (opened.ok() || !goes_on_after(opened.error())) return opened;
  return open_next({models_.front().model, opened.error(), Bytes{}, {}}, handover);
}

// Before any table is read, which may find no room.
Status ModelChain::compare_answers() {
  if (models_.size() == 1 || context_.options.any_labels) return {};
  PLIMSOLL_TRY(wanted_, read_answer_kind(context_.os, models_.front()));
  for (std::size_t i = 1; i < models_.size(); ++i) {
    PLIMSOLL_TRY(const AnswerKind kind, read_answer_kind(context_.os, models_[i]));
    PLIMSOLL_CHECK(check_answers(wanted_, kind, context_.options.logits));
  }
  return {};
}

// Before MODEL is opened, so that the tables of two are never there at once.
Status ModelChain::leave_out_what_finds_no_room() {
  for (std::size_t i = 1; i < models_.size();) {
    Status looked = look_at(models_[i]);
    if (!looked.ok() && !is_memory(looked.error())) return looked;
    if (looked.ok()) {
      ++i;
      continue;
    }
    context_.console.complain(fmt::format("warning: a fallback is left out: {}", message(looked.error())));
    models_.erase(models_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return {};
}

Status ModelChain::look_at(const ModelRequest& request) const {
  const HostMemory memory = probe_memory(context_.os);
  Ledger ledger("cpu", room_for_tables(memory));
  const auto model = Model::open(context_.os, ledger, request);
  if (!model.ok()) return tables_do_not_fit(request.model, model.error(), context_.os, memory);
  const auto limit = plimsoll::text_limit(model->max_tokens(), context_.options.max_length);
  Status status = limit.ok() ? check_map(*model) : Status(limit.error());
  if (!status.ok()) status.error().what = fmt::format("{}: {}", printable(request.model), status.error().what);
  return status;
}

Status ModelChain::check_map(const Model& model) const {
  DeviceMap map = context_.options.policy.device_map;
  if (map.kind != DeviceMap::Kind::modules) return {};
  PLIMSOLL_TRY(map, read_device_map(context_.os, map.source));
  return check_device_map(map, model);
}

// Its answers are compared again: the folder may be another by now.
Result<std::unique_ptr<Engine>> ModelChain::open_present(Engine::Handover& handover) {
  PLIMSOLL_TRY(std::unique_ptr<Engine> engine, Engine::open(context_, models_[at_], handover));
  if (at_ == 0) wanted_ = engine->model().answer_kind();
  else if (!context_.options.any_labels) PLIMSOLL_CHECK(check_answers(wanted_, engine->model().answer_kind(), context_.options.logits));
  return engine;
}

// A device that is lost takes its memory with it.
bool ModelChain::goes_on_after(const Error& error) const {
  return (is_memory(error) || error.code == ErrorCode::device_lost) && models_.size() > 1;
}

Result<std::unique_ptr<Engine>> ModelChain::next(std::unique_ptr<Engine> engine, const Plan& plan, const Error& refusal, Bytes held) {
  Refusal refused{engine->model().name(), refusal, plan.devices.at(0).planned_total(), plan.smallest_budget};
  Engine::Handover handover{engine->take_devices(), held};
  engine.reset();
  return open_next(std::move(refused), handover);
}

Result<std::unique_ptr<Engine>> ModelChain::open_next(Refusal refused, Engine::Handover& handover) {
  for (;;) {
    refusals_.push_back(std::move(refused));
    if (!has_next()) return all_refused();
    ++at_;
    auto opened = open_present(handover);
    if (opened.ok() || !is_memory(opened.error())) return opened;
    refused = {models_[at_].model, opened.error(), Bytes{}, {}};
  }
}

Error ModelChain::all_refused() const {
  const Refusal* least = nullptr;
  std::string needs;
  for (const Refusal& refusal : refusals_) {
    const bool known = !refusal.smallest.empty();
    if (!needs.empty()) needs += ", ";
    needs += known ? fmt::format("{} needs at least {}", printable(refusal.model), budget_text(refusal.smallest))
                   : fmt::format("the tables of {} find no room", printable(refusal.model));
    if (known && (least == nullptr || refusal.smallest.front().bytes < least->smallest.front().bytes)) least = &refusal;
  }
  const Refusal& nearest = least == nullptr ? refusals_.back() : *least;
  Error error{ErrorCode::does_not_fit, fmt::format("none of {} models fits: {}", refusals_.size(), needs), nearest.error.where,
              least == nullptr
                  ? nearest.error.advice
                  : fmt::format("allow {} (--max-memory, and free memory) or add a smaller --fallback", budget_text(least->smallest)),
              nearest.error.memory};
  if (error.memory && least != nullptr) error.memory->smallest_budget = least->smallest;
  return error;
}

SessionEvent ModelChain::event(std::int64_t first) {
  SessionEvent event;
  event.kind = first > 0 ? SessionEvent::Kind::recovered : SessionEvent::Kind::replanned;
  event.rungs = {Rung::fallback};
  for (; told_ < refusals_.size(); ++told_) event.text += (event.text.empty() ? "" : "; ") + refusals_[told_].error.what;
  const MemoryShortfall figures = refusals_.back().error.memory.value_or(MemoryShortfall{});
  if (!figures.device.empty()) event.device = figures.device;
  event.requested = figures.requested;
  event.free = figures.free;
  event.text += fmt::format(": {} answers{}", models_[at_].model, first > 0 ? fmt::format(" from row {} on", first) : " in its place");
  return event;
}

Result<Plan> ModelChain::plan(const Engine& engine, const Workload& workload) const {
  auto plan = engine.plan(workload);
  if (plan.ok()) mark(*plan);
  return plan;
}

void ModelChain::mark(Plan& plan) const {
  if (at_ == 0 || plan.verdict == Verdict::does_not_fit) return;
  plan.verdict = Verdict::fits_degraded;
  const Refusal& first = refusals_.front();
  const Bytes saved = saturating_sub(first.planned, plan.devices.at(0).planned_total());
  plan.sacrifices.insert(plan.sacrifices.begin(), {Rung::fallback, 0, saved, first.error.what + ": another model answers"});
}

}  // namespace plimsoll::cli
