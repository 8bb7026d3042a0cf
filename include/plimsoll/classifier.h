#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <plimsoll/session.h>

namespace plimsoll {

/// A text to classify, or a pair of texts. A present `pair`, even an empty one, makes a pair.
struct TextInput {
  std::string_view text;
  std::optional<std::string_view> pair = std::nullopt;
};

/// Counts what a set of texts asks of a run, keeping none of them.
class WorkloadCounter {
 public:
  /// `max_length`: tokens a text may have (`--max-length`); 0 means the model's own limit. Larger than that limit is `usage`.
  static Result<WorkloadCounter> create(const Tokenizer& tokenizer, std::int64_t model_limit, std::int64_t max_length);
  void add(const TextInput& input);
  /// Tokens a text may have in this run.
  std::int64_t limit() const { return limit_; }
  const Workload& workload() const { return workload_; }

 private:
  WorkloadCounter(const Tokenizer& tokenizer, std::int64_t limit) : tokenizer_(&tokenizer), limit_(limit) {}
  const Tokenizer* tokenizer_;
  std::int64_t limit_;
  Workload workload_;
};

/// The answer for one text. Views are valid until the next `add`.
struct Answer {
  std::string_view text;  ///< as read, invalid UTF-8 replaced by U+FFFD
  std::optional<std::string_view> pair;
  bool truncated = false;                   ///< the text had more tokens than were read
  bool replaced = false;                    ///< the text was not UTF-8
  std::span<const std::int32_t> input_ids;  ///< [tokens]
  std::span<const float> logits;            ///< [labels]
  std::span<const float> scores;            ///< [labels], by the model's ScoreRule
  std::int64_t label = 0;                   ///< index of the best score
};

/// Texts in, answers out, in order: packs whole texts into passes by token count and runs each.
class Classifier {
 public:
  /// `limit`: tokens a text may have (WorkloadCounter::limit). `session` and `model` must outlive it.
  Classifier(const Model& model, Session& session, std::int64_t limit);
  Classifier(Classifier&&) noexcept;
  ~Classifier();

  enum class Added : std::uint8_t { yes, pass_full };

  /// Copies and tokenizes a text into the current pass. `pass_full`: nothing was added; call `run` and add it again.
  /// Fails with bad_row for a text of no tokens or of more bytes than were planned for; the pass is unharmed.
  Result<Added> add(const TextInput& input);
  std::int64_t pending() const;

  /// Runs the current pass (which may be empty) and gives its answers in the order of `add`. The next `add` starts a new one.
  Result<std::span<const Answer>> run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll
