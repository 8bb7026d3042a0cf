#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace plimsoll::bench {

/// Sizes of a BERT classifier, by the names of its config.json.
struct BertShape {
  std::int64_t hidden = 1024;
  std::int64_t layers = 24;
  std::int64_t heads = 16;
  std::int64_t intermediate = 4096;
  std::int64_t vocab = 30522;
  std::int64_t positions = 512;
  std::int64_t labels = 2;
  /// As pretrained checkpoints of 2018 are: LayerNorm.gamma and .beta, a pre-training head, and no classifier.
  bool old_names = false;
};

/// One tensor of the file. Values are `mean` plus normal noise of the initialiser's range.
struct BertTensor {
  std::string name;
  std::vector<std::int64_t> dims;
  float mean = 0;

  std::int64_t count() const {
    std::int64_t product = 1;
    for (const std::int64_t dim : dims) product *= dim;
    return product;
  }
};

/// Every tensor, in the order of the file.
std::vector<BertTensor> bert_tensors(const BertShape& shape);

/// config.json; `dtype` is "float32", "bfloat16" or "float16".
std::string bert_config(const BertShape& shape, const std::string& dtype);

}  // namespace plimsoll::bench
