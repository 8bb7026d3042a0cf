#pragma once

#include <map>
#include <optional>
#include <string>

#include <plimsoll/machine.h>
#include <plimsoll/os.h>

namespace plimsoll::probe {

/// What was measured of a processor, by so many threads; units as in `Rates`. bfloat16 is zero where it is not native.
struct ComputeRates {
  double float32_flops = 0;
  double bfloat16_flops = 0;
  double int8_flops = 0;
  double memory_read = 0;
};

/// Measurements kept between runs in ${XDG_CACHE_HOME:-~/.cache}/plimsoll/rates.json:
///   {"schema": 1, "version": "0.1.0",
///    "compute": {"<model> / <isa> / <threads> threads": {"float32_flops": 2e11, "bfloat16_flops": 0, "int8_flops": 0, "memory_read":
///    2e10}}, "disk": {"<mount point> <device>": 2.5e9}}
/// A file of another schema or version, or one that is malformed in any way, counts as empty; single figures that are no plausible rate
/// are left out.
struct RatesCache {
  std::map<std::string, ComputeRates> compute;
  std::map<std::string, double> disk;

  const ComputeRates* find_compute(const std::string& key) const;
  std::optional<double> find_disk(const std::string& mount) const;
};

/// The key of `compute` for so many threads of `cpu`, at its instruction set.
std::string compute_key(const CpuDescription& cpu, int threads);

/// Empty when there is no home, no file or no sense in it.
RatesCache read_rates_cache(Os& os);

/// Replaces the file. Fails with `io` when there is nowhere to write; nobody needs to care.
Status write_rates_cache(Os& os, const RatesCache& cache);

}  // namespace plimsoll::probe
