#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <plimsoll/cancel.h>
#include <plimsoll/element_type.h>
#include <plimsoll/ledger.h>
#include <plimsoll/os.h>
#include <plimsoll/result.h>
#include <plimsoll/tokenizer.h>

namespace plimsoll {
struct Program;
struct Binding;
class Checkpoint;
}  // namespace plimsoll

#pragma GCC visibility push(default)

namespace plimsoll {

/// What a classifier's logits mean; decides how scores are made from them.
enum class ScoreRule : std::uint8_t {
  softmax,     ///< one label of several
  sigmoid,     ///< each label by itself (multi-label, or one label)
  regression,  ///< the raw value
};

struct ModelRequest {
  std::string model;                    ///< a directory, or a Hub id in the shared cache
  std::string revision = {};            ///< of a Hub id; empty: main
  std::string task = {};                ///< empty or "classification", the only one that is built
  bool require_all_weights = false;     ///< refuse (unsupported) instead of initialising a missing head
  const CancelToken* cancel = nullptr;  ///< looked at while the model is opened, which then ends with `cancelled`; may be null
};

/// What answers consist of: models that have this in common can stand in for each other.
struct AnswerKind {
  std::string model;  ///< as asked for
  std::string task;
  ScoreRule score_rule = ScoreRule::softmax;
  std::vector<std::string> labels;  ///< in the order of the logits
};

/// From config.json alone: takes no memory that the model sizes, reads no weight and no vocabulary. Fails as Model::open does for that
/// file.
Result<AnswerKind> read_answer_kind(Os& os, const ModelRequest& request);

/// A model directory, opened: tensor table, network and tokenizer, but not one weight. Immutable; safe to use from several
/// threads. What it holds is charged to the ledger under `tables`.
class Model {
 public:
  /// Fails with not_found, unsupported (naming what), corrupt_file (naming file and key), out_of_memory, io, usage (a revision that can be
  /// none), cancelled.
  /// `os` and `ledger` must outlive the model.
  static Result<Model> open(Os& os, Ledger& ledger, const ModelRequest& request);
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  const std::string& name() const;  ///< as asked for
  const std::string& directory() const;
  const std::string& arch() const;  ///< config.json's model_type
  const std::string& task() const;
  const std::vector<std::string>& labels() const;
  ScoreRule score_rule() const;
  AnswerKind answer_kind() const;
  /// Tokens a text may have: min(position rows, model_max_length where it is set).
  std::int64_t max_tokens() const;
  const std::vector<std::string>& warnings() const;  ///< "classifier: untrained", ...
  /// Tensors that the checkpoint lacks and that were initialised at random: their answers mean nothing before training.
  const std::vector<std::string>& untrained_tensors() const;
  const Tokenizer& tokenizer() const;
  std::int64_t vocabulary() const;   ///< rows of the word table: ids are below this
  std::int64_t token_types() const;  ///< rows of the token type table
  std::int64_t parameters() const;
  /// Floating-point operations (a multiplication and an addition are two) of a pass over `texts` texts of `tokens_each` tokens.
  double pass_flops(std::int64_t texts, std::int64_t tokens_each) const;
  /// Bytes of the weights as stored in the files, and the type of most of them.
  Bytes weight_bytes() const;
  /// The largest of those files; empty when there is none.
  std::string largest_file() const;
  ElementType stored_type() const;
  Bytes table_bytes() const;

  /// For the library's own rooms: not exported.
  [[gnu::visibility("hidden")]] const Program& program() const;
  [[gnu::visibility("hidden")]] const Checkpoint& checkpoint() const;
  [[gnu::visibility("hidden")]] const Binding& binding() const;

 private:
  struct State;
  explicit Model(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The folder that a request means: the one that it names, or the cached snapshot of a Hub id. Fails with not_found.
Result<std::string> find_model_folder(Os& os, const ModelRequest& request);

/// The folder that holds the cache of the Hub's models, as huggingface_hub finds it by HF_HUB_CACHE, HF_HOME and others; it need not exist.
/// Fails with not_found when none of these nor HOME is set.
Result<std::string> find_hub_cache(Os& os);

/// Only the tokenizer of a model: needs no weights and no config.json.
Result<Tokenizer> open_tokenizer(Os& os, Ledger& ledger, const ModelRequest& request);

}  // namespace plimsoll

#pragma GCC visibility pop
