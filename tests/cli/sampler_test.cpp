#include <new>
#include <thread>

#include <gtest/gtest.h>

#include "top/top_sample.h"

namespace plimsoll::cli {
namespace {

using namespace std::chrono_literals;

/// The next look; none within a minute fails the test.
std::shared_ptr<const TopSample> next(Sampler& sampler) {
  for (int i = 0; i < 6000; ++i) {
    if (auto sample = sampler.take()) return sample;
    std::this_thread::sleep_for(10ms);
  }
  ADD_FAILURE() << "nobody looked";
  return std::make_shared<TopSample>();
}

TEST(Sampler, LooksAgainWhereTheHeapHadNoRoom) {
  Gate gate;
  const auto os = make_os(gate);
  auto sampler = Sampler::start(*os, 1ms, [looks = 0]() mutable {
    if (++looks % 2 == 1) throw std::bad_alloc();
    TopSample sample;
    sample.time = looks;
    return sample;
  });
  ASSERT_TRUE(sampler.ok());
  EXPECT_GE(next(**sampler)->time, 2);
  EXPECT_GE(next(**sampler)->time, 4);
}

}  // namespace
}  // namespace plimsoll::cli
