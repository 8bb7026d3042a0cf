#include <algorithm>
#include <cmath>

#include "device/reference.h"
#include "device/support.h"

namespace plimsoll::test {
namespace {

/// One way of holding a linear layer's operands.
struct Operands {
  ElementType x;
  ElementType stored;  ///< as the file has it
  WeightForm form;     ///< as the step gets it
};

std::vector<Operands> operands_of(CpuFeatures features) {
  using enum ElementType;
  using enum WeightLayout;
  std::vector<Operands> all = {
      {float32, float32, {float32, rows}},     {float32, float32, {float32, panels}}, {float32, bfloat16, {bfloat16, rows}},
      {float32, bfloat16, {bfloat16, panels}}, {float32, float16, {float16, rows}},   {float32, float16, {float16, panels}},
      {float32, float64, {float64, rows}},
  };
  if (features.native_bfloat16) {
    all.push_back({bfloat16, bfloat16, {bfloat16, rows}});
    all.push_back({bfloat16, bfloat16, {bfloat16, panels}});
  }
  return all;
}

/// Brings `stored` into the form of the operands; rows of the stored type are used where they lie.
WeightView hold(Cpu& cpu, const Matrix& stored, WeightForm form, Prepared& memory) {
  if (form == stored.weight().form) return stored.weight();
  memory = prepare(cpu, stored, form);
  return memory.view;
}

class LinearTest : public KernelTest {};

TEST_P(LinearTest, IsCloseToFloat64AtTileEdges) {
  Cpu cpu(features(), wide_needs(2));
  Numbers numbers(1);
  const std::int64_t sizes[][3] = {{1, 1, 1},     {5, 15, 2},    {6, 16, 3},     {7, 17, 31},   {3, 63, 32},
                                   {4, 64, 33},   {2, 65, 97},   {13, 127, 255}, {1, 128, 256}, {12, 129, 257},
                                   {31, 31, 521}, {6, 32, 1023}, {9, 2, 1024},   {8, 70, 1031}};
  for (const auto& [rows, outputs, inputs] : sizes) {
    for (const Operands& operands : operands_of(features())) {
      for (const ElementType out_type : {ElementType::float32, ElementType::bfloat16}) {
        const Matrix x = Matrix::random(numbers, rows, inputs, operands.x);
        const Matrix w = Matrix::random(numbers, outputs, inputs, operands.stored);
        const Matrix bias = Matrix::random(numbers, 1, outputs);
        const Matrix out(rows, outputs, out_type);
        Prepared memory;
        const LinearStep step{x.view(), hold(cpu, w, operands.form, memory), reinterpret_cast<const float*>(bias.data()), Activation::none,
                              out.view()};
        ASSERT_TRUE(cpu.run(step).ok());
        ASSERT_NO_FATAL_FAILURE(expect_linear(x, w, bias, out));
      }
    }
  }
}

/// The result of one step over all rows and outputs at once, on one thread.
Matrix whole(Cpu& cpu, const Matrix& x, const WeightView& weight, const Matrix& bias) {
  Matrix out(x.row_count(), weight.outputs, x.type());
  const LinearStep step{x.view(), weight, reinterpret_cast<const float*>(bias.data()), Activation::gelu, out.view()};
  EXPECT_TRUE(cpu.run(step).ok());
  return out;
}

TEST_P(LinearTest, RowsDoNotDependOnTheirNumberOrThreads) {
  Numbers numbers(2);
  std::vector<std::int64_t> counts;
  for (std::int64_t m = 1; m <= 40; ++m) counts.push_back(m);
  for (const std::int64_t m : {61, 63, 64, 65, 97, 127, 128, 129, 251, 255, 256, 257, 509, 512, 513, 769, 1023, 1024}) counts.push_back(m);
  std::vector<std::unique_ptr<Cpu>> cpus;
  for (int threads = 1; threads <= 3; ++threads) cpus.push_back(std::make_unique<Cpu>(features(), wide_needs(threads)));
  for (const Operands& operands : operands_of(features())) {
    if (operands.stored == ElementType::float64) continue;
    const Matrix x = Matrix::random(numbers, 1024, 301, operands.x);
    const Matrix w = Matrix::random(numbers, 70, 301, operands.stored);
    const Matrix bias = Matrix::random(numbers, 1, 70);
    Prepared memory;
    const WeightView weight = hold(*cpus[0], w, operands.form, memory);
    const Matrix expected = whole(*cpus[0], x, weight, bias);
    for (const std::int64_t count : counts) {
      const std::int64_t begin = numbers.below(1024 - count + 1);
      Matrix out(count, 70, operands.x);
      const LinearStep step{x.rows(begin, begin + count), weight, reinterpret_cast<const float*>(bias.data()), Activation::gelu,
                            out.view()};
      ASSERT_TRUE(cpus[static_cast<std::size_t>(count % 3)]->run(step).ok());
      for (std::int64_t row = 0; row < count; ++row) {
        ASSERT_TRUE(std::ranges::equal(out.row_bytes(row), expected.row_bytes(begin + row))) << count << " rows, row " << row;
      }
    }
  }
}

TEST_P(LinearTest, OutputsDoNotDependOnChunks) {
  Numbers numbers(3);
  constexpr std::int64_t kOutputs = 64 * 7 + 13;
  constexpr std::int64_t kInputs = 1100;
  Cpu cpu(features(), wide_needs(2));
  for (const Operands& operands : operands_of(features())) {
    const Matrix x = Matrix::random(numbers, 19, kInputs, operands.x);
    const Matrix w = Matrix::random(numbers, kOutputs, kInputs, operands.stored);
    const Matrix bias = Matrix::random(numbers, 1, kOutputs);
    Prepared memory;
    const WeightView weight = hold(cpu, w, operands.form, memory);
    const Matrix expected = whole(cpu, x, weight, bias);
    for (std::int64_t chunk = 64; chunk < kOutputs; chunk += 64) {
      const Matrix out(19, kOutputs, operands.x);
      for (std::int64_t first = 0; first < kOutputs; first += chunk) {
        WeightView part = weight;
        part.outputs = std::min(chunk, kOutputs - first);
        part.data += weight_bytes(weight.form, first, kInputs);
        MatrixView columns = out.view();
        columns.data += first * static_cast<std::int64_t>(element_bytes(columns.type));
        columns.cols = part.outputs;
        const LinearStep step{x.view(), part, reinterpret_cast<const float*>(bias.data()) + first, Activation::gelu, columns};
        ASSERT_TRUE(cpu.run(step).ok());
      }
      ASSERT_TRUE(same_bits(out, expected)) << "chunks of " << chunk;
    }
  }
}

TEST_P(LinearTest, RowsAndPanelsGiveTheSameBits) {
  Numbers numbers(4);
  Cpu cpu(features(), wide_needs(2));
  for (const std::int64_t inputs : {1, 2, 7, 64, 255, 256, 257, 1024, 1025, 4096}) {
    for (const ElementType stored : {ElementType::float32, ElementType::bfloat16, ElementType::float16}) {
      for (const ElementType compute : {ElementType::float32, ElementType::bfloat16}) {
        if (compute == ElementType::bfloat16 && (stored != compute || !features().native_bfloat16)) continue;
        const Matrix x = Matrix::random(numbers, 33, inputs, compute);
        const Matrix w = Matrix::random(numbers, 130, inputs, stored);
        const Matrix bias = Matrix::random(numbers, 1, 130);
        const Prepared packed = prepare(cpu, w, WeightForm{stored, WeightLayout::panels});
        const Matrix plain = whole(cpu, x, w.weight(), bias);
        ASSERT_TRUE(same_bits(plain, whole(cpu, x, packed.view, bias))) << inputs << " inputs";
        if (compute == ElementType::bfloat16) continue;
        const Prepared widened = prepare(cpu, w, WeightForm{ElementType::float32, WeightLayout::panels});
        ASSERT_TRUE(same_bits(plain, whole(cpu, x, widened.view, bias))) << inputs << " inputs, widened when prepared";
      }
    }
  }
}

TEST_P(LinearTest, NeedsNoAlignmentAndStaysInsideItsColumns) {
  Numbers numbers(5);
  Cpu cpu(features(), wide_needs(2));
  const Matrix x = Matrix::random(numbers, 11, 77);
  const Matrix w = Matrix::random(numbers, 91, 77);
  const Matrix bias = Matrix::random(numbers, 1, 91);
  const Matrix expected = whole(cpu, x, w.weight(), bias);
  Matrix shifted(91, 77, ElementType::float32, 77, 1);
  Matrix strided(11, 77, ElementType::float32, 83, 4);
  for (std::int64_t n = 0; n < 91; ++n) std::ranges::copy(w.row_bytes(n), shifted.data() + n * 77 * 4);
  for (std::int64_t m = 0; m < 11; ++m) std::ranges::copy(x.row_bytes(m), strided.data() + m * 83 * 4);
  Matrix out(11, 95);
  for (std::int64_t m = 0; m < 11; ++m) {
    for (std::int64_t n = 0; n < 95; ++n) out.set(m, n, 42);
  }
  MatrixView middle = out.view();
  middle.data += 2 * 4;
  middle.cols = 91;
  const LinearStep step{strided.view(), shifted.weight(), reinterpret_cast<const float*>(bias.data()), Activation::gelu, middle};
  ASSERT_TRUE(cpu.run(step).ok());
  for (std::int64_t m = 0; m < 11; ++m) {
    ASSERT_TRUE(std::ranges::equal(out.row_bytes(m).subspan(8, 91 * 4), expected.row_bytes(m)));
    for (const std::int64_t n : {0, 1, 93, 94}) ASSERT_EQ(out.at(m, n), 42);
  }
}

TEST_P(LinearTest, PassesOnWhatIsNotANumber) {
  Numbers numbers(6);
  Cpu cpu(features(), wide_needs(1));
  Matrix x = Matrix::random(numbers, 3, 40);
  x.set(1, 7, std::nanf(""));
  const Matrix w = Matrix::random(numbers, 20, 40);
  for (const Activation activation :
       {Activation::none, Activation::gelu, Activation::gelu_tanh, Activation::relu, Activation::silu, Activation::tanh}) {
    const Matrix out(3, 20);
    ASSERT_TRUE(cpu.run(LinearStep{x.view(), w.weight(), nullptr, activation, out.view()}).ok());
    for (std::int64_t n = 0; n < 20; ++n) {
      EXPECT_TRUE(std::isnan(out.at(1, n)));
      EXPECT_FALSE(std::isnan(out.at(0, n)) || std::isnan(out.at(2, n)));
    }
  }
}

TEST_P(LinearTest, RefusesWhatItWasNotPlannedFor) {
  Cpu cpu(features(), WorkspaceNeeds{.largest_inputs = 8, .longest_text = 4, .head_dim = 4, .threads = 1});
  const Matrix x(2, 9);
  const Matrix w(3, 9);
  const Matrix out(2, 3);
  const Status wide = cpu.run(LinearStep{x.view(), w.weight(), nullptr, Activation::none, out.view()});
  ASSERT_FALSE(wide.ok());
  EXPECT_EQ(wide.error().code, ErrorCode::internal);
  const Matrix short_out(1, 3);
  EXPECT_FALSE(cpu.run(LinearStep{x.view(), w.weight(), nullptr, Activation::none, short_out.view()}).ok());
  if (!features().native_bfloat16) {
    const Matrix half(2, 4, ElementType::bfloat16);
    const Matrix half_w(3, 4, ElementType::bfloat16);
    const Status native = cpu.run(LinearStep{half.view(), half_w.weight(), nullptr, Activation::none, out.view()});
    ASSERT_FALSE(native.ok());
    EXPECT_EQ(native.error().code, ErrorCode::unsupported);
  }
}

INSTANTIATE_TEST_SUITE_P(Features, LinearTest, ::testing::ValuesIn(kAllFeatures), features_test_name);

}  // namespace
}  // namespace plimsoll::test
