#include <plimsoll/model.h>

#include <gtest/gtest.h>
#include <cstring>
#include <functional>
#include <optional>

#include "memory/arena.h"
#include "support/forwarding_os.h"
#include "support/hooked_folder.h"
#include "support/temporary_folder.h"
#include "support/tiny_model.h"
#include "tensors.h"

namespace plimsoll {
namespace {

using testing::fake_bert;
using testing::fake_config;
using testing::put_fake_model;
using testing::without;

class OpenModel : public ::testing::Test {
 protected:
  Result<Model> open(bool require_all = false, const std::string& task = "") {
    return Model::open(os_, ledger_, {"m", "", task, require_all});
  }

  void expect_refused(ErrorCode code, const std::string& said, bool require_all = false) {
    const auto model = open(require_all);
    ASSERT_FALSE(model.ok()) << said;
    EXPECT_EQ(model.error().code, code) << message(model.error());
    EXPECT_NE(message(model.error()).find(said), std::string::npos) << message(model.error());
    EXPECT_EQ(ledger_.current().count, 0U);
  }

  testing::FakeOs os_;
  Ledger ledger_{"cpu", mib(64)};
};

TEST_F(OpenModel, TellsWhatItIsAndHoldsTablesOnly) {
  put_fake_model(os_);
  {
    const auto model = open();
    ASSERT_TRUE(model.ok()) << message(model.error());
    EXPECT_EQ(model->arch(), "bert");
    EXPECT_EQ(model->task(), "classification");
    EXPECT_EQ(model->labels().size(), 3U);
    EXPECT_EQ(model->vocabulary(), 12);
    EXPECT_EQ(model->max_tokens(), 16);
    EXPECT_TRUE(model->warnings().empty());
    EXPECT_EQ(model->parameters() * 4, static_cast<std::int64_t>(model->weight_bytes().count));
    EXPECT_EQ(ledger_.current(), ledger_.current(MemoryTag::tables));
    EXPECT_EQ(ledger_.current(), model->table_bytes());
  }
  EXPECT_EQ(ledger_.current().count, 0U);
}

TEST_F(OpenModel, ATableOfItsOwnIsCountedBesideAnotherModel) {
  put_fake_model(os_);
  const auto first = open();
  const auto second = open();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->table_bytes(), second->table_bytes());
}

// Each of them is within limits of its own.
TEST_F(OpenModel, TheFilesThatDescribeItAreReadSoFarInAll) {
  static constexpr std::size_t kMore = 60'000'000;
  put_fake_model(os_);
  std::string& weights = os_.files["m/model.safetensors"];
  std::uint64_t header = 0;
  std::memcpy(&header, weights.data(), sizeof header);
  weights.insert(sizeof header + static_cast<std::size_t>(header), kMore, ' ');
  header += kMore;
  std::memcpy(weights.data(), &header, sizeof header);
  EXPECT_TRUE(open().ok());
  for (std::size_t i = 0; i < kMore / 60'000; ++i) os_.files["m/vocab.txt"] += std::string(60'000, 'x') + std::to_string(i) + "\n";
  expect_refused(ErrorCode::corrupt_file, "bytes that describe the model, where 39");
}

/// Tells a test which file of a model's folder is opened next.
class WatchedOs final : public testing::ForwardingOs {
 public:
  std::function<void(const std::string& name)> on_open;

  Result<std::unique_ptr<Folder>> open_folder(const std::string& root, const std::string& inside) override {
    return testing::hooked(ForwardingOs::open_folder(root, inside), [this](Folder& real, const std::string& name) {
      on_open(name);
      return real.open(name);
    });
  }
};

class WatchedOpening : public ::testing::Test {
 protected:
  WatchedOpening() { testing::write_tiny_model(folder_.path(), {}); }

