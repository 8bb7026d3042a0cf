#include "checkpoint/checkpoint.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <array>

#include "checkpoint/builders.h"
#include "checkpoint/torch/builders.h"
#include "support/heap_watch.h"
#include "support/temporary_folder.h"

namespace plimsoll {
namespace {

using testing::FakeOs;
using ::testing::HasSubstr;
using testing::kAmple;
using testing::safetensors_file;
using testing::small_file;

constexpr const char* kIndexPath = "m/model.safetensors.index.json";

// One int8 tensor of four bytes.
std::string one_tensor(const std::string& name) {
  return safetensors_file("{\"" + name + R"(":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})", "abcd");
}

class CheckpointTest : public ::testing::Test {
 protected:
  Result<Checkpoint> open() { return Checkpoint::open(os, ledger, "m"); }

  void expect_error(ErrorCode code, const std::string& text) {
    const auto checkpoint = open();
    ASSERT_FALSE(checkpoint.ok());
    EXPECT_EQ(checkpoint.error().code, code) << message(checkpoint.error());
    EXPECT_THAT(message(checkpoint.error()), HasSubstr(text));
    EXPECT_EQ(ledger.current(), Bytes{0});
  }

  void two_shards(const std::string& weight_map) {
    os.files["m/one.safetensors"] = one_tensor("a");
    os.files["m/two.safetensors"] = one_tensor("b");
    os.files[kIndexPath] = R"({"metadata":{"total_size":99,"more":[{"x":"y"}]},"weight_map":)" + weight_map + "}";
  }

  FakeOs os;
  Ledger ledger{"cpu", kAmple};
};

TEST_F(CheckpointTest, ListsTensorsInFileOrderAndFindsThemByName) {
  os.files["m/model.safetensors"] = small_file();
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint.ok()) << message(checkpoint.error());
  ASSERT_EQ(checkpoint->tensors().size(), 2U);
  EXPECT_EQ(checkpoint->tensors()[0].name, "bias");
  EXPECT_EQ(checkpoint->tensors()[1].name, "weight");
  EXPECT_EQ(checkpoint->find("weight"), &checkpoint->tensors()[1]);
  EXPECT_EQ(checkpoint->find("weigh"), nullptr);
  EXPECT_EQ(checkpoint->find(""), nullptr);
  EXPECT_EQ(checkpoint->find("zzz"), nullptr);
  EXPECT_EQ(ledger.current(), ledger.current(MemoryTag::tables));
  EXPECT_EQ(ledger.current(), kPage);
}

// As the reference has it, for which metadata is optional.
TEST_F(CheckpointTest, MetadataMayBeNullAndNothingElse) {
  os.files["m/model.safetensors"] =
      safetensors_file(R"({"__metadata__":null,"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})", "abcd");
  {
    const auto checkpoint = open();
    ASSERT_TRUE(checkpoint.ok()) << message(checkpoint.error());
    EXPECT_EQ(checkpoint->tensors().size(), 1U);
  }
  os.files["m/model.safetensors"] = safetensors_file(R"({"a":null})", "");
  expect_error(ErrorCode::corrupt_file, "null in tensor");
}

TEST_F(CheckpointTest, SurvivesAMove) {
  os.files["m/model.safetensors"] = small_file();
  auto opened = open();
  ASSERT_TRUE(opened.ok());
  const Checkpoint moved = std::move(opened).value();
  ASSERT_NE(moved.find("weight"), nullptr);
  EXPECT_EQ(moved.find("weight")->shape[1], 2);
}

TEST_F(CheckpointTest, ReadsBytesOfATensorAndNoFurther) {
  os.files["m/model.safetensors"] = small_file();
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint.ok());
  const TensorInfo& weight = *checkpoint->find("weight");
  std::array<std::byte, 4> bytes{};
  ASSERT_TRUE(checkpoint->read(weight, 20, bytes).ok());
  EXPECT_EQ(bytes[3], std::byte{35});
  EXPECT_EQ(checkpoint->read(weight, 21, bytes).error().code, ErrorCode::internal);
  EXPECT_EQ(checkpoint->read(weight, ~std::uint64_t{0}, bytes).error().code, ErrorCode::internal);
  EXPECT_TRUE(checkpoint->read(weight, 24, {}).ok());
}

