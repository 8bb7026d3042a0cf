#pragma once

#include <sched.h>
#include <sys/types.h>

#include <cstddef>
#include <vector>

namespace plimsoll {

/// As sched_getaffinity(2); tests put their own in its place.
using AffinityCall = int (*)(pid_t process, std::size_t bytes, cpu_set_t* set);

/// Os::affinity: processor 0 alone where the system does not tell.
std::vector<int> allowed_cpus(AffinityCall affinity_call = ::sched_getaffinity);

}  // namespace plimsoll
