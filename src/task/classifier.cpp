#include <plimsoll/classifier.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <optional>

#include "base/rollback.h"
#include "memory/arena.h"
#include "model/not_finite.h"
#include "task/scores.h"

namespace plimsoll {
namespace {

Error too_long(std::size_t bytes, std::size_t room) {
  return Error{ErrorCode::bad_row,
               "the text of " + format_bytes(Bytes{bytes}) + " is too long for the " + format_bytes(Bytes{room}) + " set aside for texts",
               "", "give texts as arguments or as a regular file, which are measured before memory is planned"};
}

constexpr std::size_t align_up(std::size_t value, std::size_t alignment) { return (value + alignment - 1) / alignment * alignment; }

std::string_view copy(std::string_view text, ArenaResource& memory) {
  auto* place = static_cast<char*>(memory.allocate(text.size(), 1));
  if (!text.empty()) std::memmove(place, text.data(), text.size());  // the data of an empty one may be null
  return {place, text.size()};
}

// A copy of `text` in `memory`, ill-formed UTF-8 replaced.
std::string_view keep(std::string_view text, ArenaResource& memory, bool& replaced) {
  if (is_utf8(text)) return copy(text, memory);
  replaced = true;
  std::string_view made;
  {
    std::pmr::string clean(&memory);
    clean.reserve(3 * text.size() + sizeof(std::pmr::string));  // each byte may become a U+FFFD; never held inside the object
    utf8_replace(text, clean);
    made = clean;
  }
  return copy(made, memory);  // all of the room was given back: the part that is used is taken again, where it lies
}

}  // namespace

// The `io` memory holds the texts of a pass from the bottom up and their Answers from the top down. Between them is the
// tokenizer's scratch and, once the pass has run, the scores.
struct Classifier::State {
  State(const Model& m, Session& s, std::int64_t l, const CancelToken* c)
      : model(m), session(s), limit(l), cancel(c), io(s.io()), buffers(s.input_buffers()) {
    start();
  }

  const Model& model;
  Session& session;
  std::int64_t limit;
  const CancelToken* cancel;
  std::span<std::byte> io;
  Session::InputBuffers buffers;
  std::size_t bottom = 0;
  std::size_t top = 0;
  std::size_t texts = 0;
  std::size_t tokens = 0;
  bool answered = false;

  void start() {
    bottom = texts = tokens = 0;
    top = io.size() / alignof(Answer) * alignof(Answer);
    buffers.text_starts[0] = 0;
    answered = false;
  }

