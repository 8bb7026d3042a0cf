#include <algorithm>
#include <memory_resource>

#include <plimsoll/classifier.h>

namespace plimsoll {

Result<WorkloadCounter> WorkloadCounter::create(const Tokenizer& tokenizer, std::int64_t model_limit, std::int64_t max_length) {
  if (max_length < 0 || max_length > model_limit) {
    return Error{ErrorCode::usage, "texts of " + std::to_string(max_length) + " tokens", "--max-length",
                 "this model takes at most " + std::to_string(model_limit)};
  }
  return WorkloadCounter(tokenizer, max_length == 0 ? model_limit : max_length);
}

void WorkloadCounter::add(const TextInput& input) {
  const EncodeOptions options{.max_length = limit_};
  const auto tokens = tokenizer_->count({input.text, input.pair}, options, std::pmr::new_delete_resource());
  const std::uint64_t bytes = input.text.size() + (input.pair ? input.pair->size() : 0);
  workload_.longest_text_bytes = std::max<std::uint64_t>(workload_.longest_text_bytes, bytes);
  if (!tokens.ok()) return;  // a bad row: the run says so when it comes to it
  workload_.texts += 1;
  workload_.total_tokens += *tokens;
  workload_.longest = std::max(workload_.longest, *tokens);
}

}  // namespace plimsoll
