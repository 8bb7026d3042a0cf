// Errors of a model that is broken name what, where and what to do.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "command.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;

/// A copy of the fixture that may be spoilt.
class BrokenModel : public ::testing::Test {
 protected:
  BrokenModel() { std::filesystem::copy(fixture("models/bert"), path(), std::filesystem::copy_options::recursive); }

  std::string path() const { return folder_ / "model"; }
  void replace(const std::string& file, const std::string& text) { std::ofstream(path() + "/" + file) << text; }

  void change(const std::string& file, const json& patch) {
    json whole = json::parse(read_file(path() + "/" + file));
    whole.merge_patch(patch);
    replace(file, whole.dump());
  }

  /// "<what> (<where>): <what to do>"
  void expect(int status, const std::string& what, const std::string& where, const std::string& advice,
              std::vector<std::string> flags = {}) {
    std::vector<std::string> arguments = {"run", path(), "zebra \xE2\x98\x83", "-q"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Finished result = run(arguments);
    EXPECT_EQ(result.status, status) << result.err;
    const std::size_t place = result.err.find(" (" + where);
    ASSERT_NE(place, std::string::npos) << result.err;
    EXPECT_LT(result.err.find(what), place) << result.err;
    const std::size_t end = result.err.find("): " + advice, place);
    EXPECT_NE(end, std::string::npos) << result.err;
  }

 private:
  const Folder folder_;
};

TEST_F(BrokenModel, WhoseConfigIsNotJson) {
  replace("config.json", "{bad");
  expect(5, "not valid JSON", path() + "/config.json at byte 2", "correct the file");
}

TEST_F(BrokenModel, WhoseTokenizerIsNotJson) {
  replace("tokenizer.json", "hello");
  expect(5, "not valid JSON", path() + "/tokenizer.json at byte 1", "correct the file");
}

TEST_F(BrokenModel, WhoseUnknownTokenIsUnknown) {
  change("tokenizer.json", {{"model", {{"unk_token", "[NONE]"}}}});
  expect(1, "the token for unknown words", path() + "/tokenizer.json: model.unk_token", "name a token");
}

TEST_F(BrokenModel, WhoseLabelsAreNotNumbered) {
  change("config.json", {{"id2label", {{"0", nullptr}}}});
  expect(5, "labels are 0 to", path() + "/config.json: id2label.", "number the labels");
}

TEST_F(BrokenModel, WhoseConfigAsksForWhatIsNotBuilt) {
  change("config.json", {{"position_embedding_type", "relative_key"}});
  expect(4, "relative_key", path() + "/config.json: position_embedding_type", "give a model");
  change("config.json", {{"position_embedding_type", "absolute"}, {"is_decoder", true}});
  expect(4, "is_decoder", path() + "/config.json: is_decoder", "use an encoder");
  change("config.json", {{"is_decoder", false}, {"problem_type", "ranking"}});
  expect(4, "ranking", path() + "/config.json: problem_type", "built are");
  change("config.json", {{"model_type", "gpt17"}});
  expect(4, "gpt17", path() + "/config.json: model_type", "give a model");
}

TEST_F(BrokenModel, OrALengthThatIsTooShort) {
  expect(2, "no room for the 2 special", "--max-length", "give 2 or more", {"--max-length", "1"});
}

}  // namespace
}  // namespace plimsoll::test