  Result<Added> add(const TextInput& input);
  Result<std::optional<Answer>> find_room(const TextInput& input, std::size_t bytes);
  Result<std::optional<Answer>> tokenize(const TextInput& input, ArenaResource& memory);
  Status check(const Encoding& encoding) const;
  std::span<Answer> records() const { return {reinterpret_cast<Answer*>(io.data() + top), texts}; }
  std::size_t score_bytes() const { return (texts + 1) * model.labels().size() * sizeof(float) + alignof(float); }
};

// A text that would make the session refuse the whole pass is a bad row of its own.
Status Classifier::State::check(const Encoding& encoding) const {
  const auto bad = [](std::string what, std::string advice) { return Error{ErrorCode::bad_row, std::move(what), "", std::move(advice)}; };
  const std::int64_t longest = session.plan().workload.longest;
  if (encoding.ids.empty()) return bad("the text has no tokens", "");
  if (static_cast<std::int64_t>(encoding.ids.size()) > longest) {
    return bad(
        "the text has " + std::to_string(encoding.ids.size()) + " tokens, and at most " + std::to_string(longest) + " were planned for",
        "did the input change after it was counted?");
  }
  if (encoding.ids.size() > buffers.ids.size()) return bad("the text has more tokens than a pass has room for", "");
  const auto first_outside = [](const auto& values, std::int64_t end) {
    return std::find_if(values.begin(), values.end(), [end](std::int32_t v) { return v < 0 || v >= end; });
  };
  const std::string advice = "does the tokenizer belong to this model?";
  if (const auto id = first_outside(encoding.ids, model.vocabulary()); id != encoding.ids.end()) {
    return bad("token id " + std::to_string(*id) + " is outside the model's vocabulary of " + std::to_string(model.vocabulary()), advice);
  }
  if (!model.tokenizer().passes_token_types()) return {};
  if (const auto type = first_outside(encoding.type_ids, model.token_types()); type != encoding.type_ids.end()) {
    return bad("token type " + std::to_string(*type) + " is outside the model's " + std::to_string(model.token_types()), advice);
  }
  return {};
}

// Keeps the text in `memory` and its tokens in the pass's own arrays, behind those of the texts before; nothing where these have no room.
Result<std::optional<Answer>> Classifier::State::tokenize(const TextInput& input, ArenaResource& memory) {
  Answer answer;
  answer.text = keep(input.text, memory, answer.replaced);
  if (input.pair) answer.pair = keep(*input.pair, memory, answer.replaced);
  bottom += memory.used();
  auto encoded = model.tokenizer().encode({answer.text, answer.pair}, {.max_length = limit, .cancel = cancel}, &memory);
  // A limit that has room for a text may have none for a pair.
  if (!encoded.ok() && encoded.error().code == ErrorCode::usage) {
    return Error{ErrorCode::bad_row, encoded.error().what, "",
                 "allow " + std::to_string(model.tokenizer().added_tokens(true)) + " or more"};
  }
  PLIMSOLL_TRY(const Encoding encoding, std::move(encoded));
  PLIMSOLL_CHECK(check(encoding));
  if (encoding.ids.size() > buffers.ids.size() - tokens) return std::optional<Answer>();
  const auto at = static_cast<std::ptrdiff_t>(tokens);
  std::copy(encoding.ids.begin(), encoding.ids.end(), buffers.ids.begin() + at);
  if (model.tokenizer().passes_token_types()) std::copy(encoding.type_ids.begin(), encoding.type_ids.end(), buffers.type_ids.begin() + at);
  else std::fill_n(buffers.type_ids.begin() + at, encoding.ids.size(), 0);
  answer.truncated = encoding.truncated;
  answer.input_ids = buffers.ids.subspan(tokens, encoding.ids.size());
  return std::optional(answer);
}

// Nothing where the pass has too little room left.
Result<std::optional<Answer>> Classifier::State::find_room(const TextInput& input, std::size_t bytes) {
  const std::size_t beside = sizeof(Answer) + score_bytes();
  if (top - bottom < beside + bytes) return std::optional<Answer>();
  ArenaResource memory(io.subspan(bottom, top - bottom - beside));
  try {
    auto answer = tokenize(input, memory);
    if (!answer.ok() && memory.was_too_small()) return std::optional<Answer>();
    return answer;
  } catch (const std::bad_alloc&) {
    if (!memory.was_too_small()) throw;
    return std::optional<Answer>();
  }
}

Result<Classifier::Added> Classifier::State::add(const TextInput& input) {
  if (texts == buffers.text_starts.size() - 1) return Added::pass_full;
  const std::size_t bytes = input.text.size() + (input.pair ? input.pair->size() : 0);
  const std::size_t before = bottom;
  Rollback forget([&] { bottom = before; });
  PLIMSOLL_TRY(const std::optional<Answer> answer, find_room(input, bytes));
  if (!answer) {
    if (texts > 0) return Added::pass_full;
    return too_long(bytes, io.size());
  }
  forget.keep();
  top -= sizeof(Answer);
  new (io.data() + top) Answer(*answer);
  tokens += answer->input_ids.size();
  texts += 1;
  buffers.text_starts[texts] = static_cast<std::int32_t>(tokens);
  return Added::yes;
}

Classifier::Classifier(const Model& model, Session& session, std::int64_t limit, const CancelToken* cancel)
    : state_(std::make_unique<State>(model, session, limit, cancel)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

std::int64_t Classifier::pending() const { return state_->answered ? 0 : static_cast<std::int64_t>(state_->texts); }

const Answer& Classifier::waiting(std::int64_t i) const { return state_->records()[state_->texts - 1 - static_cast<std::size_t>(i)]; }

Result<Classifier::Added> Classifier::add(const TextInput& input) try {
  if (state_->answered) state_->start();
  return state_->add(input);
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

Result<std::span<const Answer>> Classifier::run() try {
  State& state = *state_;
  if (state.answered || state.texts == 0) return std::span<const Answer>{};
  PLIMSOLL_TRY(const std::span<const float> logits,
               state.session.run({state.buffers.ids.first(state.tokens), state.buffers.type_ids.first(state.tokens),
                                  state.buffers.text_starts.first(state.texts + 1)}));
  const std::size_t labels = state.model.labels().size();
  auto* scores = reinterpret_cast<float*>(state.io.data() + align_up(state.bottom, alignof(float)));
  const std::span<Answer> answers = state.records();
  std::reverse(answers.begin(), answers.end());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Answer& answer = answers[i];
    const std::span<float> own(scores + i * labels, labels);
    answer.logits = logits.subspan(i * labels, labels);
    if (!std::all_of(answer.logits.begin(), answer.logits.end(), [](float logit) { return std::isfinite(logit); }))
      return not_finite(state.model, state.cancel);
    score(state.model.score_rule(), answer.logits, own);
    answer.scores = own;
    answer.label = std::max_element(own.begin(), own.end()) - own.begin();
  }
  state.answered = true;
  return std::span<const Answer>(answers);
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

}  // namespace plimsoll
