#include "device/cpu/isa.h"

#include <cmath>

#include "device/cpu/peak.h"
#include "device/support.h"
#include "support/forwarding_os.h"

namespace plimsoll::test {
namespace {

constexpr CpuFeatures kPortable{Isa::portable, false};
constexpr CpuFeatures kAvx2{Isa::avx2, false};
constexpr CpuFeatures kAvx512{Isa::avx512, false};
constexpr CpuFeatures kNative{Isa::avx512, true};

TEST(Isa, ACapLowersButNeverRaises) {
  EXPECT_EQ(cap_cpu_features(kNative, "").value(), kNative);
  EXPECT_EQ(cap_cpu_features(kNative, "avx512").value(), kNative);
  EXPECT_EQ(cap_cpu_features(kNative, "avx512_bf16").value(), kNative);
  EXPECT_EQ(cap_cpu_features(kNative, "avx2").value(), kAvx2);
  EXPECT_EQ(cap_cpu_features(kNative, "portable").value(), kPortable);
  EXPECT_EQ(cap_cpu_features(kAvx2, "avx512").value(), kAvx2);
  EXPECT_EQ(cap_cpu_features(kPortable, "avx2").value(), kPortable);
}

TEST(Isa, AnUnknownCapIsAUsageErrorThatNamesTheChoices) {
  for (const char* word : {"AVX2", "avx", "sse4.2", " avx2", "\n"}) {
    const auto capped = cap_cpu_features(kNative, word);
    ASSERT_FALSE(capped.ok()) << word;
    EXPECT_EQ(capped.error().code, ErrorCode::usage);
    EXPECT_NE(message(capped.error()).find("avx512, avx2 or portable"), std::string::npos);
  }
}

TEST(Isa, NamesAreThoseOfReports) {
  EXPECT_EQ(cpu_features_name(kPortable), "portable");
  EXPECT_EQ(cpu_features_name(kAvx2), "avx2");
  EXPECT_EQ(cpu_features_name(kAvx512), "avx512");
  EXPECT_EQ(cpu_features_name(kNative), "avx512_bf16");
}

TEST(Isa, FeaturesThatTheProcessorLacksAreUnsupported) {
  if (detect_cpu_features() == kNative) GTEST_SKIP() << "this processor has every instruction set";
  Gate gate;
  const auto os = make_os(gate);
  const auto pool = std::move(ThreadPool::create(*os, 1)).value();
  const auto kernels = CpuKernels::create(*pool, kNative, WorkspaceNeeds{}, {});
  ASSERT_FALSE(kernels.ok());
  EXPECT_EQ(kernels.error().code, ErrorCode::unsupported);
}

class PeakTest : public KernelTest {};

TEST_P(PeakTest, RatesArePlausible) {
  Gate gate;
  const auto os = make_os(gate);
  const auto pool = std::move(ThreadPool::create(*os, 2)).value();
  const auto duration = std::chrono::milliseconds(2);
  const double float32 = measure_peak_flops(*pool, *os, features(), ElementType::float32, duration);
  EXPECT_GT(float32, 1e7);
  EXPECT_LT(float32, 1e13);
  EXPECT_EQ(measure_peak_flops(*pool, *os, features(), ElementType::bfloat16, duration) > 0, features().native_bfloat16);
  EXPECT_EQ(measure_peak_flops(*pool, *os, features(), ElementType::int8, duration), 0);
  const std::vector<std::byte> buffer(std::size_t{4} << 20, std::byte{1});
  const double rate = measure_read_bandwidth(*pool, *os, features(), buffer, duration);
  EXPECT_GT(rate, 1e6);
  EXPECT_LT(rate, 1e13);
  EXPECT_EQ(measure_read_bandwidth(*pool, *os, features(), {}, duration), 0);
}

// A clock that was faked, as for builds that are to be reproducible.
struct StoppedClock final : testing::ForwardingOs {
  std::chrono::nanoseconds now() override { return std::chrono::nanoseconds(5); }
};

TEST_P(PeakTest, AClockThatStandsStillMeasuresNothing) {
  StoppedClock os;
  const auto pool = std::move(ThreadPool::create(os, 2)).value();
  EXPECT_EQ(measure_peak_flops(*pool, os, features(), ElementType::float32), 0);
  const std::vector<std::byte> buffer(std::size_t{4} << 20U, std::byte{1});
  EXPECT_EQ(measure_read_bandwidth(*pool, os, features(), buffer), 0);
}

INSTANTIATE_TEST_SUITE_P(Features, PeakTest, ::testing::ValuesIn(kAllFeatures), features_test_name);

}  // namespace
}  // namespace plimsoll::test
