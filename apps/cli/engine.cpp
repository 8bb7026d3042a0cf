#include "engine.h"

#include <algorithm>

#include <fmt/format.h>

namespace plimsoll::cli {
namespace {

std::string listed(const std::vector<std::string>& names) {
  static constexpr std::size_t kShown = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i > 0 ? ", " : "") + printable(names[i]);
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

// What the process takes beside the tables while it reads them.
constexpr Bytes kBesideTables = mib(1);

// The ledger only knows that its limit was reached; here it is known that the limit was the machine's.
Error tables_do_not_fit(Error error, Os& os, const HostMemory& memory) {
  if (error.code != ErrorCode::out_of_memory || !error.memory) return error;
  error.what = "the model's tables do not fit in memory: " + format_bytes(error.memory->requested) + " more is needed and " +
               format_bytes(error.memory->free) + " is free";
  error.where = error.memory->device + ", set by " + memory.set_by;
  error.advice = "close other programs, raise that limit (`plimsoll devices` shows all of them) or use a smaller model";
  error.memory->holders = find_largest_holders(os);
  return error;
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(Context& context) {
  std::unique_ptr<Engine> engine(new Engine(context));
  PLIMSOLL_TRY(engine->machine_, describe_machine(context.os, context.options.threads));
  Snapshot& machine = engine->machine_;
  // --max-memory is the plan's affair: it can say which budget would do.
  engine->ledger_.set_limit(saturating_sub(machine.memory.budget, kBesideTables));
  Result<Model> model = Model::open(context.os, engine->ledger_, context.options.model);
  if (!model.ok()) return tables_do_not_fit(model.error(), context.os, machine.memory);
  engine->model_.emplace(std::move(model).value());
  // Which disk the model lies on is known only now.
  machine.rates = find_rates(context.os, machine.cpu, machine.cpu.default_threads, engine->model_->directory());
  engine->print_warnings();
  return engine;
}

void Engine::print_warnings() const {
  const auto& untrained = model_->untrained_tensors();
  if (!untrained.empty()) {
    context_.console.note(
        fmt::format("warning: {} has no weights for [{}]: they were initialised at random, so its answers mean nothing until this model is "
                    "trained on a task",
                    printable(model_->name()), listed(untrained)));
  }
  for (const std::string& warning : model_->warnings()) {
    if (untrained.empty() || !warning.ends_with(": untrained")) context_.console.note("warning: " + printable(warning));
  }
}

Result<std::int64_t> Engine::text_limit() const {
  PLIMSOLL_TRY(const WorkloadCounter counter,
               WorkloadCounter::create(model_->tokenizer(), model_->max_tokens(), context_.options.max_length));
  return counter.limit();
}

std::size_t Engine::row_limit() const {
  Bytes budget = machine_.memory.budget;
  if (context_.options.policy.max_memory) budget = std::min(budget, *context_.options.policy.max_memory);
  return std::max<std::uint64_t>(mib(1).count, budget.count / 16);
}

Result<Workload> Engine::measure(RowSource* rows) const {
  const Options& options = context_.options;
  PLIMSOLL_TRY(WorkloadCounter counter, WorkloadCounter::create(model_->tokenizer(), model_->max_tokens(), options.max_length));
  Workload workload;
  if (rows == nullptr) {
    const std::int64_t texts = std::max<std::int64_t>(1, options.batch_size);
    return Workload{counter.limit(), texts, texts * counter.limit(), 0, texts};
  }
  if (rows->is_stream()) {
    workload.longest = counter.limit();
  } else {
    rows->set_longest(row_limit());
    Row row;
    for (;;) {
      PLIMSOLL_TRY(const Got got, rows->next(row, -1));
      if (got == Got::end) break;
      if (context_.signals.token().cancelled()) return context_.signals.error();
      if (!row.fault) counter.add(row.input);
    }
    PLIMSOLL_CHECK(rows->rewind());
    workload = counter.workload();
  }
  workload.batch_size = options.batch_size;
  return workload;
}

Result<Plan> Engine::plan(const Workload& workload) const { return make_plan(*model_, machine_, workload, context_.options.policy); }

Error Engine::refusal(const Plan& plan) const {
  Error error = does_not_fit(plan);
  if (error.memory && error.memory->requested > error.memory->free) error.memory->holders = find_largest_holders(context_.os);
  return error;
}

Result<Session> Engine::load(const Plan& plan, ProgressFunction progress) {
  if (plan.verdict == Verdict::does_not_fit) return refusal(plan);
  ledger_.set_limit(plan.devices.at(0).arena_total());
  return Session::create(*model_, plan, {&context_.os, &ledger_, &context_.signals.token(), std::move(progress)});
}

}  // namespace plimsoll::cli
