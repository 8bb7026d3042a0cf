// Files cut at every byte, changed at random, and as large as the format allows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <chrono>
#include <random>

#include "checkpoint/builders.h"
#include "checkpoint/safetensors_header.h"

namespace plimsoll {
namespace {

using testing::FakeOs;
using testing::kAmple;
using testing::safetensors_file;
using testing::small_file;

bool is_file_error(ErrorCode code) { return code == ErrorCode::corrupt_file || code == ErrorCode::unsupported; }

// What every checkpoint that was accepted must be: its tensors fill the files' data exactly.
void expect_sound(const Checkpoint& checkpoint) {
  std::vector<std::uint64_t> end(checkpoint.file_count());
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    ASSERT_LT(tensor.file, end.size());
    ASSERT_LE(tensor.offset + tensor.bytes, checkpoint.file(tensor.file).size());
    if (end[tensor.file] != 0) {
      ASSERT_EQ(tensor.offset, end[tensor.file]);
    }
    end[tensor.file] = tensor.offset + tensor.bytes;
    std::uint64_t bits = file_type_bits(tensor.type);
    for (const std::int64_t size : tensor.shape) bits *= static_cast<std::uint64_t>(size);
    ASSERT_EQ(bits, 8 * tensor.bytes);
    ASSERT_EQ(checkpoint.find(tensor.name), &tensor);
    std::vector<std::byte> data(static_cast<std::size_t>(tensor.bytes));
    ASSERT_TRUE(checkpoint.read(tensor, 0, data).ok());
  }
}

TEST(Hostile, AFileCutAtAnyByteIsATypedError) {
  const std::string whole = small_file();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    FakeOs os;
    Ledger ledger("cpu", kAmple);
    os.files["m/model.safetensors"] = whole.substr(0, length);
    const auto checkpoint = Checkpoint::open(os, ledger, "m");
    ASSERT_FALSE(checkpoint.ok()) << length;
    EXPECT_EQ(checkpoint.error().code, ErrorCode::corrupt_file) << length;
    EXPECT_THAT(checkpoint.error().where, ::testing::HasSubstr("m/model.safetensors")) << length;
    EXPECT_EQ(ledger.peak(), Bytes{0}) << length;
  }
}

TEST(Hostile, AnIndexCutAtAnyByteIsATypedError) {
  const std::string index = R"({"metadata":{"total_size":36},"weight_map":{"bias":"s.safetensors","weight":"s.safetensors"}})";
  for (std::size_t length = 0; length <= index.size(); ++length) {
    FakeOs os;
    Ledger ledger("cpu", kAmple);
    os.files["m/s.safetensors"] = small_file();
    os.files["m/model.safetensors.index.json"] = index.substr(0, length);
    const auto checkpoint = Checkpoint::open(os, ledger, "m");
    ASSERT_EQ(checkpoint.ok(), length == index.size()) << length;
    if (checkpoint.ok()) continue;
    EXPECT_EQ(checkpoint.error().code, ErrorCode::corrupt_file) << length;
  }
}

TEST(Hostile, RandomChangesGiveATypedErrorOrASoundTable) {
  const std::string whole = small_file();
  std::mt19937 random(20240229);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  static constexpr std::string_view kTelling = "\"{}[]:,0123456789-.eE\\ \n\t\0\xFF\xC3";
  std::size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string file = whole;
    for (std::size_t change = 1 + below(3); change > 0; --change) {
      const std::size_t at = below(file.size());
      switch (below(4)) {
        case 0: file[at] = static_cast<char>(random()); break;
        case 1: file[at] = kTelling[below(kTelling.size())]; break;
        case 2: file.erase(at, 1 + below(4)); break;
        default: file.insert(at, file.substr(below(file.size()), 1 + below(24))); break;
      }
      if (file.empty()) file = "x";
    }
    FakeOs os;
    Ledger ledger("cpu", kAmple);
    os.files["m/model.safetensors"] = file;
    {
      const auto checkpoint = Checkpoint::open(os, ledger, "m");
      if (checkpoint.ok()) {
        expect_sound(*checkpoint);
        ++accepted;
      } else {
        ASSERT_TRUE(is_file_error(checkpoint.error().code)) << message(checkpoint.error());
      }
    }
    ASSERT_EQ(ledger.current(), Bytes{0});
  }
  // Changes to names and data are harmless; most of the others are not.
  EXPECT_GT(accepted, 100U);
  EXPECT_LT(accepted, 15000U);
}

