#include "device/cpu/check.h"

#include <algorithm>
#include <string>

namespace plimsoll::cpu {
namespace {

bool is_activation(ElementType type) { return type == ElementType::float32 || type == ElementType::bfloat16; }

bool is_float(ElementType type) { return is_activation(type) || type == ElementType::float16 || type == ElementType::float64; }

bool is_matrix(const MatrixView& m) {
  return m.rows >= 0 && m.cols > 0 && m.stride >= m.cols && (m.data != nullptr || m.rows == 0) && is_activation(m.type);
}

bool same_shape(const MatrixView& a, const MatrixView& b) { return a.rows == b.rows && a.cols == b.cols; }

Status require(bool condition, const char* step, const char* what) {
  if (condition) return {};
  return Error{ErrorCode::internal, what, step};
}

Status check_table(const WeightView& table, bool has_ids, std::int64_t cols) {
  if (table.data == nullptr) return {};
  PLIMSOLL_CHECK(
      require(table.form.layout == WeightLayout::rows && is_float(table.form.type), "embedding", "a table is not rows of floats"));
  return require(table.inputs == cols && has_ids, "embedding", "a table's width or ids do not match the output");
}

}  // namespace

Status check(const EmbedStep& step) {
  PLIMSOLL_CHECK(require(is_matrix(step.out) && step.words.data != nullptr, "embedding", "bad output or no word table"));
  PLIMSOLL_CHECK(check_table(step.words, step.ids != nullptr || step.words.outputs >= step.out.rows, step.out.cols));
  PLIMSOLL_CHECK(check_table(step.positions, step.position_ids != nullptr, step.out.cols));
  return check_table(step.types, step.type_ids != nullptr, step.out.cols);
}

Status check(const LayerNormStep& step) {
  PLIMSOLL_CHECK(require(is_matrix(step.x) && is_matrix(step.out) && same_shape(step.x, step.out), "layer norm", "shapes differ"));
  PLIMSOLL_CHECK(require(step.residual.data == nullptr || (is_matrix(step.residual) && same_shape(step.residual, step.out)), "layer norm",
                         "the residual's shape differs"));
  return require(step.gamma != nullptr && step.beta != nullptr, "layer norm", "no gamma or beta");
}

Status check(const LinearStep& step, const WorkspaceNeeds& needs) {
  PLIMSOLL_CHECK(require(is_matrix(step.x) && is_matrix(step.out) && step.x.rows == step.out.rows, "linear layer", "rows differ"));
  PLIMSOLL_CHECK(require(step.weight.data != nullptr && step.weight.inputs == step.x.cols && step.weight.outputs == step.out.cols,
                         "linear layer", "the weight's shape does not match"));
  const ElementType type = step.weight.form.type;
  PLIMSOLL_CHECK(require(step.x.type == ElementType::float32 || type == ElementType::bfloat16, "linear layer",
                         "bfloat16 activations need bfloat16 weights"));
  PLIMSOLL_CHECK(require(is_float(type) && (type != ElementType::float64 || step.weight.form.layout == WeightLayout::rows), "linear layer",
                         "weights of an unsupported type"));
  return require(step.weight.inputs <= needs.largest_inputs, "linear layer", "wider than the workspace was planned for");
}

Status check_shapes(const AttentionStep& step, const WorkspaceNeeds& needs) {
  PLIMSOLL_CHECK(require(is_matrix(step.qkv) && is_matrix(step.out) && step.qkv.rows == step.out.rows, "attention", "rows differ"));
  PLIMSOLL_CHECK(
      require(step.heads > 0 && step.head_dim > 0 && step.out.cols == step.heads * step.head_dim && step.qkv.cols == 3 * step.out.cols,
              "attention", "heads do not match the width"));
  return require(step.head_dim <= needs.head_dim, "attention", "heads are wider than the workspace was planned for");
}

Status check(const AttentionStep& step, const WorkspaceNeeds& needs) {
  PLIMSOLL_CHECK(check_shapes(step, needs));
  for (std::size_t b = 0; b < step.text_starts.size(); ++b) {
    const std::int64_t begin = step.text_starts[b];
    const std::int64_t end = b + 1 < step.text_starts.size() ? step.text_starts[b + 1] : begin;
    PLIMSOLL_CHECK(require(begin >= 0 && begin <= end && end <= step.qkv.rows, "attention", "text bounds are not in order"));
    PLIMSOLL_CHECK(require(end - begin <= needs.longest_text, "attention", "a text is longer than the workspace was planned for"));
  }
  return {};
}

Status check(const GatherRowsStep& step) {
  PLIMSOLL_CHECK(require(is_matrix(step.x) && is_matrix(step.out) && step.x.type == step.out.type, "gather", "types differ"));
  return require(step.x.cols == step.out.cols && step.rows != nullptr, "gather", "widths differ");
}

Status check(const PrepareStep& step) {
  const bool multiple = step.first_output >= 0 && step.first_output % kPanelOutputs == 0;
  PLIMSOLL_CHECK(
      require(step.source != nullptr && step.destination != nullptr && step.inputs > 0 && step.outputs >= 0, "prepare", "no data"));
  PLIMSOLL_CHECK(require(multiple && step.first_output + step.outputs <= step.total_outputs, "prepare", "rows are beyond the matrix"));
  const bool last = step.first_output + step.outputs == step.total_outputs;
  PLIMSOLL_CHECK(require(step.form.layout == WeightLayout::rows || last || step.outputs % kPanelOutputs == 0, "prepare",
                         "a chunk before the last is not whole panels"));
  return require(is_float(step.source_type) && is_float(step.form.type) && step.form.type != ElementType::float64, "prepare",
                 "cannot be converted");
}

}  // namespace plimsoll::cpu
