#include "session/measured_rates.h"

#include <plimsoll/measure.h>

namespace plimsoll::cli {

std::optional<Rates> measured_rates(Context& context, const Snapshot& machine, const std::string& file, std::string_view doing) {
  context.console.progress(doing);
  const auto rates = measure_rates(context.os, machine, file);
  context.console.progress("");
  if (!rates.ok()) {
    context.console.note("warning: the rates could not be measured: " + message(rates.error()));
    return std::nullopt;
  }
  if (!rates->cache_fault.empty()) context.console.note("warning: these rates are not remembered: " + rates->cache_fault);
  return *rates;
}

}  // namespace plimsoll::cli
