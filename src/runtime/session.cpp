#include <plimsoll/session.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <new>
#include <span>

#include "plan/layout/schedule.h"
#include "runtime/deployment.h"
#include "runtime/elastic.h"
#include "runtime/session_check.h"

namespace plimsoll {

namespace {

/// The starts of a part's texts, counted from the part's own beginning for as long as this lives.
class Shifted {
 public:
  Shifted(std::span<std::int32_t> starts, std::int64_t by) : starts_(starts), by_(static_cast<std::int32_t>(by)) {
    for (std::int32_t& start : starts_) start -= by_;
  }
  Shifted(const Shifted&) = delete;
  Shifted& operator=(const Shifted&) = delete;
  ~Shifted() {
    for (std::int32_t& start : starts_) start += by_;
  }

 private:
  std::span<std::int32_t> starts_;
  std::int32_t by_;
};

/// Marks that a call of a session is under way: what the session tells or asks meanwhile may lead back to it.
class InCall {
 public:
  explicit InCall(bool& mark) : mark_(mark) { mark_ = true; }
  InCall(const InCall&) = delete;
  InCall& operator=(const InCall&) = delete;
  ~InCall() { mark_ = false; }

 private:
  bool& mark_;
};

/// All devices that a session was given, while it uses them: others that were given them too wait for it.
class Turns {
 public:
  explicit Turns(std::span<OpenDevice* const> devices) : devices_(devices) {
    for (OpenDevice* device = after(nullptr); device != nullptr; device = after(device)) device->turn().lock();
  }
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;
  ~Turns() {
    for (OpenDevice* device = after(nullptr); device != nullptr; device = after(device)) device->turn().unlock();
  }

 private:
  // In one order, whichever each session has them in, so that no two wait for each other.
  OpenDevice* after(const OpenDevice* last) const {
    static constexpr std::less<const OpenDevice*> kBefore;
    OpenDevice* next = nullptr;
    for (OpenDevice* device : devices_) {
      if (kBefore(last, device) && (next == nullptr || kBefore(device, next))) next = device;
    }
    return next;
  }

  std::span<OpenDevice* const> devices_;
};

}  // namespace

struct Session::State {
  State(const Model& m, const Plan& p, Options o)
      : model(m),
        tokens_per_pass(p.tokens_per_pass),
        texts_per_pass(p.texts_per_pass),
        longest(p.workload.longest),
        options(std::move(o)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    const Turns turns(options.devices);
    elastic.reset();
    deployment.reset();
  }

  const Model& model;
  std::int64_t tokens_per_pass;  // of the first plan: what the inputs have room for
  std::int64_t texts_per_pass;
  std::int64_t longest;
  Options options;
  std::unique_ptr<Deployment> deployment;
  std::unique_ptr<Elastic> elastic;
  std::int64_t pass_number = 1;  // of the one to run
  bool in_call = false;

  const Plan& plan() const { return deployment->plan(); }
  StepBuilder steps() const { return deployment->steps(); }
  bool cancelled() const { return options.cancel != nullptr && options.cancel->cancelled(); }

