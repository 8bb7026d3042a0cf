#include "tokenizer/token_sink.h"

namespace plimsoll::tokenizer {

void TokenSink::add(const Token& token, std::string_view string) {
  ++count_;
  if (static_cast<std::int64_t>(tokens_.size()) < policy_.keep) {
    tokens_.push_back(token);
    if (policy_.keep_strings) strings_.emplace_back(string);
    return;
  }
  if (!policy_.keep_last || policy_.keep == 0) return;
  tokens_[oldest_] = token;
  if (policy_.keep_strings) strings_[oldest_] = string;
  oldest_ = oldest_ + 1 == tokens_.size() ? 0 : oldest_ + 1;
}

}  // namespace plimsoll::tokenizer
