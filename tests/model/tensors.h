#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "support/fake_os.h"

namespace plimsoll::testing {

/// What the header of a safetensors file says of one tensor. The data is zero.
struct FakeTensor {
  std::vector<std::int64_t> shape;
  std::string dtype = "F32";
};
using FakeTensors = std::map<std::string, FakeTensor>;

inline std::size_t fake_type_bytes(const std::string& dtype) {
  if (dtype == "F64" || dtype == "I64") return 8;
  if (dtype == "F16" || dtype == "BF16") return 2;
  return dtype == "I8" || dtype == "F8_E4M3" ? 1 : 4;
}

inline std::string fake_safetensors(const FakeTensors& tensors) {
  std::string header;
  std::size_t end = 0;
  for (const auto& [name, tensor] : tensors) {
    std::size_t bytes = fake_type_bytes(tensor.dtype);
    for (const std::int64_t size : tensor.shape) bytes *= static_cast<std::size_t>(size);
    header += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", header.empty() ? "" : ",", name, tensor.dtype,
                          fmt::join(tensor.shape, ","), end, end + bytes);
    end += bytes;
  }
  header = "{" + header + "}";
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + std::string(end, '\0');
}

/// A BERT classifier of 2 layers, hidden size 8, 12 words and 3 labels.
inline FakeTensors fake_bert() {
  FakeTensors tensors = {{"bert.embeddings.word_embeddings.weight", {{12, 8}}},
                         {"bert.embeddings.position_embeddings.weight", {{16, 8}}},
                         {"bert.embeddings.token_type_embeddings.weight", {{2, 8}}}};
  const auto linear = [&](const std::string& name, std::int64_t outputs, std::int64_t inputs) {
    tensors[name + ".weight"] = {{outputs, inputs}};
    tensors[name + ".bias"] = {{outputs}};
  };
  const auto norm = [&](const std::string& name) { tensors[name + ".weight"] = tensors[name + ".bias"] = {{8}}; };
  norm("bert.embeddings.LayerNorm");
  for (int layer = 0; layer < 2; ++layer) {
    const std::string name = fmt::format("bert.encoder.layer.{}.", layer);
    for (const char* part : {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"})
      linear(name + part, 8, 8);
    linear(name + "intermediate.dense", 20, 8);
    linear(name + "output.dense", 8, 20);
    norm(name + "attention.output.LayerNorm");
    norm(name + "output.LayerNorm");
  }
  linear("bert.pooler.dense", 8, 8);
  linear("classifier", 3, 8);
  return tensors;
}

/// The same with `name` renamed.
inline FakeTensors renamed(FakeTensors tensors, const std::string& from, const std::string& to) {
  auto node = tensors.extract(from);
  node.key() = to;
  tensors.insert(std::move(node));
  return tensors;
}

inline FakeTensors without(FakeTensors tensors, const std::string& part) {
  std::erase_if(tensors, [&](const auto& tensor) { return tensor.first.find(part) != std::string::npos; });
  return tensors;
}

inline std::string fake_config(const std::string& more = R"("num_labels":3)", int layers = 2) {
  return fmt::format(
      R"({{"model_type":"bert","hidden_size":8,"num_hidden_layers":{},"num_attention_heads":2,"intermediate_size":20,"vocab_size":12,)"
      R"("max_position_embeddings":16,{}}})",
      layers, more);
}

/// A folder "m" with everything that Model::open reads.
inline void put_fake_model(FakeOs& os, const FakeTensors& tensors = fake_bert(), const std::string& config = fake_config()) {
  os.files["m/config.json"] = config;
  os.files["m/model.safetensors"] = fake_safetensors(tensors);
  os.files["m/vocab.txt"] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\n";
}

}  // namespace plimsoll::testing
