#pragma once

#include <string>
#include <string_view>

#include <plimsoll/bytes.h>
#include <plimsoll/result.h>

namespace plimsoll {

/// What a simulated device does in a second. The planner reads these as it reads measured rates.
struct SimRates {
  double link = 12e9;      ///< bytes a second, each way
  double pageable = 6e9;   ///< likewise, to and from memory that is not pinned; `--sim` without it: half of `link`
  double latency = 10e-6;  ///< seconds before each copy and each step
  double compute = 1e12;   ///< floating-point operations a second
  double disk = 2e9;       ///< bytes a second
};

/// What `--sim` says: a GPU that is not there.
struct SimSpec {
  std::string name;  ///< processes that give the same one share one heap; empty: a heap of its own
  Bytes memory;
  Bytes used;     ///< held by others from the start
  Bytes context;  ///< what each process that opens the device takes at once
  SimRates rates;
  std::string script;  ///< path of the events (sim_script.h); empty: none
};

/// Reads "memory=2GiB,used=1GiB,context=450MiB,link=12GB/s,pageable=6GB/s,latency=10us,compute=1TFLOP/s,disk=2GB/s,name=a,
/// script=FILE". Only `memory` is required; the defaults are those above. Everything else is `usage`, naming the key, what was given and
/// what is allowed.
Result<SimSpec> parse_sim_spec(std::string_view text);

}  // namespace plimsoll
