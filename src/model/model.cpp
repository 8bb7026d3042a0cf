#include <plimsoll/model.h>

#include <algorithm>
#include <new>

#include <fmt/format.h>

#include "checkpoint/checkpoint.h"
#include "hub/hub_cache.h"
#include "hub/model_file.h"
#include "hub/opening.h"
#include "model/binding.h"
#include "model/families.h"
#include "model/program.h"

namespace plimsoll {
namespace {

constexpr std::string_view kClassification = "classification";

Status check_task(const std::string& task) {
  if (task.empty() || task == kClassification) return {};
  return Error{ErrorCode::unsupported, fmt::format("task \"{}\" is not built", task), "--task", "leave it out, or give classification"};
}

// What a plan costs grows faster than the number of layers: seconds and hundreds of megabytes for thousands.
constexpr std::int64_t kMostLayers = 512;

// The Program grows with the number of layers, so a config that claims more than the checkpoint can hold is refused before.
Status check_layers(const ArchSpec& spec, const Checkpoint& checkpoint) {
  const std::size_t tensors = checkpoint.tensors().size();
  if (static_cast<std::size_t>(spec.layers) > tensors)
    return Error{ErrorCode::corrupt_file,
                 fmt::format("config.json asks for {} layers, but the checkpoint has {} tensors in all", spec.layers, tensors),
                 checkpoint.file(0).path(), "config.json and the weights must come from the same model"};
  if (spec.layers > kMostLayers)
    return Error{ErrorCode::unsupported, fmt::format("a model of {} layers", spec.layers), checkpoint.file(0).path(),
                 fmt::format("at most {} are planned", kMostLayers)};
  return {};
}

// "pooler: untrained", one for each block that has an initialised tensor.
std::vector<std::string> untrained_warnings(const Program& program, const Binding& binding) {
  std::vector<std::string> warnings;
  for (const Block& block : program.blocks) {
    const bool untrained = std::any_of(block.ops.begin(), block.ops.end(), [&](const Op& op) {
      const OpIds ids = op_weights(op);
      return std::any_of(ids.begin(), ids.end(), [&](WeightId id) {
        const auto& parts = binding.weights[static_cast<std::size_t>(id)];
        return std::any_of(parts.begin(), parts.end(), [](const BoundPart& part) { return part.tensor == nullptr; });
      });
    });
    if (untrained) warnings.push_back(block.name + ": untrained");
  }
  return warnings;
}

// A head of another task may fit, where its tensors have the names and shapes of this one's.
void warn_of_other_task(const JsonValue& config, std::vector<std::string>& warnings) {
  const auto list = config.find("architectures");
  if (!list || !list->is_array()) return;
  static constexpr std::size_t kNamed = 4;
  std::string names;
  std::size_t count = 0;
  for (const JsonValue entry : list->children()) {
    if (!entry.is_string()) continue;
    const auto name = entry.as_string();
    if (name->ends_with("ForSequenceClassification")) return;
    if (++count <= kNamed) names += (names.empty() ? "" : ", ") + printable(*name, 60);
  }
  if (count > kNamed) names += " and " + std::to_string(count - kNamed) + " more";
  if (!names.empty())
    warnings.push_back("the weights are those of " + names + ": its head was trained for another task than classification");
}

// transformers then reads that file; the one that is read here may hold anything.
Status refuse_other_weights(const JsonValue& config, Folder& folder) {
  PLIMSOLL_TRY(const auto name, config.optional_string("transformers_weights"));
  if (!name || *name == weights_file(folder)) return {};
  return Error{ErrorCode::unsupported, "the weights are in another file than those that are read, " + printable(*name, 60),
               config.where() + ": transformers_weights", "call that file model.safetensors, and remove the key"};
}

Result<std::string> locate_request(Os& os, const ModelRequest& request) {
  PLIMSOLL_CHECK(check_task(request.task));
  return locate_model(os, request.model, request.revision);
}

// The document is gone before anything larger is read.
Result<ArchSpec> read_config(Folder& folder, const std::string& directory, Opening& opening, std::vector<std::string>& warnings) {
  if (!folder.has("config.json")) {
    PLIMSOLL_CHECK(explain_missing(folder, "config.json"));
    return Error{ErrorCode::not_found, "this folder holds no config.json, so it is no model", directory,
                 "give the folder that has config.json, weights and tokenizer files"};
  }
  PLIMSOLL_TRY(const auto file, folder.open("config.json"));
  PLIMSOLL_CHECK(opening.take(file->size(), *file));
  PLIMSOLL_TRY(const JsonDocument config, JsonDocument::read(*file));
  PLIMSOLL_CHECK(refuse_other_weights(config.root(), folder));
  warn_of_other_task(config.root(), warnings);
  return read_arch_spec(config);
}

}  // namespace

struct Model::State {
  State(std::string n, std::string d, ArchSpec s, Checkpoint c, Tokenizer t)
      : name(std::move(n)), directory(std::move(d)), spec(std::move(s)), checkpoint(std::move(c)), tokenizer(std::move(t)) {}