  Status open(const Plan& plan);
  Status check(const PassInput& input) const;
  Status check_places(const PassInput& input) const;
  void stage(const PassInput& input) const;
  PassSize part(std::span<const std::int32_t> starts, std::int64_t first_text) const;
  Status run(std::int64_t texts);
  Result<std::int32_t> compute(PassSize part, std::int32_t first_block);
  void come_to(std::int64_t layer) const { deployment->come_to({Phase::pass, 1, pass_number, layer}); }
  bool layer_done(std::string_view layer) const;
  Error give_up() const noexcept;
};

Status Session::State::open(const Plan& plan) {
  const Turns turns(options.devices);
  PLIMSOLL_TRY(deployment,
               Deployment::create({options.os, options.ledger, &model, options.cancel, &options.progress, options.devices}, plan));
  elastic = std::make_unique<Elastic>(*deployment, options);
  return elastic->open(plan);
}

Status Session::State::check(const PassInput& input) const {
  const auto tokens = static_cast<std::int64_t>(input.ids.size());
  const std::span<const std::int32_t> starts = input.text_starts;
  const auto refuse = [](std::string what, std::string advice = "") {
    return Error{ErrorCode::usage, std::move(what), "pass", std::move(advice)};
  };
  if (starts.size() < 2 || starts.front() != 0 || starts.back() != tokens)
    return refuse("text_starts must lead from 0 to the number of tokens");
  if (tokens > tokens_per_pass || static_cast<std::int64_t>(starts.size()) - 1 > texts_per_pass) {
    return refuse("a pass of " + std::to_string(tokens) + " tokens and " + std::to_string(starts.size() - 1) + " texts",
                  "the plan has room for " + std::to_string(tokens_per_pass) + " and " + std::to_string(texts_per_pass));
  }
  for (std::size_t b = 0; b + 1 < starts.size(); ++b) {
    const std::int64_t length = std::int64_t{starts[b + 1]} - starts[b];
    if (length < 1 || length > longest)
      return refuse("text " + std::to_string(b) + " has " + std::to_string(length) + " tokens",
                    "planned were 1 to " + std::to_string(longest));
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

// What is copied into the session's own arrays must not be written over before it is read.
Status Session::State::check_places(const PassInput& input) const {
  const Program& program = model.program();
  const std::span<const std::byte> own = deployment->reservation().pass_values();
  const auto is_misplaced = [&](std::span<const std::int32_t> array, ValueId place) {
    static constexpr std::less<const std::byte*> kBefore;
    const std::span<const std::byte> bytes = std::as_bytes(array);
    const bool inside = kBefore(bytes.data(), own.data() + own.size()) && kBefore(own.data(), bytes.data() + bytes.size());
    return inside && array.data() != steps().integers(place, {});
  };
  if (is_misplaced(input.ids, program.ids) || is_misplaced(input.type_ids, program.type_ids) ||
      is_misplaced(input.text_starts, program.text_starts))
    return Error{ErrorCode::usage, "an array of the pass lies in the session's memory, in the place of another", "pass",
                 "fill each array of input_buffers() with its own"};
  return {};
}

// Brings the input where the plan wants it and counts positions from the start of each text.
void Session::State::stage(const PassInput& input) const {
  const Program& program = model.program();
  const auto copy = [&](std::span<const std::int32_t> from, ValueId to) {
    std::int32_t* out = steps().integers(to, {});
    if (from.data() != out) std::copy(from.begin(), from.end(), out);
  };
  copy(input.ids, program.ids);
  copy(input.type_ids, program.type_ids);
  copy(input.text_starts, program.text_starts);
  const std::int32_t* starts = steps().integers(program.text_starts, {});
  std::int32_t* positions = steps().integers(program.position_ids, {});
  for (std::size_t b = 0; b + 1 < input.text_starts.size(); ++b) {
    for (std::int32_t t = starts[b]; t < starts[b + 1]; ++t) positions[t] = t - starts[b];
  }
}

// As many whole texts from `first_text` on as the present plan has room for.
PassSize Session::State::part(std::span<const std::int32_t> starts, std::int64_t first_text) const {
  const auto start = [&](std::int64_t text) { return std::int64_t{starts[static_cast<std::size_t>(text)]}; };
  std::int64_t end = first_text + 1;
  while (end + 1 < std::ssize(starts) && end - first_text < plan().texts_per_pass &&
         start(end + 1) - start(first_text) <= plan().tokens_per_pass)
    ++end;
  return {start(end) - start(first_text), end - first_text, start(first_text), first_text};
}

Result<std::int32_t> Session::State::compute(PassSize part, std::int32_t first_block) {
  const Shifted starts({steps().integers(model.program().text_starts, part), static_cast<std::size_t>(part.texts + 1)}, part.first_token);
  std::int64_t layer = first_block - 1;  // the first block is that of the embeddings
  come_to(layer);
  return deployment->runner().run(part, first_block, [this, &layer](std::string_view name) {
    come_to(++layer);
    return layer_done(name);
  });
}

// Parts that are done stay so, whatever happens to the next: their logits lie where no plan moves them.
Status Session::State::run(std::int64_t texts) {
  const auto blocks = static_cast<std::int32_t>(model.program().blocks.size());
  const std::span<const std::int32_t> starts(steps().integers(model.program().text_starts, {}), static_cast<std::size_t>(texts + 1));
  std::int64_t done = 0;
  std::int32_t block = 0;
  elastic->begin();
  while (done < texts) {
    if (cancelled()) return Error{ErrorCode::cancelled, "stopped between passes"};
    if (block == 0) PLIMSOLL_CHECK(elastic->before_pass());
    const PassSize size = part(starts, done);
    const Result<std::int32_t> came_to = compute(size, block);
    if (!came_to.ok()) {
      PLIMSOLL_CHECK(elastic->recover(came_to.error()));
      block = 0;
    } else if (*came_to < blocks) {
      PLIMSOLL_TRY(const bool kept, elastic->shed(*came_to));
      block = kept ? *came_to : 0;
    } else {
      done += size.texts;
      block = 0;
      ++pass_number;
      elastic->begin();
    }
  }
  return {};
}

bool Session::State::layer_done(std::string_view layer) const {
  if (options.progress) {
    const Bytes weights = plan().devices.front().arenas[static_cast<std::size_t>(MemoryTag::weights)];
    options.progress({"pass", layer, weights, weights, options.ledger->current()});
  }
  return !elastic->must_shed();
}

// Whatever was under way when the heap ran out: the next pass brings everything up again from nothing.
Error Session::State::give_up() const noexcept {
  const Turns turns(options.devices);
  deployment->release();
  return heap_exhausted();
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::create(const Model& model, const Plan& plan, Options options) try {
  PLIMSOLL_CHECK(check_pointers(options.os, options.ledger, options.devices));
  PLIMSOLL_CHECK(check_plan(plan, model, options.devices.size()));
  auto state = std::make_unique<State>(model, plan, std::move(options));
  PLIMSOLL_CHECK(state->open(plan));
  return Session(std::move(state));
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

const Plan& Session::plan() const { return state_->plan(); }
bool Session::set_budget(std::string_view device, Bytes budget) { return state_->elastic->set_budget(device, budget); }
Bytes Session::planned_total(std::string_view device) const { return state_->elastic->planned_total(device); }

Status Session::fit_budget() try {
  if (state_->in_call) return {};
  const InCall in_call(state_->in_call);
  const Turns turns(state_->options.devices);
  state_->elastic->begin();
  return state_->elastic->before_pass();
} catch (const std::bad_alloc&) {
  return state_->give_up();
}

Result<std::span<const float>> Session::run(const PassInput& input) try {
  if (state_->in_call) return Error{ErrorCode::usage, "a pass within another of the same session", "pass", "run it when the other is done"};
  const InCall in_call(state_->in_call);
  PLIMSOLL_CHECK(state_->check(input));
  PLIMSOLL_CHECK(state_->check_places(input));
  const Turns turns(state_->options.devices);
  state_->stage(input);
  const PassSize size{static_cast<std::int64_t>(input.ids.size()), static_cast<std::int64_t>(input.text_starts.size()) - 1};
  PLIMSOLL_CHECK(state_->run(size.texts));
  const MatrixView logits = state_->steps().value(state_->model.program().logits, size);
  return std::span<const float>(reinterpret_cast<const float*>(logits.data), static_cast<std::size_t>(logits.rows * logits.cols));
} catch (const std::bad_alloc&) {
  return state_->give_up();
}

std::span<std::byte> Session::io() { return state_->deployment->reservation().bytes(MemoryTag::io); }

Session::InputBuffers Session::input_buffers() {
  const Program& program = state_->model.program();
  const StepBuilder steps = state_->steps();
  const auto tokens = static_cast<std::size_t>(state_->tokens_per_pass);
  const auto texts = static_cast<std::size_t>(state_->texts_per_pass);
  return {{steps.integers(program.ids, {}), tokens},
          {steps.integers(program.type_ids, {}), tokens},
          {steps.integers(program.text_starts, {}), texts + 1}};
}

}  // namespace plimsoll