  testing::TemporaryFolder folder_;
  WatchedOs os_;
  Ledger ledger_{"cpu", mib(64)};
};

// What others charge to the ledger meanwhile is not the model's.
TEST_F(WatchedOpening, TablesAreTheModelsOwn) {
  std::optional<Arena> before = Arena::create(os_, ledger_, MemoryTag::tables, mib(1)).value();
  os_.on_open = [&](const std::string& /*name*/) { before.reset(); };
  const auto model = Model::open(os_, ledger_, {folder_.path()});
  ASSERT_TRUE(model.ok()) << message(model.error());
  EXPECT_FALSE(before.has_value());
  EXPECT_EQ(model->table_bytes(), ledger_.current());
}

TEST_F(WatchedOpening, EndsAtAnyFileWhenItIsToldTo) {
  for (const std::string file : {"config.json", "model.safetensors", "vocab.txt"}) {
    CancelToken cancel;
    os_.on_open = [&](const std::string& name) {
      if (name == file) cancel.cancel();
    };
    const auto stopped = Model::open(os_, ledger_, {.model = folder_.path(), .cancel = &cancel});
    ASSERT_FALSE(stopped.ok()) << file;
    EXPECT_EQ(stopped.error().code, ErrorCode::cancelled) << message(stopped.error());
    EXPECT_NE(stopped.error().where.find(file), std::string::npos) << stopped.error().where;
    EXPECT_EQ(ledger_.current(), Bytes{0}) << file;
  }
}

TEST_F(OpenModel, TheTokenizersLimitBoundsTheModels) {
  put_fake_model(os_);
  os_.files["m/tokenizer_config.json"] = R"({"tokenizer_class":"BertTokenizer","model_max_length":10})";
  EXPECT_EQ(open()->max_tokens(), 10);
  os_.files["m/tokenizer_config.json"] = R"({"tokenizer_class":"BertTokenizer","model_max_length":1000000000000000019884624838656})";
  EXPECT_EQ(open()->max_tokens(), 16);
}

TEST_F(OpenModel, AMissingHeadWarnsAndMayBeRefused) {
  put_fake_model(os_, without(fake_bert(), "classifier"));
  const auto model = open();
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->warnings(), std::vector<std::string>{"classifier: untrained"});
  EXPECT_EQ(model->untrained_tensors(), (std::vector<std::string>{"classifier.weight", "classifier.bias"}));
  put_fake_model(os_, without(without(fake_bert(), "classifier"), "pooler"));
  EXPECT_EQ(open()->warnings(), (std::vector<std::string>{"pooler: untrained", "classifier: untrained"}));
}

TEST_F(OpenModel, RequireAllWeightsRefusesAMissingHead) {
  put_fake_model(os_, without(fake_bert(), "classifier"));
  expect_refused(ErrorCode::unsupported, "classifier.weight, classifier.bias", true);
  put_fake_model(os_);
  EXPECT_TRUE(open(true).ok());
}

TEST_F(OpenModel, Float64IsSaid) {
  auto tensors = fake_bert();
  for (auto& [name, tensor] : tensors) tensor.dtype = "F64";
  put_fake_model(os_, tensors);
  const auto model = open();
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->stored_type(), ElementType::float64);
  EXPECT_EQ(model->warnings(), std::vector<std::string>{"float64 weights: rounded to the precision of the plan"});
}

TEST_F(OpenModel, WarnsOfAHeadOfAnotherTask) {
  const auto warnings = [&](const std::string& architectures) {
    put_fake_model(os_, fake_bert(), fake_config(R"("num_labels":3,"architectures":)" + architectures));
    const auto model = open();
    EXPECT_TRUE(model.ok());
    return model->warnings();
  };
  EXPECT_EQ(warnings(R"(["BertForTokenClassification"])"),
            std::vector<std::string>{
                "the weights are those of BertForTokenClassification: its head was trained for another task than classification"});
  for (const char* fine :
       {R"(["BertForSequenceClassification"])", R"(["BertForMaskedLM","BertForSequenceClassification"])", "[]", "null", "[1]"})
    EXPECT_EQ(warnings(fine), std::vector<std::string>()) << fine;
}

TEST_F(OpenModel, SaysThatAnAdapterIsNotApplied) {
  put_fake_model(os_);
  os_.files["m/adapter_config.json"] = "{}";
  const auto model = open();
  ASSERT_TRUE(model.ok()) << message(model.error());
  EXPECT_EQ(model->warnings(), std::vector<std::string>{"adapter_config.json: the adapter beside the weights is not applied"});
}