  std::string name;
  std::string directory;
  std::string task = std::string(kClassification);
  ArchSpec spec;
  Checkpoint checkpoint;
  Tokenizer tokenizer;
  Program program;
  Binding binding;
  std::vector<std::string> warnings;
};

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Result<Model> Model::open(Os& os, Ledger& ledger, const ModelRequest& request) try {
  PLIMSOLL_TRY(std::string directory, locate_request(os, request));
  // Once for all its files: whoever renames folders meanwhile makes no model of two.
  PLIMSOLL_TRY(const auto folder, open_model_folder(os, directory));
  Opening opening(request.cancel);
  std::vector<std::string> of_config;
  PLIMSOLL_TRY(ArchSpec spec, read_config(*folder, directory, opening, of_config));
  PLIMSOLL_TRY(Checkpoint checkpoint, Checkpoint::open(os, ledger, *folder, opening));
  PLIMSOLL_CHECK(check_layers(spec, checkpoint));
  Program program = encoder_program(spec);
  PLIMSOLL_TRY(Binding binding, bind_weights(spec, program, checkpoint));
  if (request.require_all_weights && !binding.initialised.empty()) {
    return Error{ErrorCode::unsupported, fmt::format("the checkpoint lacks {}", fmt::join(binding.initialised, ", ")), directory,
                 "leave out --require-all-weights to run with a new, untrained head"};
  }
  // Last: no vocabulary is read for weights that are of no use.
  PLIMSOLL_TRY(Tokenizer tokenizer, Tokenizer::open(os, ledger, *folder, opening));
  auto state = std::make_unique<State>(request.model, std::move(directory), std::move(spec), std::move(checkpoint), std::move(tokenizer));
  state->program = std::move(program);
  state->binding = std::move(binding);
  state->warnings = untrained_warnings(state->program, state->binding);
  if (state->binding.initialised.empty()) state->warnings.insert(state->warnings.end(), of_config.begin(), of_config.end());
  if (folder->has("adapter_config.json"))
    state->warnings.emplace_back("adapter_config.json: the adapter beside the weights is not applied");
  if (state->binding.stored_type == ElementType::float64)
    state->warnings.emplace_back("float64 weights: rounded to the precision of the plan");
  return Model(std::move(state));
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

const std::string& Model::name() const { return state_->name; }
const std::string& Model::directory() const { return state_->directory; }
const std::string& Model::arch() const { return state_->spec.family; }
const std::string& Model::task() const { return state_->task; }
const std::vector<std::string>& Model::labels() const { return state_->spec.labels; }
ScoreRule Model::score_rule() const { return state_->spec.score_rule; }
AnswerKind Model::answer_kind() const { return {state_->name, state_->task, state_->spec.score_rule, state_->spec.labels}; }
const std::vector<std::string>& Model::warnings() const { return state_->warnings; }
const std::vector<std::string>& Model::untrained_tensors() const { return state_->binding.initialised; }
const Tokenizer& Model::tokenizer() const { return state_->tokenizer; }
std::int64_t Model::vocabulary() const { return state_->spec.vocab_size; }
std::int64_t Model::token_types() const { return state_->spec.types; }
std::int64_t Model::parameters() const { return state_->binding.parameters; }
double Model::pass_flops(std::int64_t texts, std::int64_t tokens_each) const { return state_->program.pass_flops(texts, tokens_each); }
std::string Model::largest_file() const {
  const Checkpoint& checkpoint = state_->checkpoint;
  const File* largest = nullptr;
  for (std::size_t i = 0; i < checkpoint.file_count(); ++i) {
    const File& file = checkpoint.file(static_cast<std::uint32_t>(i));
    if (largest == nullptr || file.size() > largest->size()) largest = &file;
  }
  return largest != nullptr ? largest->path() : std::string();
}

Bytes Model::weight_bytes() const { return state_->binding.stored_bytes; }
ElementType Model::stored_type() const { return state_->binding.stored_type; }
Bytes Model::table_bytes() const { return state_->checkpoint.table_bytes() + state_->tokenizer.table_bytes(); }
const Program& Model::program() const { return state_->program; }
const Checkpoint& Model::checkpoint() const { return state_->checkpoint; }
const Binding& Model::binding() const { return state_->binding; }

std::int64_t Model::max_tokens() const {
  const auto limit = state_->tokenizer.model_max_length();
  return limit ? std::min(*limit, state_->spec.positions) : state_->spec.positions;
}

Result<AnswerKind> read_answer_kind(Os& os, const ModelRequest& request) try {
  PLIMSOLL_TRY(const std::string directory, locate_request(os, request));
  PLIMSOLL_TRY(const auto folder, open_model_folder(os, directory));
  Opening opening(request.cancel);
  std::vector<std::string> warnings;
  PLIMSOLL_TRY(ArchSpec spec, read_config(*folder, directory, opening, warnings));
  return AnswerKind{request.model, std::string(kClassification), spec.score_rule, std::move(spec.labels)};
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

Result<std::string> find_hub_cache(Os& os) try { return hub_cache_directory(os); } catch (const std::bad_alloc&) {
  return heap_exhausted();
}

Result<std::string> find_model_folder(Os& os, const ModelRequest& request) try {
  return locate_model(os, request.model, request.revision);
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

Result<Tokenizer> open_tokenizer(Os& os, Ledger& ledger, const ModelRequest& request) try {
  PLIMSOLL_TRY(const std::string directory, locate_model(os, request.model, request.revision));
  PLIMSOLL_TRY(const auto folder, open_model_folder(os, directory));
  Opening opening(request.cancel);
  return Tokenizer::open(os, ledger, *folder, opening);
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

}  // namespace plimsoll
