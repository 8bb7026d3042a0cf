#include "model/binding.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "model/families.h"
#include "tensors.h"

namespace plimsoll {
namespace {

using testing::fake_bert;
using testing::FakeTensors;
using testing::renamed;
using testing::without;

class Bound : public ::testing::Test {
 protected:
  Result<Binding> bind(const FakeTensors& tensors, int layers = 2) {
    os_.files["m/model.safetensors"] = testing::fake_safetensors(tensors);
    PLIMSOLL_TRY(const JsonDocument config, JsonDocument::parse(testing::fake_config(R"("num_labels":3)", layers), "config.json"));
    PLIMSOLL_TRY(const ArchSpec spec, read_arch_spec(config));
    PLIMSOLL_TRY(Checkpoint checkpoint, Checkpoint::open(os_, ledger_, "m"));
    checkpoint_ = std::make_unique<Checkpoint>(std::move(checkpoint));
    program_ = encoder_program(spec);
    return bind_weights(spec, program_, *checkpoint_);
  }

  void expect_all_bound(const FakeTensors& tensors, const std::string& why) {
    const auto binding = bind(tensors);
    ASSERT_TRUE(binding.ok()) << why << ": " << message(binding.error());
    EXPECT_TRUE(binding->initialised.empty()) << why;
    for (std::size_t w = 0; w < program_.weights.size(); ++w) {
      ASSERT_EQ(binding->weights[w].size(), program_.weights[w].parts.size());
      for (const BoundPart& part : binding->weights[w]) EXPECT_NE(part.tensor, nullptr) << program_.weights[w].name;
    }
  }

  void expect_refused(const FakeTensors& tensors, ErrorCode code, const std::vector<std::string>& said, int layers = 2) {
    const auto binding = bind(tensors, layers);
    ASSERT_FALSE(binding.ok()) << said.front();
    EXPECT_EQ(binding.error().code, code) << message(binding.error());
    for (const std::string& words : said)
      EXPECT_NE(message(binding.error()).find(words), std::string::npos) << words << " in: " << message(binding.error());
  }

