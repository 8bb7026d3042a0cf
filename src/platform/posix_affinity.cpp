#include "platform/posix_affinity.h"

#include <cerrno>

namespace plimsoll {

std::vector<int> allowed_cpus(AffinityCall affinity_call) {
  static constexpr std::size_t kMostSets = 64;  // of CPU_SETSIZE, 1024, each
  std::vector<cpu_set_t> sets(1);
  // The kernel refuses what is too short for all processors that it was built for.
  while (affinity_call(0, sets.size() * sizeof(cpu_set_t), sets.data()) != 0) {
    if (errno != EINVAL || sets.size() == kMostSets) return {0};
    sets.assign(2 * sets.size(), cpu_set_t{});
  }
  const std::size_t bytes = sets.size() * sizeof(cpu_set_t);
  std::vector<int> cpus;
  for (std::size_t cpu = 0; cpu < bytes * 8; ++cpu) {
    if (CPU_ISSET_S(cpu, bytes, sets.data())) cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

}  // namespace plimsoll
