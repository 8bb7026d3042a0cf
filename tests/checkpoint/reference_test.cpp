// Compares with the answers of the reference reader, written by fixtures/safetensors/make_fixtures.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "checkpoint/builders.h"

namespace plimsoll {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const std::string kFixtures = std::string(PLIMSOLL_SOURCE_DIR) + "/tests/fixtures/";

json load(const std::string& name) {
  std::ifstream stream(kFixtures + "safetensors/" + name);
  return json::parse(stream);
}

std::uint32_t crc32(std::span<const std::byte> bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int i = 0; i < 8; ++i) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

// The text of cases.json holds a byte in each character.
std::string to_bytes(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) bytes += text[i];
    else bytes += static_cast<char>((lead & 3U) << 6U | (static_cast<unsigned char>(text[++i]) & 0x3FU));
  }
  return bytes;
}

void expect_same_tensor(const Checkpoint& checkpoint, const std::string& name, const json& wanted) {
  SCOPED_TRACE(name);
  const TensorInfo* tensor = checkpoint.find(name);
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->name, name);
  EXPECT_EQ(file_type_name(tensor->type), wanted[0].get<std::string>());
  EXPECT_EQ(json(std::vector<std::int64_t>(tensor->shape.begin(), tensor->shape.end())), wanted[1]);
  ASSERT_EQ(tensor->bytes, wanted[2].get<std::uint64_t>());
  if (wanted.size() < 4) return;
  std::vector<std::byte> data(static_cast<std::size_t>(tensor->bytes));
  ASSERT_TRUE(checkpoint.read(*tensor, 0, data).ok());
  EXPECT_EQ(crc32(data), wanted[3].get<std::uint32_t>());
}

TEST(Reference, EveryFixtureHoldsWhatTheReferenceReads) {
  // By folder, so that shards come together.
  std::map<std::string, json> folders;
  std::map<std::string, std::size_t> files;
  const json reference = load("reference.json");
  for (const auto& [path, tensors] : reference.items()) {
    const std::string folder = path.substr(0, path.rfind('/'));
    if (folders[folder].is_null()) folders[folder] = json::object();
    folders[folder].update(tensors);
    ++files[folder];
  }
  ASSERT_GE(folders.size(), 8U);
  EXPECT_EQ(files["variants/sharded"], 4U);
  Gate gate;
  const auto os = make_os(gate);
  Ledger ledger("cpu", testing::kAmple);
  for (const auto& [folder, tensors] : folders) {
    SCOPED_TRACE(folder);
    auto checkpoint = Checkpoint::open(*os, ledger, kFixtures + folder);
    ASSERT_TRUE(checkpoint.ok()) << message(checkpoint.error());
    EXPECT_EQ(checkpoint->file_count(), files[folder]);
    EXPECT_EQ(checkpoint->tensors().size(), tensors.size());
    for (const auto& [name, wanted] : tensors.items()) expect_same_tensor(*checkpoint, name, wanted);
  }
  EXPECT_EQ(ledger.current(), Bytes{0});
}

TEST(Reference, EveryRuleIsKept) {
  const json cases = load("cases.json");
  ASSERT_GE(cases.size(), 90U);
  std::size_t accepted = 0;
  for (const json& row : cases) {
    SCOPED_TRACE(row["name"].get<std::string>());
    testing::FakeOs os;
    Ledger ledger("cpu", testing::kAmple);
    const std::string data(row["data"].get<std::size_t>(), '\1');
    os.files["m/model.safetensors"] = testing::safetensors_file(to_bytes(row["header"]), data, row["length"].get<std::uint64_t>());
    const auto checkpoint = Checkpoint::open(os, ledger, "m");
    if (!row.contains("error")) {
      ASSERT_TRUE(checkpoint.ok()) << message(checkpoint.error());
      ASSERT_FALSE(row["reference"].is_null());
      EXPECT_EQ(checkpoint->tensors().size(), row["reference"].size());
      for (const auto& [name, wanted] : row["reference"].items()) expect_same_tensor(*checkpoint, name, wanted);
      ++accepted;
      continue;
    }
    ASSERT_FALSE(checkpoint.ok());
    EXPECT_EQ(error_code_name(checkpoint.error().code), row["code"].get<std::string>()) << message(checkpoint.error());
    EXPECT_THAT(message(checkpoint.error()), HasSubstr(row["error"].get<std::string>()));
    EXPECT_THAT(checkpoint.error().where, HasSubstr("m/model.safetensors"));
    EXPECT_EQ(ledger.current(), Bytes{0});
    EXPECT_EQ(ledger.peak_by_tag()[static_cast<std::size_t>(MemoryTag::weights)], Bytes{0});
  }
  EXPECT_EQ(accepted, 32U);
}

// They are the same model: made by torch.save out of the tensors of models/bert.
TEST(Reference, FilesOfTorchHoldTheTensorsOfTheirSafetensors) {
  Gate gate;
  const auto os = make_os(gate);
  Ledger ledger("cpu", testing::kAmple);
  const auto wanted = Checkpoint::open(*os, ledger, kFixtures + "models/bert");
  ASSERT_TRUE(wanted.ok()) << message(wanted.error());
  for (const char* variant : {"bin", "bin-legacy", "bin-parameters", "bin-strided", "sharded-bin"}) {
    SCOPED_TRACE(variant);
    const auto found = Checkpoint::open(*os, ledger, kFixtures + "variants/" + variant);
    ASSERT_TRUE(found.ok()) << message(found.error());
    ASSERT_EQ(found->tensors().size(), wanted->tensors().size());
    for (const TensorInfo& tensor : wanted->tensors()) {
      const TensorInfo* same = found->find(tensor.name);
      ASSERT_NE(same, nullptr) << tensor.name;
      EXPECT_EQ(same->type, tensor.type);
      EXPECT_TRUE(std::equal(same->shape.begin(), same->shape.end(), tensor.shape.begin(), tensor.shape.end())) << tensor.name;
      ASSERT_EQ(same->bytes, tensor.bytes);
      std::vector<std::byte> data(tensor.bytes);
      std::vector<std::byte> same_data(tensor.bytes);
      ASSERT_TRUE(wanted->read(tensor, 0, data).ok());
      ASSERT_TRUE(found->read(*same, 0, same_data).ok());
      EXPECT_EQ(same_data, data) << tensor.name;
    }
  }
}

TEST(Reference, NothingThatTheReferenceRefusesIsAccepted) {
  for (const json& row : load("cases.json")) {
    EXPECT_TRUE(row.contains("error") || !row["reference"].is_null()) << row["name"];
  }
}

}  // namespace
}  // namespace plimsoll