TEST_F(CheckpointTest, OpensShardsAndPrefersASingleFile) {
  two_shards(R"({"a":"one.safetensors","b":"two.safetensors"})");
  const auto sharded = open();
  ASSERT_TRUE(sharded.ok()) << message(sharded.error());
  EXPECT_EQ(sharded->file_count(), 2U);
  EXPECT_EQ(sharded->find("b")->file, 1U);
  EXPECT_EQ(sharded->file(1).path(), "m/two.safetensors");
  os.files["m/model.safetensors"] = small_file();
  EXPECT_NE(open()->find("bias"), nullptr);
}

// A file of torch.save with one transposed tensor [2, 3] and one of two bytes.
std::string torch_file(const std::string& name) {
  using namespace testing::pickle;
  const std::string turned = tensor(storage("FloatStorage", "0", 6), 0, {2, 3}, {1, 2});
  const std::string bytes = tensor(storage("ByteStorage", "1", 2), 0, {2}, {1});
  const std::string object = dict({{name, turned}, {name + ".bytes", bytes}});
  return testing::zip_file(testing::torch_entries(object, {{"0", testing::counting(24)}, {"1", "yz"}})).bytes;
}

TEST_F(CheckpointTest, TensorsThatAreNotInOrderHaveFilesOfTheirOwn) {
  os.files["m/pytorch_model.bin"] = torch_file("w");
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint.ok()) << message(checkpoint.error());
  ASSERT_EQ(checkpoint->file_count(), 2U);
  const TensorInfo& turned = *checkpoint->find("w");
  EXPECT_EQ(turned.file, 1U);
  EXPECT_EQ(turned.shard, 0U);
  EXPECT_EQ(checkpoint->file(1).path(), "m/pytorch_model.bin");
  EXPECT_EQ(checkpoint->find("w.bytes")->file, 0U);
  std::array<std::byte, 8> row{};
  ASSERT_TRUE(checkpoint->read(turned, 12, row).ok());
  EXPECT_EQ(row[0], std::byte{4});
  EXPECT_EQ(row[4], std::byte{12});
}

TEST_F(CheckpointTest, OpensTorchShards) {
  os.files["m/one.bin"] = torch_file("a");
  os.files["m/two.bin"] = torch_file("b");
  const auto index = [](const std::string& b) {
    return R"({"weight_map":{"a":"one.bin","a.bytes":"one.bin","b":")" + b + R"(","b.bytes":"two.bin"}})";
  };
  os.files["m/pytorch_model.bin.index.json"] = index("two.bin");
  {
    const auto checkpoint = open();
    ASSERT_TRUE(checkpoint.ok()) << message(checkpoint.error());
    EXPECT_EQ(checkpoint->file_count(), 4U);
    EXPECT_EQ(checkpoint->find("b")->shard, 1U);
    EXPECT_EQ(checkpoint->file(checkpoint->find("b")->file).path(), "m/two.bin");
  }
  os.files["m/pytorch_model.bin.index.json"] = index("one.bin");
  expect_error(ErrorCode::corrupt_file, "not in the shard that it names: b");
  os.files["m/pytorch_model.bin.index.json"] = index("two.safetensors");
  expect_error(ErrorCode::corrupt_file, "no .bin file");
  os.files["m/two.bin"] = torch_file("a");
  os.files["m/pytorch_model.bin.index.json"] = index("two.bin");
  expect_error(ErrorCode::corrupt_file, "the tensor a appears twice (m/one.bin and m/two.bin)");
}

