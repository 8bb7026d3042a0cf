#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "device/support.h"

namespace plimsoll::test {
namespace {

/// A weight in a file, behind a header that leaves it at an odd address.
class WeightFile {
 public:
  static constexpr std::uint64_t kHeader = 13;

  explicit WeightFile(const Matrix& weight)
      : path_(std::filesystem::temp_directory_path() / ("plimsoll-ring-" + std::to_string(getpid()))) {
    std::ofstream file(path_, std::ios::binary);
    file << std::string(kHeader, '#');
    for (std::int64_t row = 0; row < weight.row_count(); ++row) {
      const auto bytes = weight.row_bytes(row);
      file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
  }
  ~WeightFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

struct Layer {
  Matrix x;
  Matrix weight;
  Matrix bias;
};

/// A linear layer whose weight passes through a ring of slots chunk by chunk: read, prepared or used as read, multiplied.
class Ring {
 public:
  static constexpr std::int64_t kSlots = 3;

  Ring(Cpu& cpu, File& file, const Layer& layer, std::int64_t chunk) : cpu_(cpu), file_(file), layer_(layer), chunk_(chunk) {}

  Matrix run(WeightForm form) {
    Matrix out(layer_.x.row_count(), layer_.weight.row_count(), layer_.x.type());
    std::vector<std::vector<std::byte>> slots(kSlots, std::vector<std::byte>(static_cast<std::size_t>(chunk_ * row_bytes()) + 3));
    std::vector<std::byte> prepared(static_cast<std::size_t>(weight_bytes(form, chunk_, layer_.weight.cols())));
    for (std::int64_t first = 0, slot = 0; first < layer_.weight.row_count(); first += chunk_, slot = (slot + 1) % kSlots) {
      // Each slot's data begin at another odd address, as O_DIRECT reads of unaligned tensors leave them.
      const auto rows = read(first, std::span(slots[static_cast<std::size_t>(slot)]).subspan(static_cast<std::size_t>(slot) + 1));
      const std::byte* data = rows.data();
      if (form != layer_.weight.weight().form) {
        const std::int64_t count = rows_at(first);
        const PrepareStep step{rows.data(), layer_.weight.type(), count, layer_.weight.cols(), 0, count, form, prepared.data()};
        EXPECT_TRUE(cpu_.run(step).ok());
        data = prepared.data();
      }
      multiply(first, WeightView{data, form, rows_at(first), layer_.weight.cols()}, out);
    }
    return out;
  }

 private:
  std::int64_t rows_at(std::int64_t first) const { return std::min(chunk_, layer_.weight.row_count() - first); }
  std::int64_t row_bytes() const { return static_cast<std::int64_t>(layer_.weight.row_bytes(0).size()); }

  std::span<std::byte> read(std::int64_t first, std::span<std::byte> slot) {
    const auto rows = slot.first(static_cast<std::size_t>(rows_at(first) * row_bytes()));
    EXPECT_TRUE(file_.read(rows, WeightFile::kHeader + static_cast<std::uint64_t>(first * row_bytes())).ok());
    return rows;
  }

  void multiply(std::int64_t first, const WeightView& weight, const Matrix& out) {
    MatrixView columns = out.view();
    columns.data += first * static_cast<std::int64_t>(element_bytes(columns.type));
    columns.cols = weight.outputs;
    const auto* bias = reinterpret_cast<const float*>(layer_.bias.data()) + first;
    EXPECT_TRUE(cpu_.run(LinearStep{layer_.x.view(), weight, bias, Activation::gelu, columns}).ok());
  }

  Cpu& cpu_;
  File& file_;
  const Layer& layer_;
  std::int64_t chunk_;
};

class StreamingTest : public KernelTest {};

/// Panels that are read from a file through a small ring give the bits of a weight that is resident in panels.
TEST_P(StreamingTest, ARingOfChunksGivesTheBitsOfAResidentWeight) {
  Gate gate;
  const auto os = make_os(gate);
  Cpu cpu(features(), wide_needs(2));
  Numbers numbers(21);
  for (const ElementType stored : {ElementType::float32, ElementType::bfloat16, ElementType::float16}) {
    const bool native = stored == ElementType::bfloat16 && features().native_bfloat16;
    const Layer layer{Matrix::random(numbers, 37, 520, native ? stored : ElementType::float32),
                      Matrix::random(numbers, 64 * 9 + 5, 520, stored), Matrix::random(numbers, 1, 64 * 9 + 5)};
    const WeightFile written(layer.weight);
    auto file = os->open(written.path());
    ASSERT_TRUE(file.ok());
    const WeightForm resident_form{native ? stored : ElementType::float32, WeightLayout::panels};
    const Prepared resident = prepare(cpu, layer.weight, resident_form);
    const Matrix expected(37, layer.weight.row_count(), layer.x.type());
    const auto* bias = reinterpret_cast<const float*>(layer.bias.data());
    ASSERT_TRUE(cpu.run(LinearStep{layer.x.view(), resident.view, bias, Activation::gelu, expected.view()}).ok());
    for (const std::int64_t chunk : {64, 128, 320}) {
      Ring ring(cpu, **file, layer, chunk);
      EXPECT_TRUE(same_bits(ring.run(layer.weight.weight().form), expected)) << "as read, chunks of " << chunk;
      EXPECT_TRUE(same_bits(ring.run(resident_form), expected)) << "prepared, chunks of " << chunk;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Features, StreamingTest, ::testing::ValuesIn(kAllFeatures), features_test_name);

}  // namespace
}  // namespace plimsoll::test
