// What --sim takes.
#include "device/sim/sim_spec.h"

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  const auto spec = parse_sim_spec(fuzz::text_of(data, size));
  if (!fuzz::good(spec)) return 0;
  const SimRates& rates = spec->rates;
  fuzz::require(spec->memory.count > 0 && spec->used + spec->context <= spec->memory, "a device has room for what is used");
  fuzz::require(rates.link > 0 && rates.pageable > 0 && rates.compute > 0 && rates.disk > 0 && rates.latency >= 0, "rates are positive");
  fuzz::require(spec->name.find('/') == std::string::npos, "a name is no path");
  return 0;
}
