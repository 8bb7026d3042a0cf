// Streams, events and errors of a device.
#include "device/conformance.h"
#include "support/heap_watch.h"

namespace plimsoll::test {
namespace {

class ConformanceQueue : public ConformanceTest {
 protected:
  static constexpr std::int64_t kCols = 1024;

  /// Copies row 0 of `from` into `to`.
  Step copy_step(const MatrixView& from, const MatrixView& to) {
    if (zero_ == nullptr) zero_ = put(std::vector<std::int32_t>{0});
    return GatherRowsStep{from, zero_, to};
  }
  Step bad_step() { return GatherRowsStep{take_matrix(1, 8), put(std::vector<std::int32_t>{0}), take_matrix(1, 9)}; }
  MatrixView filled(float value) { return put(row_of(value)); }
  static Matrix row_of(float value) {
    Matrix m(1, kCols);
    for (std::int64_t c = 0; c < kCols; ++c) m.set(0, c, value);
    return m;
  }
  static std::span<std::byte> bytes_of(const Matrix& m) { return {m.data(), static_cast<std::size_t>(kCols) * 4}; }

 private:
  const std::int32_t* zero_ = nullptr;
};

TEST_P(ConformanceQueue, CopiesAndStepsOfAStreamHappenInOrder) {
  const Matrix first = row_of(1), second = row_of(2);
  const MatrixView a = filled(0), b = filled(0);
  const Matrix seen(1, kCols), seen_later(1, kCols);
  const Step step = copy_step(a, b);
  device().copy_in(compute(), a.data, bytes_of(first));
  kernels().enqueue(compute(), step);
  device().copy_out(compute(), bytes_of(seen), b.data);
  device().copy_in(compute(), a.data, bytes_of(second));
  kernels().enqueue(compute(), step);
  device().copy_out(compute(), bytes_of(seen_later), b.data);
  ASSERT_TRUE(device().synchronize(compute()).ok());
  EXPECT_TRUE(same_bits(seen, first));
  EXPECT_TRUE(same_bits(seen_later, second));
}

/// A ring of two slots: the copy waits until the slot is free, the step until it is filled. Without the waits, rounds get mixed.
TEST_P(ConformanceQueue, EventsOrderWhatStreamsShare) {
  constexpr int kRounds = 700;
  const MatrixView slots[] = {filled(-1), filled(-1)};
  const MatrixView all = take_matrix(kRounds, 8);
  Event used[2];
  std::vector<float> sources(kRounds * kCols);
  for (std::size_t i = 0; i < sources.size(); ++i) sources[i] = static_cast<float>(i / kCols);
  const auto pin = device().pin(std::as_writable_bytes(std::span(sources)));
  ASSERT_TRUE(pin.ok());
  static_cast<void>(copy_step(slots[0], slots[0]));
  for (int round = 0; round < kRounds; ++round) {
    MatrixView slot = slots[round % 2];
    device().wait(in(), used[round % 2]);
    device().copy_in(in(), slot.data, std::as_bytes(std::span(sources)).subspan(static_cast<std::size_t>(round * kCols * 4), kCols * 4));
    device().wait(compute(), device().record(in()));
    slot.cols = 8;
    kernels().enqueue(compute(), copy_step(slot, {all.data + std::ptrdiff_t{round} * 8 * 4, 1, 8, 8, ElementType::float32}));
    used[round % 2] = device().record(compute());
  }
  ASSERT_TRUE(device().synchronize(compute()).ok());
  const Matrix result = get(all);
  for (int round = 0; round < kRounds; ++round) ASSERT_EQ(result.at(round, 7), round);
}

/// In a pin, across its end, in two pins, and after it: the same bytes.
TEST_P(ConformanceQueue, PinnedOrNotTheBytesAreTheSame) {
  constexpr std::size_t kHalf = kCols * 2;
  Matrix source = row_of(0);
  const Matrix seen = row_of(-1);
  for (std::int64_t c = 0; c < kCols; ++c) source.set(0, c, static_cast<float>(c));
  const MatrixView there = filled(-2);
  const auto copy_there_and_back = [&] {
    device().copy_in(in(), there.data, bytes_of(source));
    device().wait(out(), device().record(in()));
    device().copy_out(out(), bytes_of(seen), there.data);
  };
  const auto expect_the_same = [&] {
    ASSERT_TRUE(device().synchronize(out()).ok());
    EXPECT_TRUE(same_bits(seen, source));
    std::memset(seen.data(), 0, kHalf * 2);
  };
  copy_there_and_back();
  expect_the_same();
  {
    const auto part = device().pin(bytes_of(source).first(kHalf));
    const auto sink = device().pin(bytes_of(seen));
    ASSERT_TRUE(part.ok() && sink.ok());
    copy_there_and_back();
    expect_the_same();
    const auto all = device().pin(bytes_of(source));
    ASSERT_TRUE(all.ok());
    copy_there_and_back();
  }
  expect_the_same();
}

TEST_P(ConformanceQueue, AnErrorSurfacesOnceAndDiscardsWhatFollows) {
  const MatrixView a = filled(5), b = filled(0);
  const Matrix overwrites = row_of(9), untouched = row_of(3);
  const Step good = copy_step(a, b);
  const Step bad = bad_step();
  kernels().enqueue(compute(), bad);
  kernels().enqueue(compute(), good);
  device().copy_in(compute(), b.data, bytes_of(overwrites));
  device().copy_out(compute(), bytes_of(untouched), a.data);
  const Status failed = kernels().synchronize(compute());
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::internal);
  EXPECT_TRUE(same_bits(get(b), row_of(0)));
  EXPECT_TRUE(same_bits(untouched, row_of(3)));
  EXPECT_TRUE(device().synchronize(compute()).ok());
  EXPECT_TRUE(run(good).ok());
  EXPECT_TRUE(same_bits(get(b), row_of(5)));
}

TEST_P(ConformanceQueue, OtherStreamsGoOnUnlessTheyWaitForWhatFailed) {
  const MatrixView a = filled(5), b = filled(0);
  const Matrix source = row_of(7);
  const Step good = copy_step(a, b);
  const Step bad = bad_step();
  const Event before = device().record(compute());
  kernels().enqueue(compute(), bad);
  const Event after = device().record(compute());
  device().wait(in(), before);
  device().copy_in(in(), a.data, bytes_of(source));
  EXPECT_TRUE(device().synchronize(in()).ok());
  EXPECT_FALSE(device().synchronize(compute()).ok());
  EXPECT_TRUE(same_bits(get(a), row_of(7)));
  device().wait(out(), after);
  device().copy_in(out(), b.data, bytes_of(source));
  const Status inherited = device().synchronize(out());
  ASSERT_FALSE(inherited.ok());
  EXPECT_EQ(inherited.error().code, ErrorCode::internal);
  EXPECT_TRUE(same_bits(get(b), row_of(0)));
  EXPECT_TRUE(run(good).ok());
}

TEST_P(ConformanceQueue, AStreamMayWaitForItselfAndForTheLongPast) {
  const MatrixView a = filled(5);
  const Matrix source = row_of(7), seen = row_of(0);
  device().wait(compute(), Event{});
  device().wait(compute(), device().record(compute()));
  EXPECT_TRUE(device().synchronize(compute()).ok());
  device().copy_in(in(), a.data, bytes_of(source));
  const Event old = device().record(in());
  for (int i = 0; i < 5000; ++i) static_cast<void>(device().record(compute()));
  device().wait(compute(), old);
  device().copy_out(compute(), bytes_of(seen), a.data);
  EXPECT_TRUE(device().synchronize(compute()).ok());
  EXPECT_TRUE(same_bits(seen, source));
  EXPECT_TRUE(device().synchronize(in()).ok());
}

TEST_P(ConformanceQueue, QueueingAllocatesNothing) {
  const MatrixView a = filled(5), b = filled(0);
  const Matrix source = row_of(7), seen = row_of(0);
  const Step good = copy_step(a, b);
  const testing::HeapWatch watch;
  bool fine = true;
  for (int i = 0; i < 2000; ++i) {
    device().copy_in(in(), a.data, bytes_of(source));
    device().wait(compute(), device().record(in()));
    kernels().enqueue(compute(), good);
    device().wait(out(), device().record(compute()));
    device().copy_out(out(), bytes_of(seen), b.data);
    if (i % 100 == 0) fine = device().synchronize(out()).ok() && fine;
  }
  EXPECT_EQ(watch.allocations(), 0U);
  EXPECT_TRUE(fine && device().synchronize(out()).ok());
}

INSTANTIATE_TEST_SUITE_P(BackEnds, ConformanceQueue, ::testing::ValuesIn(back_ends()), back_end_name);

}  // namespace
}  // namespace plimsoll::test