// Each open file keeps its path.
TEST_F(CheckpointTest, ManyShardsUnderALongPathAreRefused) {
  const std::string folder(3'000, 'm');
  std::string map;
  const auto opened = [&](int shards) {
    for (int i = 0; i < shards; ++i) {
      const std::string name = std::to_string(1000 + i);
      os.files[folder + "/" + name + ".safetensors"] = one_tensor(name);
      map += (map.empty() ? "{\"" : ",\"") + name + "\":\"" + name + ".safetensors\"";
    }
    os.files[folder + "/model.safetensors.index.json"] = "{\"weight_map\":" + map + "}}";
    map.clear();
    return Checkpoint::open(os, ledger, folder);
  };
  EXPECT_TRUE(opened(300).ok());
  const auto refused = opened(400);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  EXPECT_THAT(message(refused.error()), HasSubstr("the paths of 400 shards are more than 1.00 MiB"));
}

TEST_F(CheckpointTest, SafetensorsComeBeforeTorchAndOneFileBeforeShards) {
  os.files["m/x.bin"] = torch_file("torch.shards");
  os.files["m/pytorch_model.bin.index.json"] = R"({"weight_map":{"torch.shards":"x.bin","torch.shards.bytes":"x.bin"}})";
  EXPECT_NE(open()->find("torch.shards"), nullptr);
  os.files["m/pytorch_model.bin"] = torch_file("torch.single");
  EXPECT_NE(open()->find("torch.single"), nullptr);
  os.files["m/y.safetensors"] = one_tensor("shards");
  os.files[kIndexPath] = R"({"weight_map":{"shards":"y.safetensors"}})";
  EXPECT_NE(open()->find("shards"), nullptr);
  os.files["m/model.safetensors"] = one_tensor("single");
  EXPECT_NE(open()->find("single"), nullptr);
}

TEST_F(CheckpointTest, TensorsOutOfOrderHaveABound) {
  using namespace testing::pickle;
  std::vector<std::pair<std::string, std::string>> members;
  for (int i = 0; i < 4097; ++i) members.emplace_back(std::to_string(i), tensor(storage("FloatStorage", "0", 4), 0, {2, 2}, {1, 2}));
  const auto file = [&] { return testing::zip_file(testing::torch_entries(dict(members), {{"0", testing::counting(16)}})).bytes; };
  os.files["m/pytorch_model.bin"] = file();
  expect_error(ErrorCode::unsupported, "more than 4096 tensors that are not row-major");
  members.pop_back();
  os.files["m/pytorch_model.bin"] = file();
  EXPECT_EQ(open()->file_count(), 4097U);
}

TEST_F(CheckpointTest, NamesTensorsThatIndexAndShardsDoNotShare) {
  two_shards(R"({"a":"two.safetensors","b":"two.safetensors","c":"one.safetensors"})");
  expect_error(ErrorCode::corrupt_file, "not in the shard that it names: a, c; in a shard but not in the index: a");
  two_shards(R"({"a":"one.safetensors","x1":"two.safetensors","x2":"two.safetensors","x3":"two.safetensors",)"
             R"("x4":"two.safetensors","x5":"two.safetensors","x6":"two.safetensors","x7":"two.safetensors"})");
  expect_error(ErrorCode::corrupt_file, "x1, x2, x3, x4, x5 and 2 more; in a shard but not in the index: b");
}

TEST_F(CheckpointTest, NamesShardsThatAreNotThere) {
  two_shards(R"({"a":"one.safetensors","b":"two.safetensors"})");
  os.files.erase("m/one.safetensors");
  os.files.erase("m/two.safetensors");
  expect_error(ErrorCode::not_found, "are not there: one.safetensors, two.safetensors (m/model.safetensors.index.json)");
  two_shards(R"({"a":"1.safetensors","b":"2.safetensors","c":"3.safetensors","d":"4.safetensors","e":"5.safetensors","f":"6.safetensors",)"
             R"("g":"one.safetensors"})");
  expect_error(ErrorCode::not_found, "4.safetensors, 5.safetensors and more (m/");
}

TEST_F(CheckpointTest, RefusesATensorInTwoShards) {
  two_shards(R"({"a":"one.safetensors","b":"two.safetensors"})");
  os.files["m/two.safetensors"] = one_tensor("a");
  expect_error(ErrorCode::corrupt_file, "the tensor a appears twice (m/one.safetensors and m/two.safetensors)");
}

TEST_F(CheckpointTest, RefusesABrokenIndex) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"a":"one.safetensors","a":"one.safetensors","b":"two.safetensors"})", "appears twice in the index"},
      {R"({"a":"../one.safetensors"})", "no plain file name"},
      {R"({"a":"x/one.safetensors"})", "no plain file name"},
      {R"({"a":"x\\one.safetensors"})", "no plain file name"},
      {R"({"a":"/etc/passwd"})", "no plain file name"},
      {R"({"a":""})", "no plain file name"},
      {R"({"a":"one\u0000.safetensors"})", "no plain file name"},
      {R"({"a":"one.bin"})", "no .safetensors file"},
      {R"({"a":1})", "something other than pairs"},
      {R"({"a":null})", "something other than pairs"},
      {R"({"a":["one.safetensors"]})", "something other than pairs"},
      {R"({"a":{"b":"one.safetensors"}})", "something other than pairs"},
      {R"(["one.safetensors"])", "something other than pairs"},
      {R"("one.safetensors")", "something other than pairs"},
      {R"({})", "no weight_map"},
      {R"({"a":"one.safetensors"},"weight_map":{})", "weight_map appears twice"},
      {R"({"a":"one.safetensors")", "not valid JSON"},
      {R"({"a":"one.safetensors"}})", "not valid JSON"},
  };
  for (const auto& [map, text] : cases) {
    SCOPED_TRACE(map);
    two_shards(map);
    expect_error(ErrorCode::corrupt_file, text);
    EXPECT_THAT(message(open().error()), HasSubstr(kIndexPath));
  }
  os.files[kIndexPath] = "[]";
  expect_error(ErrorCode::corrupt_file, "an index is a JSON object");
  os.files[kIndexPath] = R"({"metadata":{"weight_map":{"a":"one.safetensors"}}})";
  expect_error(ErrorCode::corrupt_file, "no weight_map");
}

