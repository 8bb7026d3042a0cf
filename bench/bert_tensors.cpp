#include "bert_tensors.h"

#include <fmt/format.h>

namespace plimsoll::bench {
namespace {

constexpr std::int64_t kTokenTypes = 2;

class TensorList {
 public:
  explicit TensorList(const BertShape& shape) : shape_(shape) {}

  void add(std::string name, std::vector<std::int64_t> dims, float mean = 0) {
    tensors_.push_back({std::move(name), std::move(dims), mean});
  }

  void add_linear(const std::string& name, std::int64_t outputs, std::int64_t inputs) {
    add(name + ".weight", {outputs, inputs});
    add(name + ".bias", {outputs});
  }

  void add_norm(const std::string& name) {
    add(name + (shape_.old_names ? ".LayerNorm.gamma" : ".LayerNorm.weight"), {shape_.hidden}, 1);
    add(name + (shape_.old_names ? ".LayerNorm.beta" : ".LayerNorm.bias"), {shape_.hidden});
  }

  void add_embeddings() {
    const std::string body = "bert.embeddings";
    add(body + ".word_embeddings.weight", {shape_.vocab, shape_.hidden});
    add(body + ".position_embeddings.weight", {shape_.positions, shape_.hidden});
    add(body + ".token_type_embeddings.weight", {kTokenTypes, shape_.hidden});
    add_norm(body);
  }

  void add_layer(std::int64_t index) {
    const std::string body = fmt::format("bert.encoder.layer.{}", index);
    for (const char* part : {"query", "key", "value"}) add_linear(body + ".attention.self." + part, shape_.hidden, shape_.hidden);
    add_linear(body + ".attention.output.dense", shape_.hidden, shape_.hidden);
    add_norm(body + ".attention.output");
    add_linear(body + ".intermediate.dense", shape_.intermediate, shape_.hidden);
    add_linear(body + ".output.dense", shape_.hidden, shape_.intermediate);
    add_norm(body + ".output");
  }

  void add_heads() {
    add_linear("bert.pooler.dense", shape_.hidden, shape_.hidden);
    if (!shape_.old_names) return add_linear("classifier", shape_.labels, shape_.hidden);
    add("cls.predictions.bias", {shape_.vocab});
    add_linear("cls.predictions.transform.dense", shape_.hidden, shape_.hidden);
    add_norm("cls.predictions.transform");
    add_linear("cls.seq_relationship", 2, shape_.hidden);
  }

  std::vector<BertTensor> take() { return std::move(tensors_); }

 private:
  const BertShape& shape_;
  std::vector<BertTensor> tensors_;
};

}  // namespace

std::vector<BertTensor> bert_tensors(const BertShape& shape) {
  TensorList list(shape);
  list.add_embeddings();
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) list.add_layer(layer);
  list.add_heads();
  return list.take();
}

std::string bert_config(const BertShape& shape, const std::string& dtype) {
  std::string labels;
  std::string ids;
  for (std::int64_t i = 0; i < shape.labels && !shape.old_names; ++i) {
    labels += fmt::format("{}\"{}\": \"LABEL_{}\"", i > 0 ? ", " : "", i, i);
    ids += fmt::format("{}\"LABEL_{}\": {}", i > 0 ? ", " : "", i, i);
  }
  const std::string head = shape.old_names ? "" : fmt::format("  \"id2label\": {{{}}},\n  \"label2id\": {{{}}},\n", labels, ids);
  return fmt::format(
      "{{\n"
      "  \"architectures\": [\"{}\"],\n"
      "  \"model_type\": \"bert\",\n"
      "  \"hidden_size\": {},\n"
      "  \"num_hidden_layers\": {},\n"
      "  \"num_attention_heads\": {},\n"
      "  \"intermediate_size\": {},\n"
      "  \"vocab_size\": {},\n"
      "  \"max_position_embeddings\": {},\n"
      "  \"type_vocab_size\": {},\n"
      "  \"hidden_act\": \"gelu\",\n"
      "  \"hidden_dropout_prob\": 0.1,\n"
      "  \"attention_probs_dropout_prob\": 0.1,\n"
      "  \"initializer_range\": 0.02,\n"
      "  \"layer_norm_eps\": 1e-12,\n"
      "  \"pad_token_id\": 0,\n"
      "{}"
      "  \"torch_dtype\": \"{}\"\n"
      "}}\n",
      shape.old_names ? "BertForMaskedLM" : "BertForSequenceClassification", shape.hidden, shape.layers, shape.heads, shape.intermediate,
      shape.vocab, shape.positions, kTokenTypes, head, dtype);
}

}  // namespace plimsoll::bench
