#include <plimsoll/classifier.h>

#include <algorithm>
#include <new>

#include "memory/arena.h"
#include "plan/layout/layout.h"

namespace plimsoll {

Result<std::int64_t> text_limit(std::int64_t model_limit, std::int64_t max_length) try {
  if (max_length < 0 || max_length > model_limit) {
    return Error{ErrorCode::usage, "texts of " + std::to_string(max_length) + " tokens", "--max-length",
                 "this model takes at most " + std::to_string(model_limit)};
  }
  return max_length == 0 ? model_limit : max_length;
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

struct WorkloadCounter::State {
  Os& os;
  Ledger& ledger;
  const Tokenizer& tokenizer;
  std::int64_t limit;
  const CancelToken* cancel;
  Arena scratch = {};
  Workload workload = {};

  Result<std::span<std::byte>> room_for(std::uint64_t text_bytes);
};

// As much as the run will have beside the text itself, so that what can be counted can be run.
Result<std::span<std::byte>> WorkloadCounter::State::room_for(std::uint64_t text_bytes) {
  const Bytes io = io_bytes(Workload{.longest_text_bytes = text_bytes});
  const Bytes room = saturating_sub(io, Bytes{text_bytes});
  if (room > scratch.size()) {
    scratch = Arena();
    PLIMSOLL_TRY(scratch, Arena::create(os, ledger, MemoryTag::io, io));
  }
  return scratch.bytes().first(static_cast<std::size_t>(room.count));
}

WorkloadCounter::WorkloadCounter(Os& os, Ledger& ledger, const Tokenizer& tokenizer, std::int64_t limit, const CancelToken* cancel)
    : state_(new State{os, ledger, tokenizer, limit, cancel}) {}
WorkloadCounter::WorkloadCounter(WorkloadCounter&&) noexcept = default;
WorkloadCounter::~WorkloadCounter() = default;

const Workload& WorkloadCounter::workload() const { return state_->workload; }

Status WorkloadCounter::add(const TextInput& input) try {
  Workload& workload = state_->workload;
  const std::uint64_t bytes = input.text.size() + (input.pair ? input.pair->size() : 0);
  PLIMSOLL_TRY(const std::span<std::byte> room, state_->room_for(bytes));
  ArenaResource memory(room);
  const EncodeOptions options{.max_length = state_->limit, .cancel = state_->cancel};
  const auto tokens = state_->tokenizer.count({input.text, input.pair}, options, &memory);
  if (!tokens.ok() && tokens.error().code == ErrorCode::cancelled) return tokens.error();
  workload.longest_text_bytes = std::max<std::uint64_t>(workload.longest_text_bytes, bytes);
  if (!tokens.ok()) return {};
  workload.texts += 1;
  workload.total_tokens += *tokens;
  workload.longest = std::max(workload.longest, *tokens);
  return {};
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

}  // namespace plimsoll