TEST_F(OpenModel, WeightsOfAnotherNameAreUnsupported) {
  const auto name = [&](const std::string& file) {
    std::string& config = os_.files["m/config.json"];
    config = fake_config(R"("num_labels":3,"transformers_weights":")" + file + "\"");
  };
  put_fake_model(os_);
  name("other.safetensors");
  expect_refused(ErrorCode::unsupported, "other.safetensors");
  name("model.safetensors");
  EXPECT_TRUE(open().ok());
  for (const char* index : {R"({"weight_map":{}})", ""}) {
    os_.files["m/model.safetensors.index.json"] = index;
    name("model.safetensors.index.json");
    expect_refused(ErrorCode::unsupported, "model.safetensors.index.json");
  }
  std::string map;
  for (const auto& [tensor, _] : fake_bert()) map += (map.empty() ? "\"" : ",\"") + tensor + R"(":"model-1.safetensors")";
  os_.files["m/model.safetensors.index.json"] = R"({"weight_map":{)" + map + "}}";
  os_.files["m/model-1.safetensors"] = os_.files["m/model.safetensors"];
  os_.files.erase("m/model.safetensors");
  EXPECT_TRUE(open().ok());
  name("model.safetensors");
  expect_refused(ErrorCode::unsupported, "model.safetensors");
}

TEST_F(OpenModel, FaultsAreTypedAndLeaveTheLedgerEmpty) {
  put_fake_model(os_, fake_bert(), fake_config(R"("num_labels":3)", 512));
  expect_refused(ErrorCode::corrupt_file, "512 layers");
  put_fake_model(os_, without(fake_bert(), "layer.1.output.dense.weight"));
  expect_refused(ErrorCode::corrupt_file, "layer.1.output.dense.weight");
  put_fake_model(os_);
  os_.files.erase("m/config.json");
  expect_refused(ErrorCode::not_found, "config.json");
  put_fake_model(os_);
  os_.files.erase("m/vocab.txt");
  expect_refused(ErrorCode::not_found, "m");
  put_fake_model(os_);
  os_.files["m/model.safetensors"].resize(40);
  expect_refused(ErrorCode::corrupt_file, "model.safetensors");
  os_.files.clear();
  expect_refused(ErrorCode::not_found, "m");
}

TEST_F(OpenModel, AnotherTaskIsUnsupported) {
  put_fake_model(os_);
  const auto model = open(false, "tokens");
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::unsupported);
  EXPECT_NE(message(model.error()).find("tokens"), std::string::npos);
}

TEST_F(OpenModel, AnyAcquisitionMayFail) {
  put_fake_model(os_);
  std::uint64_t refused = 0;
  for (const bool persistent : {false, true}) {
    for (std::uint64_t ordinal = 1;; ++ordinal) {
      os_.gate().refuse({.ordinal = ordinal, .persistent = persistent});
      const bool opened = [&] {
        const auto model = open();
        EXPECT_TRUE(model.ok() || model.error().code != ErrorCode::internal) << message(model.error());
        return model.ok();
      }();
      EXPECT_EQ(ledger_.current().count, 0U) << ordinal;
      if (os_.gate().refused() == 0) {
        EXPECT_TRUE(opened);
        break;
      }
      ++refused;
    }
  }
  os_.gate().refuse({});
  EXPECT_GT(refused, 10U);
  EXPECT_TRUE(open().ok());
}

TEST_F(OpenModel, ALedgerTooSmallForTheTablesIsOutOfMemory) {
  put_fake_model(os_);
  const Bytes needed = open()->table_bytes();
  for (std::uint64_t pages = 0; pages < needed.count / kPage.count; ++pages) {
    Ledger small("cpu", kPage * pages);
    const auto model = Model::open(os_, small, {"m", "", "", false});
    ASSERT_FALSE(model.ok());
    EXPECT_EQ(model.error().code, ErrorCode::out_of_memory);
    EXPECT_EQ(small.current().count, 0U);
  }
}

}  // namespace
}  // namespace plimsoll
