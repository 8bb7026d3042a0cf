#include "doctor/trace.h"

#include <algorithm>

namespace plimsoll::doctor {
namespace {

constexpr std::size_t kLongestName = 96;

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == '/';
}

// Inside of a traceback, code and places are indented.
bool looks_like_code(std::string_view line) { return line.starts_with("  ") || line.find("File \"") != std::string_view::npos; }

// Calls that prove what they say wherever they stand.
bool is_call(Sign sign, std::string_view line) {
  switch (sign) {
    case Sign::starts_cuda: return line.find("_cuda_init(") != std::string_view::npos;
    case Sign::loads_to_cpu:
    case Sign::loads: return line.find("torch.load(") != std::string_view::npos;
    case Sign::loads_model: return line.find(".from_pretrained(") != std::string_view::npos;
    default: return false;
  }
}

// "in _apply", "self._apply(" and "in convert"; not "in apply_rotary_pos_emb" and "in convert_tokens_to_ids".
bool ends_name(std::string_view line, std::size_t end) {
  const std::string_view before = line.substr(0, end);
  const bool begins = before.ends_with("_apply") || before.ends_with("convert");
  return begins && (end == line.size() || !is_name(line[end]));
}

}  // namespace

void Trace::begin() {
  *this = {};
  open_ = true;
}

void Trace::note(const Evidence& evidence) {
  const std::string_view line = evidence.line;
  if (!open_ && !looks_like_code(line) && !is_call(evidence.sign, line)) return;
  if (evidence.sign == Sign::moves && !ends_name(line, evidence.end)) return;
  if (used_) *this = {};
  if (!seen_) line_ = evidence.number;
  seen_ = true;
  switch (evidence.sign) {
    case Sign::moves:
    case Sign::loads: innermost_ = Phase::loading; break;
    case Sign::loads_model:
      loads_model_ = true;
      note_model(line);
      break;
    case Sign::loads_to_cpu: loads_to_cpu_ = true; break;
    case Sign::starts_cuda: starts_cuda_ = true; break;
    case Sign::computes:
    case Sign::attends:
      innermost_ = Phase::activations;
      attends_ = evidence.sign == Sign::attends;
      break;
    case Sign::trains: trains_ = true; break;
    case Sign::fills_cache: innermost_ = Phase::kv_cache; break;
    case Sign::captures:
      captures_ = true;
      innermost_ = Phase::start_up;
      break;
    case Sign::starts_up:
      serves_ = true;
      innermost_ = Phase::start_up;
      break;
    case Sign::serves: serves_ = true; break;
    default: break;
  }
}

Phase Trace::phase() const {
  if (trains_) return Phase::training;
  if (innermost_ != Phase::unknown) return innermost_;
  if (loads_model_ || loads_to_cpu_) return Phase::loading;
  return starts_cuda_ ? Phase::start_up : Phase::unknown;
}

// "model = AutoModel.from_pretrained('name', ...)"
void Trace::note_model(std::string_view line) {
  static constexpr std::string_view kCall = ".from_pretrained(";
  const std::size_t call = line.find(kCall);
  if (call == std::string_view::npos || !model_.empty()) return;
  const std::string_view argument = line.substr(call + kCall.size());
  if (argument.empty() || (argument[0] != '\'' && argument[0] != '"')) return;
  const std::string_view name = argument.substr(1, argument.find(argument[0], 1) - 1);
  if (name.empty() || name.size() > kLongestName || !std::ranges::all_of(name, is_name)) return;
  model_ = std::string(name);
  loads_half_ = argument.find("float16") != std::string_view::npos;
  std::size_t begin = call;
  while (begin > 0 && call - begin < kLongestName && is_name(line[begin - 1]) && line[begin - 1] != '/') --begin;
  loader_ = std::string(line.substr(begin, call - begin));
}

}  // namespace plimsoll::doctor
