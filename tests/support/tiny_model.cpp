#include "support/tiny_model.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

#include <fmt/format.h>

namespace plimsoll::testing {
namespace {

std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

class Writer {
 public:
  explicit Writer(const TinyModel& model) : model_(model), random_(model.seed) {}

  void matrix(const std::string& name, std::int64_t rows, std::int64_t cols) {
    tensor(name, fmt::format("{},{}", rows, cols), rows * cols, 1.2F / std::sqrt(static_cast<float>(cols)), 0);
  }
  void vector(const std::string& name, std::int64_t size, float mean = 0) { tensor(name, std::to_string(size), size, 0.2F, mean); }
  void linear(const std::string& name, std::int64_t outputs, std::int64_t inputs) {
    matrix(name + ".weight", outputs, inputs);
    vector(name + ".bias", outputs);
  }
  void norm(const std::string& name) {
    vector(name + ".weight", model_.hidden, 1);
    vector(name + ".bias", model_.hidden);
  }

  void save(const std::string& path) const {
    const std::string header = "{" + header_ + "}";
    const std::uint64_t length = header.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << header << data_;
  }

 private:
  void tensor(const std::string& name, const std::string& shape, std::int64_t count, float deviation, float mean) {
    std::normal_distribution<float> normal(mean, deviation);
    const std::size_t begin = data_.size();
    for (std::int64_t i = 0; i < count; ++i) append(normal(random_));
    header_ += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", header_.empty() ? "" : ",", name, model_.dtype,
                           shape, begin, data_.size());
  }

  template <typename T>
  void append_bytes(T value) {
    data_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  void append(float value) {
    if (model_.dtype == "BF16") append_bytes(to_bfloat16(value));
    else if (model_.dtype == "F16") append_bytes(std::bit_cast<std::uint16_t>(static_cast<_Float16>(value)));
    else append_bytes(value);
  }

  const TinyModel& model_;
  std::mt19937_64 random_;
  std::string header_;
  std::string data_;
};

void write_text(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

void write_weights(const std::string& path, const TinyModel& model) {
  Writer writer(model);
  writer.matrix("bert.embeddings.word_embeddings.weight", model.words + 5, model.hidden);
  writer.matrix("bert.embeddings.position_embeddings.weight", model.positions, model.hidden);
  writer.matrix("bert.embeddings.token_type_embeddings.weight", 2, model.hidden);
  writer.norm("bert.embeddings.LayerNorm");
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    const std::string name = fmt::format("bert.encoder.layer.{}.", layer);
    for (const char* part : {"query", "key", "value"}) writer.linear(name + "attention.self." + part, model.hidden, model.hidden);
    writer.linear(name + "attention.output.dense", model.hidden, model.hidden);
    writer.norm(name + "attention.output.LayerNorm");
    writer.linear(name + "intermediate.dense", model.intermediate, model.hidden);
    writer.linear(name + "output.dense", model.hidden, model.intermediate);
    writer.norm(name + "output.LayerNorm");
  }
  writer.linear("bert.pooler.dense", model.hidden, model.hidden);
  writer.linear("classifier", model.labels, model.hidden);
  writer.save(path);
}

}  // namespace

void write_tiny_model(const std::string& folder, const TinyModel& model) {
  std::string labels;
  for (std::int64_t i = 0; i < model.labels; ++i) labels += fmt::format(R"({}"{}":"label {}")", i == 0 ? "" : ",", i, i);
  write_text(
      folder + "/config.json",
      fmt::format(
          R"({{"model_type":"bert","architectures":["BertForSequenceClassification"],"hidden_size":{},"num_hidden_layers":{},"num_attention_heads":{},)"
          R"("intermediate_size":{},"vocab_size":{},"max_position_embeddings":{},"type_vocab_size":2,"hidden_act":"gelu","layer_norm_eps":1e-12,)"
          R"("problem_type":"single_label_classification","id2label":{{{}}}}})",
          model.hidden, model.layers, model.heads, model.intermediate, model.words + 5, model.positions, labels));
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (std::int64_t i = 0; i < model.words; ++i) vocabulary += fmt::format("w{}\n", i);
  write_text(folder + "/vocab.txt", vocabulary);
  write_text(folder + "/tokenizer_config.json", R"({"tokenizer_class":"BertTokenizer","do_lower_case":true})");
  write_weights(folder + "/model.safetensors", model);
}

std::string tiny_text(const TinyModel& model, std::int64_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text;
  for (std::int64_t i = 0; i < count; ++i)
    text += fmt::format("{}w{}", i == 0 ? "" : " ", random() % static_cast<std::uint64_t>(model.words));
  return text;
}

}  // namespace plimsoll::testing
