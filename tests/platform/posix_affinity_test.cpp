#include "platform/posix_affinity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace plimsoll {
namespace {

using ::testing::ElementsAre;

// What the kernel does that was built for so many processors.
template <int kCpus>
int kernel_of(pid_t /*process*/, std::size_t bytes, cpu_set_t* set) {
  if (bytes * 8 < kCpus) {
    errno = EINVAL;
    return -1;
  }
  for (const int cpu : {0, 5, kCpus - 1}) CPU_SET_S(cpu, bytes, set);
  return 0;
}

int refusal(pid_t /*process*/, std::size_t /*bytes*/, cpu_set_t* /*set*/) {
  errno = EPERM;
  return -1;
}

TEST(AllowedCpus, OfMachinesOfAnySize) {
  EXPECT_THAT(allowed_cpus(&kernel_of<64>), ElementsAre(0, 5, 63));
  EXPECT_THAT(allowed_cpus(&kernel_of<1024>), ElementsAre(0, 5, 1023));
  EXPECT_THAT(allowed_cpus(&kernel_of<1025>), ElementsAre(0, 5, 1024));
  EXPECT_THAT(allowed_cpus(&kernel_of<8192>), ElementsAre(0, 5, 8191));
}

TEST(AllowedCpus, IsOneWhereTheSystemDoesNotTell) {
  EXPECT_THAT(allowed_cpus(&refusal), ElementsAre(0));
  EXPECT_THAT(allowed_cpus(&kernel_of<10'000'000>), ElementsAre(0));
}

}  // namespace
}  // namespace plimsoll