/// A file whose contents change between the first and the second reading of its header.
class ChangingFile final : public File {
 public:
  ChangingFile(std::string first, std::string second) : first_(std::move(first)), second_(std::move(second)) {}
  std::uint64_t size() const override { return first_.size(); }
  const std::string& path() const override { return path_; }
  Status read(std::span<std::byte> out, std::uint64_t offset) override {
    if (offset == 0) ++openings_;
    const std::string& text = openings_ > 1 ? second_ : first_;
    if (offset > text.size() || out.size() > text.size() - offset) return Error{ErrorCode::corrupt_file, "the file ends early", path_};
    std::copy_n(std::as_bytes(std::span(text)).begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }

 private:
  std::string first_, second_, path_ = "changing";
  int openings_ = 0;
};

TEST(Hostile, AFileThatChangesBetweenCountAndFillIsATypedError) {
  const std::string one = R"({"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}})";
  const std::string two = R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}})";
  const std::string longer = R"({"abcdef":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}})";
  const std::string deeper = R"({"a":{"dtype":"I8","shape":[2,1,1,1],"data_offsets":[0,2]}})";
  const std::string wordy = R"({"name":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}})";
  const std::string scalars = R"({"a":{"dtype":"I8","shape":[],"data_offsets":[0,1]},"b":{"dtype":"I8","shape":[],"data_offsets":[1,2]}})";
  const std::string noted = R"({"__metadata__":{"k":""},"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}})";
  const auto padded = [&](std::string header) { return safetensors_file(header.append(200 - header.size(), ' '), "xy"); };
  for (const auto& [before, after] : {std::pair(one, two), std::pair(two, one), std::pair(one, longer), std::pair(one, deeper),
                                      std::pair(one, noted), std::pair(wordy, scalars)}) {
    SCOPED_TRACE(after);
    FakeOs os;
    Ledger ledger("cpu", kAmple);
    std::vector<std::shared_ptr<File>> files;
    files.push_back(std::make_unique<ChangingFile>(padded(before), padded(after)));
    HeaderCounter counter;
    Opening opening;
    const HeaderReader read = [&](File& file, HeaderSink& sink) { return read_safetensors_header(file, sink, opening); };
    ASSERT_TRUE(read(*files[0], counter).ok());
    auto table = TensorTable::create(os, ledger, counter.counts());
    ASSERT_TRUE(table.ok());
    const auto added = table->add_file(files, 0, read);
    Status status = added.ok() ? Status() : added.error();
    // More than was counted must not be stored at all; less shows at the end.
    EXPECT_EQ(status.ok(), before == two);
    if (status.ok()) status = table->finish(files);
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(message(status.error()), ::testing::HasSubstr("changed while its header was read"));
  }
}

TEST(Hostile, ATableLargerThanAnyRealOneIsRefusedBeforeItIsMade) {
  FakeOs os;
  Ledger ledger("cpu", Bytes{~std::uint64_t{0}});
  const auto table = TensorTable::create(os, ledger, {.tensors = 1'000'000, .sizes = 64'000'000, .text_bytes = 1'000'000});
  ASSERT_FALSE(table.ok());
  EXPECT_EQ(table.error().code, ErrorCode::unsupported);
  EXPECT_EQ(ledger.peak(), Bytes{0});
}

TEST(Hostile, AMillionTensorsStayWithinTheirBounds) {
  constexpr int kTensors = 1'000'000;
  std::string header = "{";
  for (int i = 0; i < kTensors; ++i) {
    const std::string n = std::to_string(i);
    header += (i == 0 ? "\"layer." : ",\"layer.") + n + R"(.weight":{"dtype":"I8","shape":[1,1],"data_offsets":[)" + n + "," +
              std::to_string(i + 1) + "]}";
  }
  header += "}";
  ASSERT_LE(header.size(), kHeaderLimit);
  ASSERT_GT(header.size(), std::size_t{80'000'000});
  FakeOs os;
  Ledger ledger("cpu", mib(300));
  os.files["m/model.safetensors"] = safetensors_file(header, std::string(kTensors, 'x'));
  header = {};
  const auto start = std::chrono::steady_clock::now();
  const auto checkpoint = Checkpoint::open(os, ledger, "m");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(checkpoint.ok()) << message(checkpoint.error());
  EXPECT_EQ(checkpoint->tensors().size(), static_cast<std::size_t>(kTensors));
  ASSERT_NE(checkpoint->find("layer.999999.weight"), nullptr);
  EXPECT_EQ(checkpoint->find("layer.1000000.weight"), nullptr);
  RecordProperty("seconds", std::to_string(seconds.count()));
  RecordProperty("ledger_peak", std::to_string(ledger.peak().count));

  Ledger small("cpu", mib(64));
  const auto refused = Checkpoint::open(os, small, "m");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::out_of_memory);
  EXPECT_EQ(small.peak(), Bytes{0});
}

}  // namespace
}  // namespace plimsoll
