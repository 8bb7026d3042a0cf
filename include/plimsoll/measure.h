#pragma once

#include <string>

#include <plimsoll/machine.h>
#include <plimsoll/os.h>
#include <plimsoll/result.h>

#pragma GCC visibility push(default)

namespace plimsoll {

/// The probed machine with what only the CPU device knows filled in: instruction set (capped by PLIMSOLL_ISA), native
/// bfloat16, and rates from the cache file or the built-in table. `threads` > 0 overrides the default number of threads;
/// `folder` is where the model lies (its disk's rate), or empty. Fails with `usage` for an unknown PLIMSOLL_ISA
/// and for more than 65,536 threads.
Result<Snapshot> describe_machine(Os& os, int threads, const std::string& folder = "");

/// Measures what this machine can do, in about a second, and remembers it in the rates cache: matrix rates by type,
/// memory read rate and, when `file` names a file of at least 64 MiB, its cold read rate. The memory is read in a buffer of at
/// most 256 MiB and a quarter of what the budget leaves; with less than 16 MiB of that the rate stays `machine.rates`' one.
/// Fails with io while the clock stands still.
Result<Rates> measure_rates(Os& os, const Snapshot& machine, const std::string& file);

/// Operations a second (a multiplication and an addition are two) of a loop that never leaves the registers, on all
/// threads of `machine`: what no kernel can exceed. bfloat16 is zero where it is not native. About 0.1 s.
struct MachinePeak {
  double float32_flops = 0;
  double bfloat16_flops = 0;
};
Result<MachinePeak> measure_peak(Os& os, const Snapshot& machine);

}  // namespace plimsoll

#pragma GCC visibility pop
