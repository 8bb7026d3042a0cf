// The file of measured rates, read and written again.
#include "probe/rates_cache.h"

#include "support/fake_os.h"
#include "target.h"

namespace plimsoll::fuzz {
namespace {

void check_rate(double rate, bool may_be_zero) {
  require((may_be_zero && rate == 0) || (rate >= 1e3 && rate <= 1e18), "rates are plausible");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  testing::FakeOs os;
  os.variables["XDG_CACHE_HOME"] = "/cache";
  os.files["/cache/plimsoll/rates.json"] = fuzz::text_of(data, size);
  const probe::RatesCache cache = probe::read_rates_cache(os);
  for (const auto& [key, rates] : cache.compute) {
    fuzz::check_rate(rates.float32_flops, false);
    fuzz::check_rate(rates.memory_read, false);
    fuzz::check_rate(rates.bfloat16_flops, true);
    fuzz::check_rate(rates.int8_flops, true);
  }
  for (const auto& [mount, rate] : cache.disk) fuzz::check_rate(rate, false);
  fuzz::require(probe::write_rates_cache(os, cache).ok(), "a cache can be written");
  const probe::RatesCache again = probe::read_rates_cache(os);
  fuzz::require(again.compute.size() == cache.compute.size() && again.disk == cache.disk, "and read again");
  return 0;
}
