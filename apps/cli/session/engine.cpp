#include "session/engine.h"

#include <malloc.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "arguments/held_at_start.h"
#include "rows/row_fault.h"
#include "session/input_hint.h"
#include "session/shortage.h"
#include "terminal/progress.h"
#include "text/counted.h"

namespace plimsoll::cli {
namespace {

std::string listed(const std::vector<std::string>& names) {
  static constexpr std::size_t kShown = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i > 0 ? ", " : "") + printable(names[i]);
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

// A row may have this many bytes, or this share of the budget where that is more.
constexpr std::size_t kAnyRow = mib(1).count;
constexpr std::size_t kRowShare = 16;

// That goes on under other plans than the one that it began with.
Workload workload_of_session(const Plan& plan) {
  Workload workload = plan.workload;
  workload.held_tokens = plan.tokens_per_pass;
  workload.held_texts = plan.texts_per_pass;
  return workload;
}

}  // namespace

std::string absolute_path(const std::string& path) {
  std::error_code failed;
  return std::filesystem::absolute(path, failed).lexically_normal().string();
}

Result<std::unique_ptr<Engine>> Engine::open(Context& context, const ModelRequest& request) {
  Handover nothing;
  return open(context, request, nothing);
}

Result<std::unique_ptr<Engine>> Engine::open(Context& context, const ModelRequest& request, Handover& handover) {
  std::unique_ptr<Engine> engine(new Engine(context));
  if (DeviceMap& map = engine->policy_.device_map; map.kind == DeviceMap::Kind::modules) {
    PLIMSOLL_TRY(map, read_device_map(context.os, map.source));
  }
  PLIMSOLL_TRY(engine->machine_, describe_machine(context.os, context.options.threads));
  Snapshot& machine = engine->machine_;
  machine.held = held_at_start(context.options) + handover.held;
  // --max-memory is the plan's affair: it can say which budget would do.
  engine->ledger_.set_limit(saturating_sub(room_for_tables(machine.memory), machine.held));
  Result<Model> model = Model::open(context.os, engine->ledger_, request);
  if (!model.ok()) return tables_do_not_fit(request.model, model.error(), context.os, machine.memory);
  engine->model_.emplace(std::move(model).value());
  // Which disk the model lies on is known only now.
  machine.rates = find_rates(context.os, machine.cpu, machine.cpu.default_threads, absolute_path(engine->model_->directory()));
  engine->devices_ = std::move(handover.devices);
  PLIMSOLL_CHECK(engine->open_devices());
  engine->print_warnings();
  return engine;
}

// Before so many are made: they have to be there while it is planned for them.
Status Engine::check_simulated() const {
  static constexpr std::uint64_t kShare = 4;
  const std::size_t count = context_.options.sims.size();
  const Bytes taken = simulated_device_bytes(machine_.cpu.default_threads) * count;
  const Bytes room{machine_.memory.budget.count / kShare};
  if (taken <= room) return {};
  return machine_has_too_little(
      fmt::format("{} do not fit", counted(static_cast<std::int64_t>(count), "simulated device")),
      Error{ErrorCode::out_of_memory, "", "", "", MemoryShortfall{"cpu", taken, room, machine_.memory.budget, {}, {}}}, context_.os,
      machine_.memory);
}

Status Engine::open_devices() {
  const Options& options = context_.options;
  if (devices_.empty()) {
    PLIMSOLL_CHECK(check_simulated());
    for (std::size_t i = 0; i < options.sims.size(); ++i) {
      PLIMSOLL_TRY(std::unique_ptr<OpenDevice> device, OpenDevice::simulate(context_.os, fmt::format("sim:{}", i), options.sims[i],
                                                                            machine_.cpu.default_threads, &context_.signals.token()));
      devices_.push_back(std::move(device));
    }
    if (options.any_cuda || !options.cudas.empty()) PLIMSOLL_CHECK(open_gpus());
  }
  PLIMSOLL_TRY(std::vector<Accelerator> described, describe_devices());
  for (Accelerator& accelerator : described) {
    if (accelerator.disk_rate == 0) accelerator.disk_rate = machine_.rates.disk_read;
    for (const DeviceBytes& budget : options.budgets) {
      if (budget.device == accelerator.name) accelerator.budget = budget.bytes;
    }
    // A size without a name is the computing device's, which is known only now.
    if (options.any_cuda && options.bare_budget && machine_.accelerators.empty()) {
      accelerator.budget = options.bare_budget;
      policy_.max_memory.reset();
    }
    machine_.accelerators.push_back(std::move(accelerator));
  }
  return {};
}

// Those that are lost already are left out, unless it is said what they are for.
Result<std::vector<Accelerator>> Engine::describe_devices() {
  std::vector<Accelerator> described;
  std::vector<std::unique_ptr<OpenDevice>> there;
  for (auto& device : devices_) {
    const std::string name = device->ledger().device();
    Result<Accelerator> found = device->describe();
    const bool needed = policy_.device == name || policy_.device_map.kind == DeviceMap::Kind::modules;
    if (!found.ok() && found.error().code == ErrorCode::device_lost && !needed) {
      context_.console.note(fmt::format("{} is not used: {}", name, message(found.error())));
      continue;
    }
    if (!found.ok()) return std::move(found).error();
    described.push_back(std::move(found).value());
    there.push_back(std::move(device));
  }
  devices_ = std::move(there);
  return described;
}

// Those that are named must open. Of the others, those that do and have room are taken; a machine without any is no matter.
Status Engine::open_gpus() {
  const Options& options = context_.options;
  std::vector<int> numbers = options.cudas;
  if (options.any_cuda) {
    const Result<int> count = OpenDevice::count_cuda(context_.os);
    const bool absent = !count.ok() && (count.error().code == ErrorCode::not_found || count.error().where == "cuda");
    if (!count.ok() && !absent) context_.console.note("warning: no GPU is used: " + message(count.error()));
    for (int number = 0; count.ok() && number < *count; ++number) {
      if (std::ranges::find(numbers, number) == numbers.end()) numbers.push_back(number);
    }
    std::ranges::sort(numbers);
  }
  if (numbers.empty()) return {};
  const DeviceReport report = DeviceMonitor(context_.os).look();
  for (const int number : numbers) PLIMSOLL_CHECK(open_gpu(number, report));
  return {};
}

Status Engine::open_gpu(int number, const DeviceReport& report) {
  // Less than a context takes on most devices.
  static constexpr Bytes kLeastRoom = mib(256);
  const bool named = std::ranges::find(context_.options.cudas, number) != context_.options.cudas.end();
  const auto leave = [&](const std::string& why) {
    context_.console.note(fmt::format("cuda:{} is not used: {}", number, why));
    return Status();
  };
  Bytes free;
  for (const DeviceStatus& device : report.devices) {
    if (device.cuda == number) free = device.free.value_or(Bytes{});
  }
  if (!named && free.count > 0 && free < kLeastRoom) return leave(format_bytes(free) + " of it are free");
  Result<std::unique_ptr<OpenDevice>> device = OpenDevice::open_cuda(context_.os, number, free);
  if (device.ok()) devices_.push_back(std::move(device).value());
  else if (named) return std::move(device).error();
  else return leave(message(device.error()));
  return {};
}

void Engine::print_warnings() const {
  if (const std::string& fault = machine_.memory.limits_fault; !fault.empty())
    context_.console.note("warning: limits of control groups are not known, pass --max-memory: " + printable(fault));
  const auto& untrained = model_->untrained_tensors();
  if (!untrained.empty()) {
    // Also when quiet: answers that mean nothing look like any others.
    context_.console.complain(
        fmt::format("warning: {} has no weights for [{}]: they were initialised at random, so its answers mean nothing until this model is "
                    "trained on a task",
                    printable(model_->name()), listed(untrained)));
  }
  for (const std::string& warning : model_->warnings()) {
    if (untrained.empty() || !warning.ends_with(": untrained")) context_.console.note("warning: " + printable(warning));
  }
}

Result<std::int64_t> Engine::text_limit() const {
  const std::int64_t asked = context_.options.max_length;
  const std::int64_t special = model_->tokenizer().added_tokens(false);
  if (asked > 0 && asked < special) {
    return Error{ErrorCode::usage, fmt::format("a text of {} has no room for the {} special ones", counted(asked, "token"), special),
                 "--max-length", fmt::format("give {} or more", special)};
  }
  return plimsoll::text_limit(model_->max_tokens(), asked);
}

std::size_t Engine::row_limit() const {
  Bytes budget = machine_.memory.budget;
  if (policy_.max_memory) budget = std::min(budget, *policy_.max_memory);
  return std::max<std::uint64_t>(kAnyRow, budget.count / kRowShare);
}

Result<Workload> Engine::measure(RowSource* rows) {
  const Options& options = context_.options;
  PLIMSOLL_TRY(const std::int64_t limit, text_limit());
  Workload workload;
  if (rows == nullptr) {
    const std::int64_t texts = std::max<std::int64_t>(1, options.batch_size);
    return Workload{limit, texts, texts * limit, 0, texts};
  }
  if (rows->is_stream()) {
    workload.longest = limit;
  } else {
    rows->set_longest(row_limit());
    WorkloadCounter counter(context_.os, ledger_, model_->tokenizer(), limit, &context_.signals.token());
    RowBar bar(context_.console, context_.os, {});
    std::int64_t seen = 0;
    unusable_rows_ = 0;
    Row row;
    for (;;) {
      PLIMSOLL_TRY(const Got got, rows->next(row, -1));
      if (got == Got::end) break;
      if (context_.signals.token().cancelled()) return context_.signals.error();
      hint_at_form(context_, *rows, row);
      bar.counted(++seen);
      if (row.fault) {
        // `run` gets to it in its turn.
        if (options.fail_fast && options.command->bit == kPlan) return stopped_at(row, *row.fault);
        ++unusable_rows_;
        continue;
      }
      longest_row_ = std::max(longest_row_, row.input.text.size() + row.input.pair.value_or("").size());
      if (const Status added = counter.add(row.input); !added.ok())
        return machine_has_too_little("the texts cannot be counted", added.error(), context_.os, machine_.memory);
    }
    bar.done();
    counted_rows_ = seen;
    PLIMSOLL_CHECK(rows->rewind());
    workload = counter.workload();
  }
  workload.batch_size = options.batch_size;
  return workload;
}

Result<Plan> Engine::plan(const Workload& workload) const {
  PLIMSOLL_TRY(Plan plan, plan_within(machine_.memory.budget, machine_, workload));
  // With less, the longest row that was measured could not be read.
  const Bytes for_rows{longest_row_ > kAnyRow ? longest_row_ * kRowShare : 0};
  for (auto* budgets : {&plan.smallest_budget, &plan.full_speed_budget})
    for (DeviceBytes& budget : *budgets)
      if (budget.device == "cpu") budget.bytes = std::max(budget.bytes, for_rows);
  return plan;
}

// Simulated devices live in this process, so they and the host share what it may have.
Result<Plan> Engine::plan_within(Bytes process, const Snapshot& machine, const Workload& workload) const {
  PLIMSOLL_TRY(Plan plan, plan_on(machine, workload));
  const bool is_too_much = plan.verdict != Verdict::does_not_fit && planned_of_process(plan) > process;
  return is_too_much ? plan_shared(process, machine, workload) : plan;
}

// Of several shares the fastest plan that fits.
Result<Plan> Engine::plan_shared(Bytes process, const Snapshot& whole, const Workload& workload) const {
  static constexpr std::uint64_t kParts = 8;
  const auto simulated = std::ranges::count_if(machine_.accelerators, &Accelerator::computes_on_host);
  std::optional<Plan> best;
  for (std::uint64_t part = 1; part < kParts; ++part) {
    Snapshot machine = whole;
    const Bytes share{process.count * part / kParts};
    machine.memory.budget = std::min(whole.memory.budget, process - share);
    for (Accelerator& device : machine.accelerators) {
      const Bytes each{share.count / static_cast<std::uint64_t>(simulated)};
      if (!device.computes_on_host || device.free <= each) continue;
      device.free = each;
      device.free_set_by = whole.memory.set_by + ", which the host shares";
    }
    PLIMSOLL_TRY(Plan plan, plan_on(machine, workload));
    const bool fits = plan.verdict != Verdict::does_not_fit;
    if (!best || (fits && (best->verdict == Verdict::does_not_fit || plan.pass_seconds < best->pass_seconds))) best = std::move(plan);
  }
  return *std::move(best);
}

Result<Plan> Engine::plan_on(const Snapshot& machine, const Workload& workload) const {
  auto plan = make_plan(*model_, machine, workload, policy_, &context_.signals.token());
  // What looking at hundreds of candidates left behind is a megabyte that arenas can use.
  ::malloc_trim(0);
  return plan;
}

Error Engine::refusal(const Plan& plan) const {
  Error error = does_not_fit(plan);
  if (error.memory && error.memory->requested > error.memory->free) error.memory->holders = holders_of(error.memory->device);
  return error;
}

std::vector<Holder> Engine::holders_of(const std::string& device) const {
  if (device == "cpu") return find_largest_holders(context_.os, machine_.memory.set_by);
  for (std::size_t i = 0; i < devices_.size(); ++i)
    if (machine_.accelerators.at(i).name == device && !device.starts_with("cuda")) return devices_[i]->holders();
  std::vector<Holder> holders;
  for (const DeviceStatus& status : DeviceMonitor(context_.os).look().devices) {
    if (!status.cuda || fmt::format("cuda:{}", *status.cuda) != device) continue;
    for (const ProcessStatus& process : status.processes)
      if (process.pid != ::getpid() && process.used) holders.push_back({process.pid, process.user, process.command, *process.used});
  }
  std::ranges::sort(holders, std::greater(), &Holder::bytes);
  return holders;
}

void Engine::limit_ledgers(const Plan& plan) {
  ledger_.set_limit(plan.devices.at(0).arena_total());
  for (std::size_t i = 0; i < devices_.size(); ++i) devices_[i]->ledger().set_limit(plan.devices.at(i + 1).arena_total());
}

Result<Plan> Engine::replan(const Workload& workload, std::span<const DeviceBytes> budgets) {
  Snapshot machine = machine_;
  machine.memory.budget = budgets.front().bytes;
  machine.memory.set_by = "what is free now";
  for (std::size_t i = 0; i < machine.accelerators.size(); ++i) machine.accelerators[i].free = budgets[i + 1].bytes;
  PLIMSOLL_TRY(Plan plan, plan_within(probe_memory(context_.os).contended_budget(), machine, workload));
  if (plan.verdict != Verdict::does_not_fit) limit_ledgers(plan);
  return plan;
}

Result<Session> Engine::load(const Plan& plan, ProgressFunction progress, std::function<void(const SessionEvent&)> event) {
  if (plan.verdict == Verdict::does_not_fit) return refusal(plan);
  limit_ledgers(plan);
  Session::Options options{.os = &context_.os, .ledger = &ledger_, .cancel = &context_.signals.token(), .progress = std::move(progress)};
  for (const auto& device : devices_) options.devices.push_back(device.get());
  options.replan = [this, workload = workload_of_session(plan)](std::span<const DeviceBytes> budgets) { return replan(workload, budgets); };
  options.event = std::move(event);
  return Session::create(*model_, plan, std::move(options));
}

Bytes Engine::least_to_go_on(const Plan& plan) const {
  const Result<Plan> least = plan_within(machine_.memory.budget, machine_, workload_of_session(plan));
  return least_of_host(least.ok() ? *least : plan);
}

std::vector<DeviceFigures> Engine::device_figures() const {
  std::vector<DeviceFigures> figures;
  for (const auto& device : devices_) figures.push_back({device->ledger().device(), device->ledger().peak(), device->seconds()});
  return figures;
}

}  // namespace plimsoll::cli
