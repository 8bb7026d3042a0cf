// Every acquisition of everything that a session goes through is refused, in every way that there is.
#include <gtest/gtest.h>

#include <algorithm>

#include "sweeps/works.h"

namespace plimsoll::testing {
namespace {

class AcquisitionSweep : public WorksFixture, public ::testing::WithParamInterface<Place> {
 protected:
  void SetUp() override { settle_on(GetParam()); }

  /// Faults made from 1, 2, ... until one strikes nothing. How many struck.
  int sweep(const Work& work, const std::function<Fault(std::uint64_t)>& fault) {
    int struck = 0;
    for (std::uint64_t n = 1; attempt(work, fault(n)).refused > 0 && !HasFatalFailure(); n = after(n)) ++struck;
    return struck;
  }

  /// The same for every work; how many struck in all.
  int sweep_all(const std::function<Fault(std::uint64_t)>& fault) {
    int struck = 0;
    for (const Work& work : works()) struck += sweep(work, fault);
    return struck;
  }

  static constexpr int kEnough = kSanitized ? 20 : 40;
};

TEST_P(AcquisitionSweep, EachOnce) {
  EXPECT_GT(sweep_all([](std::uint64_t n) { return Fault{n}; }), kEnough);
}

TEST_P(AcquisitionSweep, EachAndAllThatFollow) {
  EXPECT_GT(sweep_all([](std::uint64_t n) { return Fault{n, Fault::kForEver}; }), kEnough);
}

TEST_P(AcquisitionSweep, AllOfOneKindFromEachOn) {
  int kinds = 0;
  for (std::size_t i = 0; i < kAcquisitionKinds; ++i) {
    const auto kind = static_cast<Acquisition>(i);
    kinds += sweep_all([kind](std::uint64_t n) { return Fault{n, Fault::kForEver, 0, kind}; }) > 0 ? 1 : 0;
  }
  EXPECT_GE(kinds, GetParam().simulated ? 7 : 4);
}

TEST_P(AcquisitionSweep, SomeInARowThenHealed) {
  for (const std::uint64_t length : {std::uint64_t{2}, std::uint64_t{5}})
    EXPECT_GT(sweep_all([length](std::uint64_t n) { return Fault{n, length}; }), kEnough) << length;
}

TEST_P(AcquisitionSweep, AgainInsideTheRecovery) {
  int pairs = 0;
  const std::uint64_t sparse = all_cases() ? 1 : kSanitized ? 23 : 7;
  for (const Work& work : works()) {
    for (std::uint64_t n = 1 + static_cast<std::uint64_t>(pairs) % sparse, refused = 1; refused > 0; n += sparse) {
      for (std::uint64_t m = 1; !HasFatalFailure(); m = after(m) + sparse / 2) {
        refused = attempt(work, {n, 1, m}).refused;
        if (refused < 2) break;
        ++pairs;
      }
    }
  }
  EXPECT_GT(pairs, kEnough);
}

INSTANTIATE_TEST_SUITE_P(On, AcquisitionSweep,
                         ::testing::Values(Place{"cpu", false, false}, Place{"cpu_streamed", false, true}, Place{"sim", true, false},
                                           Place{"sim_streamed", true, true}),
                         [](const auto& place) { return std::string(place.param.name); });

}  // namespace
}  // namespace plimsoll::testing