TEST_F(CheckpointTest, SaysWhatIsMissing) {
  expect_error(ErrorCode::not_found, "there is no such folder (m)");
  os.files["m/config.json"] = "{}";
  expect_error(ErrorCode::not_found,
               "no model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json (m)");
  os.files["m/model.gguf"] = "x";
  expect_error(ErrorCode::unsupported, "GGUF files are not read yet");
}

TEST_F(CheckpointTest, NamesOfAFolderAreNotHeld) {
  const testing::TemporaryFolder folder;
  for (int i = 0; i < 2000; ++i) folder.write(std::string(200, 'n') + std::to_string(i), "");
  const auto real = make_os(os.gate());
  const testing::HeapWatch watch;
  const auto checkpoint = Checkpoint::open(*real, ledger, folder.path());
  EXPECT_LT(watch.highest(), std::size_t{100} << 10U);
  EXPECT_EQ(checkpoint.error().code, ErrorCode::not_found);
}

TEST_F(CheckpointTest, AFullLedgerIsATypedError) {
  os.files["m/model.safetensors"] = small_file();
  ledger.set_limit(Bytes{1});
  expect_error(ErrorCode::out_of_memory, "");
}

// Fails every acquisition in turn: the answer is a typed error, nothing stays charged, and the next opening works.
TEST_F(CheckpointTest, EveryAcquisitionMayFail) {
  two_shards(R"({"a":"one.safetensors","b":"two.safetensors"})");
  std::uint64_t refused_runs = 0;
  for (std::uint64_t n = 1;; ++n) {
    os.gate().refuse({.ordinal = n});
    const auto checkpoint = open();
    if (os.gate().refused() == 0) {
      EXPECT_TRUE(checkpoint.ok());
      break;
    }
    ++refused_runs;
    ASSERT_FALSE(checkpoint.ok()) << n;
    EXPECT_THAT(error_code_name(checkpoint.error().code), ::testing::AnyOf("io", "not_found", "out_of_memory"))
        << message(checkpoint.error());
    EXPECT_EQ(ledger.current(), Bytes{0});
  }
  // Two index readings, three openings, two arenas, and for each shard two headers of several reads each.
  EXPECT_GT(refused_runs, 15U);
}

TEST(CheckpointFiles, RefusesWhatIsNoRegularFileAndNoticesTruncation) {
  Gate gate;
  const auto os = make_os(gate);
  Ledger ledger("cpu", kAmple);
  const std::string folder = ::testing::TempDir() + "/plimsoll_checkpoint";
  ASSERT_TRUE(os->write_text(folder + "/model.safetensors", small_file()).ok());
  const auto checkpoint = Checkpoint::open(*os, ledger, folder);
  ASSERT_TRUE(checkpoint.ok()) << message(checkpoint.error());
  const TensorInfo& weight = *checkpoint->find("weight");
  ASSERT_EQ(::truncate((folder + "/model.safetensors").c_str(), static_cast<off_t>(weight.offset + 4)), 0);
  std::array<std::byte, 24> bytes{};
  const Status status = checkpoint->read(weight, 0, bytes);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::corrupt_file);

  ASSERT_EQ(::unlink((folder + "/model.safetensors").c_str()), 0);
  ASSERT_EQ(::mkfifo((folder + "/model.safetensors").c_str(), 0600), 0);
  const auto fifo = Checkpoint::open(*os, ledger, folder);
  ASSERT_FALSE(fifo.ok());
  EXPECT_THAT(message(fifo.error()), HasSubstr("FIFO"));
  ::unlink((folder + "/model.safetensors").c_str());
}

}  // namespace
}  // namespace plimsoll
