// A model's files cut at every byte: a typed error that names the file, or a model; nothing kept of what failed.
#include <plimsoll/model.h>

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "support/build.h"
#include "support/fake_os.h"

namespace plimsoll {
namespace {

std::string read_fixture(const std::string& name) {
  std::ifstream file(std::string(PLIMSOLL_SOURCE_DIR) + "/tests/fixtures/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class CutFiles : public ::testing::Test {
 protected:
  void put(const std::string& folder, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      os_.files["m/" + name] = read_fixture(folder + "/" + name);
      ASSERT_FALSE(os_.files["m/" + name].empty()) << name;
    }
  }

  Result<Model> open() { return Model::open(os_, ledger_, {"m", "", "", false}); }

  /// Cuts `name` at each `step`-th byte of [first, last). Only what is `whole` from some byte on may open.
  void cut(const std::string& name, std::size_t first, std::size_t last, std::size_t step, std::size_t whole) {
    const std::string text = os_.files["m/" + name];
    for (std::size_t length = first; length < std::min(last, text.size()); length += step) {
      os_.files["m/" + name] = text.substr(0, length);
      const auto model = open();
      ASSERT_TRUE(!model.ok() || length >= whole) << name << " opens with " << length << " bytes";
      if (model.ok()) continue;
      ASSERT_EQ(model.error().code, ErrorCode::corrupt_file) << name << " at " << length << ": " << message(model.error());
      ASSERT_NE(message(model.error()).find("m/" + name), std::string::npos) << length << ": " << message(model.error());
      ASSERT_EQ(ledger_.current(), Bytes{0}) << length;
    }
    os_.files["m/" + name] = text;
    ASSERT_TRUE(open().ok());
  }

  void cut_json(const std::string& name) {
    const std::string& text = os_.files["m/" + name];
    cut(name, 0, text.size(), testing::kSanitized ? 11 : 1, text.find_last_of('}') + 1);
  }

  testing::FakeOs os_;
  Ledger ledger_{"cpu", mib(64)};
};

TEST_F(CutFiles, AtEveryByte) {
  put("models/bert", {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"});
  cut_json("config.json");
  cut_json("tokenizer_config.json");
  cut_json("tokenizer.json");
  const std::size_t size = os_.files["m/model.safetensors"].size();
  static constexpr std::size_t kAfterTheHeader = 8192;
  cut("model.safetensors", 0, kAfterTheHeader, testing::kSanitized ? 11 : 1, size);
  cut("model.safetensors", kAfterTheHeader, size, 997, size);
  cut("model.safetensors", size - 9, size, 1, size);
}

TEST_F(CutFiles, AnIndexAndItsShards) {
  put("variants/sharded",
      {"config.json", "model.safetensors.index.json", "model-00001-of-00004.safetensors", "model-00002-of-00004.safetensors",
       "model-00003-of-00004.safetensors", "model-00004-of-00004.safetensors", "tokenizer.json"});
  cut_json("model.safetensors.index.json");
  cut("model-00003-of-00004.safetensors", 0, 77608, 97, 77608);
}

TEST_F(CutFiles, AVocabularyIsAListAndMayEndAnywhere) {
  put("variants/vocab-txt", {"config.json", "model.safetensors", "vocab.txt"});
  cut("vocab.txt", 0, os_.files["m/vocab.txt"].size(), testing::kSanitized ? 11 : 1, 0);
}

}  // namespace
}  // namespace plimsoll
