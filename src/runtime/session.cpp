#include <plimsoll/session.h>

#include <algorithm>

#include "device/cpu/cpu_device.h"
#include "model/binding.h"
#include "plan/schedule.h"
#include "platform/thread_pool.h"
#include "runtime/headroom.h"
#include "runtime/reservation.h"
#include "runtime/step_builder.h"
#include "runtime/weight_loader.h"

namespace plimsoll {

struct Session::State {
  State(const Model& m, const Plan& p, Options o) : model(m), plan(p), options(std::move(o)) {}

  const Model& model;
  Plan plan;
  Options options;
  Reservation reservation;
  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<Kernels> kernels;
  std::unique_ptr<Stream> stream;

  const Schedule& schedule() const { return *plan.schedule; }
  StepBuilder steps() const { return {model.program(), schedule(), reservation}; }
  bool cancelled() const { return options.cancel != nullptr && options.cancel->cancelled(); }

  Status acquire();
  Status load();
  Bytes untouched() const;
  Status check(const PassInput& input) const;
  void stage(const PassInput& input) const;
  Status compute(PassSize size);
  void report_layer(std::string_view layer) const;
};

Status Session::State::acquire() {
  Os& os = *options.os;
  PLIMSOLL_TRY(reservation, Reservation::create(os, *options.ledger, plan.devices.front()));
  PLIMSOLL_TRY(pool, ThreadPool::create(os, plan.threads));
  PLIMSOLL_TRY(const CpuFeatures features, cap_cpu_features(detect_cpu_features(), plan.isa));
  PLIMSOLL_TRY(kernels, make_cpu_kernels(*pool, features, schedule().workspace, reservation.bytes(MemoryTag::workspace)));
  stream = std::make_unique<CpuStream>();
  return {};
}

Status Session::State::load() {
  return load_weights({options.os, &model, &schedule(), &reservation, kernels.get(), stream.get(), pool.get(), options.ledger,
                       options.cancel, &options.progress});
}

// What the first passes will populate.
Bytes Session::State::untouched() const {
  Bytes sum;
  for (const MemoryTag tag : {MemoryTag::activations, MemoryTag::workspace, MemoryTag::io})
    sum += plan.devices.front().arenas[static_cast<std::size_t>(tag)];
  return sum;
}

Status Session::State::check(const PassInput& input) const {
  const auto tokens = static_cast<std::int64_t>(input.ids.size());
  const std::span<const std::int32_t> starts = input.text_starts;
  const auto refuse = [](std::string what, std::string advice = "") {
    return Error{ErrorCode::usage, std::move(what), "pass", std::move(advice)};
  };
  if (starts.size() < 2 || starts.front() != 0 || starts.back() != tokens)
    return refuse("text_starts must lead from 0 to the number of tokens");
  if (tokens > plan.tokens_per_pass || static_cast<std::int64_t>(starts.size()) - 1 > plan.texts_per_pass) {
    return refuse("a pass of " + std::to_string(tokens) + " tokens and " + std::to_string(starts.size() - 1) + " texts",
                  "the plan has room for " + std::to_string(plan.tokens_per_pass) + " and " + std::to_string(plan.texts_per_pass));
  }
  for (std::size_t b = 0; b + 1 < starts.size(); ++b) {
    const std::int64_t length = std::int64_t{starts[b + 1]} - starts[b];
    if (length < 1 || length > plan.workload.longest)
      return refuse("text " + std::to_string(b) + " has " + std::to_string(length) + " tokens",
                    "planned were 1 to " + std::to_string(plan.workload.longest));
  }
  if (input.type_ids.size() != input.ids.size()) return refuse("ids and type_ids differ in number");
  const std::int64_t vocabulary = model.vocabulary();
  const std::int64_t types = model.token_types();
  for (const std::int32_t id : input.ids) {
    if (id < 0 || id >= vocabulary)
      return refuse("token id " + std::to_string(id) + " is outside the model's vocabulary of " + std::to_string(vocabulary),
                    "does the tokenizer belong to this model?");
  }
  for (const std::int32_t type : input.type_ids) {
    if (type < 0 || (types > 0 && type >= types))
      return refuse("token type " + std::to_string(type) + " is outside the model's " + std::to_string(types));
  }
  return {};
}

// Brings the input where the plan wants it and counts positions from the start of each text.
void Session::State::stage(const PassInput& input) const {
  const Program& program = model.program();
  const auto copy = [&](std::span<const std::int32_t> from, ValueId to) {
    std::int32_t* out = steps().integers(to);
    if (from.data() != out) std::copy(from.begin(), from.end(), out);
  };
  copy(input.ids, program.ids);
  copy(input.type_ids, program.type_ids);
  copy(input.text_starts, program.text_starts);
  const std::int32_t* starts = steps().integers(program.text_starts);
  std::int32_t* positions = steps().integers(program.position_ids);
  for (std::size_t b = 0; b + 1 < input.text_starts.size(); ++b) {
    for (std::int32_t t = starts[b]; t < starts[b + 1]; ++t) positions[t] = t - starts[b];
  }
}

Status Session::State::compute(PassSize size) {
  const Program& program = model.program();
  const StepBuilder builder = steps();
  std::int32_t block = 0;
  for (const ScheduleStep& step : schedule().pass) {
    const auto& compute = std::get<ComputeStep>(step);
    const Block& current = program.blocks[static_cast<std::size_t>(compute.block)];
    if (compute.block != block) {
      PLIMSOLL_CHECK(kernels->synchronize(*stream));
      report_layer(program.blocks[static_cast<std::size_t>(block)].name);
      block = compute.block;
      if (cancelled()) return Error{ErrorCode::cancelled, "stopped before " + current.name};
    }
    kernels->enqueue(*stream, builder.build(current.ops[static_cast<std::size_t>(compute.op)], size));
  }
  PLIMSOLL_CHECK(kernels->synchronize(*stream));
  report_layer(program.blocks[static_cast<std::size_t>(block)].name);
  return {};
}

void Session::State::report_layer(std::string_view layer) const {
  if (!options.progress) return;
  const Bytes weights{plan.devices.front().arenas[static_cast<std::size_t>(MemoryTag::weights)]};
  options.progress({"pass", layer, weights, weights, options.ledger->current()});
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::create(const Model& model, const Plan& plan, Options options) {
  if (plan.schedule == nullptr || plan.schedule->weights.size() != model.program().weights.size()) {
    return Error{ErrorCode::usage, "the plan was made for another model than " + model.name(), "session"};
  }
  if (plan.verdict == Verdict::does_not_fit) return does_not_fit(plan);
  auto state = std::make_unique<State>(model, plan, std::move(options));
  PLIMSOLL_CHECK(state->acquire());
  PLIMSOLL_CHECK(state->load());
  PLIMSOLL_CHECK(check_headroom(*state->options.os, state->untouched()));
  return Session(std::move(state));
}

const Plan& Session::plan() const { return state_->plan; }

Result<std::span<const float>> Session::run(const PassInput& input) {
  PLIMSOLL_CHECK(state_->check(input));
  if (state_->cancelled()) return Error{ErrorCode::cancelled, "stopped between passes"};
  state_->stage(input);
  const PassSize size{static_cast<std::int64_t>(input.ids.size()), static_cast<std::int64_t>(input.text_starts.size()) - 1};
  PLIMSOLL_CHECK(state_->compute(size));
  const MatrixView logits = state_->steps().value(state_->model.program().logits, size);
  return std::span<const float>(reinterpret_cast<const float*>(logits.data), static_cast<std::size_t>(logits.rows * logits.cols));
}

std::span<std::byte> Session::io() { return state_->reservation.bytes(MemoryTag::io); }

Session::InputBuffers Session::input_buffers() {
  const Program& program = state_->model.program();
  const StepBuilder steps = state_->steps();
  const auto tokens = static_cast<std::size_t>(state_->plan.tokens_per_pass);
  const auto texts = static_cast<std::size_t>(state_->plan.texts_per_pass);
  return {
      {steps.integers(program.ids), tokens}, {steps.integers(program.type_ids), tokens}, {steps.integers(program.text_starts), texts + 1}};
}

}  // namespace plimsoll
