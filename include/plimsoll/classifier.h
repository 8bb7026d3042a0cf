#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <plimsoll/cancel.h>
#include <plimsoll/ledger.h>
#include <plimsoll/os.h>
#include <plimsoll/session.h>

#pragma GCC visibility push(default)

namespace plimsoll {

/// A text to classify, or a pair of texts. A present `pair`, even an empty one, makes a pair.
struct TextInput {
  std::string_view text;
  std::optional<std::string_view> pair = std::nullopt;
};

/// Tokens that a text may have: `max_length` (`--max-length`), or with 0 the model's own limit. Larger than that limit is `usage`.
Result<std::int64_t> text_limit(std::int64_t model_limit, std::int64_t max_length);

/// Counts what a set of texts asks of a run, keeping none of them. Scratch is an arena of its own, charged as `io` and never
/// larger than the `io` of a plan for these texts: with the counter gone before the plan is reserved, counting first takes no
/// more than the plan's total.
class WorkloadCounter {
 public:
  /// `limit`: tokens a text may have (`text_limit`). The arguments must outlive the counter; `cancel` may be null. Takes no memory yet.
  WorkloadCounter(Os& os, Ledger& ledger, const Tokenizer& tokenizer, std::int64_t limit, const CancelToken* cancel = nullptr);
  WorkloadCounter(WorkloadCounter&&) noexcept;
  ~WorkloadCounter();

  /// A text that cannot be tokenized counts by its bytes alone: the run says what is wrong when it comes to it. Fails, having
  /// counted nothing, with `out_of_memory` when there is no room for the scratch, and with `cancelled`.
  Status add(const TextInput& input);
  const Workload& workload() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
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
  /// `limit`: tokens a text may have (`text_limit`). The arguments must outlive it; `cancel` may be null.
  Classifier(const Model& model, Session& session, std::int64_t limit, const CancelToken* cancel = nullptr);
  Classifier(Classifier&&) noexcept;
  ~Classifier();

  enum class Added : std::uint8_t { yes, pass_full };

  /// Copies and tokenizes a text into the current pass. `pass_full`: nothing was added; call `run` and add it again.
  /// Fails with bad_row for a text that no pass can take (of no tokens, of others than the model has, of more than were planned for), and
  /// with cancelled; the pass is unharmed and need not be run for it.
  Result<Added> add(const TextInput& input);
  /// Texts of the current pass.
  std::int64_t pending() const;
  /// The i-th text of the current pass as it was kept: text, pair, replaced, and nothing that is computed. Also after a `run` for which
  /// there was no memory, so that another model can answer it. Valid until the next `add`.
  const Answer& waiting(std::int64_t i) const;

  /// Runs the current pass (which may be empty) and gives its answers in the order of `add`. The next `add` starts a new one.
  Result<std::span<const Answer>> run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll

#pragma GCC visibility pop