  testing::FakeOs os_;
  Ledger ledger_{"cpu", mib(64)};
  std::unique_ptr<Checkpoint> checkpoint_;
  Program program_;
};

TEST_F(Bound, EveryTensorOfAPlainCheckpointIsUsedOnce) {
  const FakeTensors tensors = fake_bert();
  expect_all_bound(tensors, "plain");
  const auto binding = bind(tensors);
  std::vector<const TensorInfo*> used;
  for (const auto& parts : binding->weights) {
    for (const BoundPart& part : parts) used.push_back(part.tensor);
  }
  std::sort(used.begin(), used.end());
  EXPECT_EQ(std::adjacent_find(used.begin(), used.end()), used.end());
  EXPECT_EQ(used.size(), tensors.size());
}

TEST_F(Bound, QueryKeyAndValueAreFusedInThisOrder) {
  ASSERT_TRUE(bind(fake_bert()).ok());
  const auto fused = std::find_if(program_.weights.begin(), program_.weights.end(),
                                  [](const Weight& w) { return w.parts.size() == 3 && w.role == WeightRole::matrix; });
  ASSERT_NE(fused, program_.weights.end());
  const std::string layer = "bert.encoder.layer.0.attention.self.";
  EXPECT_EQ(fused->parts[0].tensor, layer + "query.weight");
  EXPECT_EQ(fused->parts[1].tensor, layer + "key.weight");
  EXPECT_EQ(fused->parts[2].tensor, layer + "value.weight");
  EXPECT_EQ(fused->outputs, 24);
}

TEST_F(Bound, OldNamesAreFound) {
  FakeTensors bare;
  FakeTensors gamma;
  FakeTensors both;
  for (const auto& [name, tensor] : fake_bert()) {
    std::string old = name;
    if (const auto at = old.find("LayerNorm.weight"); at != std::string::npos) old.replace(at, std::string::npos, "LayerNorm.gamma");
    if (const auto at = old.find("LayerNorm.bias"); at != std::string::npos) old.replace(at, std::string::npos, "LayerNorm.beta");
    const auto strip = [](const std::string& text) { return text.starts_with("bert.") ? text.substr(5) : text; };
    bare[strip(name)] = gamma[old] = both[strip(old)] = tensor;
  }
  expect_all_bound(bare, "without bert.");
  expect_all_bound(gamma, "gamma and beta");
  expect_all_bound(both, "both");
}

TEST_F(Bound, TensorsOfOtherHeadsAreNoFault) {
  FakeTensors tensors = fake_bert();
  tensors["cls.predictions.bias"] = {{12}};
  tensors["cls.predictions.transform.LayerNorm.gamma"] = {{8}};
  tensors["cls.seq_relationship.weight"] = {{2, 8}};
  tensors["bert.embeddings.position_ids"] = {{1, 16}, "I64"};
  expect_all_bound(tensors, "surplus");
}

// The dot of "bert." is any character to transformers, and a tensor that it finds by that goes before the real one.
TEST_F(Bound, TensorsThatTransformersTakesForAnotherAreUnsupported) {
  for (const char* name : {"bert_classifier.weight", "bert-classifier.bias", "bert\u00e9classifier.bias", "bert_bert.pooler.dense.bias"}) {
    for (const FakeTensors& others : {fake_bert(), without(fake_bert(), "classifier")}) {
      FakeTensors tensors = others;
      tensors[name] = {{3}};
      expect_refused(tensors, ErrorCode::unsupported, {name, "m/model.safetensors"});
    }
  }
  for (const char* name :
       {"bert", "bert_", "bert_classifier", "bert__classifier.bias", "bert2.classifier.bias", "my_bert_classifier.bias"}) {
    FakeTensors tensors = fake_bert();
    tensors[name] = {{3}};
    expect_all_bound(tensors, name);
  }
}

TEST_F(Bound, MissingTensorsAreListedByName) {
  const std::string one = "bert.encoder.layer.1.output.dense.bias";
  expect_refused(without(fake_bert(), one), ErrorCode::corrupt_file, {"lacks 1 tensors", one, "m/model.safetensors"});
  expect_refused(without(fake_bert(), "encoder.layer.1."), ErrorCode::corrupt_file,
                 {"lacks 16 tensors", "bert.encoder.layer.1.attention.self.query.weight", "and 11 more"});
  expect_refused(fake_bert(), ErrorCode::corrupt_file, {"lacks 16 tensors", "bert.encoder.layer.2."}, 3);
}

TEST_F(Bound, AMissingTensorOfAFusedProductIsMissingAndNotOfAnotherType) {
  FakeTensors halves = without(fake_bert(), "layer.0.attention.self.key.weight");
  for (auto& [name, tensor] : halves) tensor.dtype = "F16";
  expect_refused(halves, ErrorCode::corrupt_file, {"bert.encoder.layer.0.attention.self.key.weight"});
  expect_refused(without(halves, "layer.0.attention.self.query.weight"), ErrorCode::corrupt_file,
                 {"layer.0.attention.self.query.weight", "layer.0.attention.self.key.weight"});
}

TEST_F(Bound, MoreLayersThanTheConfigSaysAreCorrupt) {
  expect_refused(fake_bert(), ErrorCode::corrupt_file, {"bert.encoder.layer.1.", "num_hidden_layers"}, 1);
}

TEST_F(Bound, ShapesMustBeTheConfigs) {
  for (const std::vector<std::int64_t>& shape : std::vector<std::vector<std::int64_t>>{{8}, {8, 9}, {9, 8}, {1, 8, 8}, {64}, {}, {8, 0}}) {
    FakeTensors tensors = fake_bert();
    tensors["bert.encoder.layer.0.attention.output.dense.weight"].shape = shape;
    expect_refused(tensors, ErrorCode::corrupt_file, {"bert.encoder.layer.0.attention.output.dense.weight", "[8, 8]", "config.json"});
  }
  FakeTensors swapped = fake_bert();
  swapped["bert.encoder.layer.0.intermediate.dense.weight"].shape = {8, 20};
  expect_refused(swapped, ErrorCode::corrupt_file, {"[8, 20]", "[20, 8]"});
  FakeTensors labels = fake_bert();
  labels["classifier.weight"].shape = {5, 8};
  labels["classifier.bias"].shape = {5};
  expect_refused(labels, ErrorCode::corrupt_file, {"classifier.weight", "[5, 8]", "[3, 8]"});
}

TEST_F(Bound, WeightsThatAreNoFloatsAreUnsupported) {
  for (const char* dtype : {"I8", "I32", "I64", "F8_E4M3"}) {
    FakeTensors tensors = fake_bert();
    tensors["bert.encoder.layer.0.output.dense.weight"].dtype = dtype;
    expect_refused(tensors, ErrorCode::unsupported, {"bert.encoder.layer.0.output.dense.weight", dtype});
  }
}

TEST_F(Bound, PartsOfOneProductMustBeOfOneType) {
  FakeTensors tensors = fake_bert();
  tensors["bert.encoder.layer.1.attention.self.value.weight"].dtype = "BF16";
  expect_refused(tensors, ErrorCode::unsupported, {"layer.1.attention.self.value.weight"});
}

TEST_F(Bound, TheStoredTypeIsThatOfMostBytes) {
  const auto type = [&](const std::string& dtype, const std::string& of) {
    FakeTensors tensors = fake_bert();
    for (auto& [name, tensor] : tensors) {
      if (name.find(of) != std::string::npos) tensor.dtype = dtype;
    }
    const auto binding = bind(tensors);
    EXPECT_TRUE(binding.ok());
    return binding.ok() ? binding->stored_type : ElementType::int8;
  };
  EXPECT_EQ(type("F32", ""), ElementType::float32);
  EXPECT_EQ(type("F64", ""), ElementType::float64);
  EXPECT_EQ(type("BF16", ""), ElementType::bfloat16);
  EXPECT_EQ(type("F16", "pooler"), ElementType::float32);
  EXPECT_EQ(type("F16", "encoder"), ElementType::float16);
}

TEST_F(Bound, AMissingHeadIsToBeInitialised) {
  const auto binding = bind(without(without(fake_bert(), "classifier"), "pooler"));
  ASSERT_TRUE(binding.ok()) << message(binding.error());
  EXPECT_EQ(binding->initialised,
            (std::vector<std::string>{"bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"}));
  EXPECT_EQ(bind(renamed(fake_bert(), "classifier.bias", "classifier.out.bias"))->initialised, std::vector<std::string>{"classifier.bias"});
}

}  // namespace
}  // namespace plimsoll
