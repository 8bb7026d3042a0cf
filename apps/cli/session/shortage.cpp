#include "session/shortage.h"

#include <utility>

#include <fmt/format.h>

namespace plimsoll::cli {
namespace {

constexpr Bytes kBesideTables = mib(1);

}  // namespace

Bytes room_for_tables(const HostMemory& memory) { return saturating_sub(memory.budget, kBesideTables); }

Error machine_has_too_little(std::string_view what, Error error, Os& os, const HostMemory& memory) {
  if (error.code != ErrorCode::out_of_memory || !error.memory) return error;
  error.what = fmt::format("{} in memory: {} more is needed and {} is free", what, format_bytes(error.memory->requested),
                           format_bytes(error.memory->free));
  error.where = error.memory->device + ", set by " + memory.set_by;
  error.advice = "close other programs, raise that limit (`plimsoll devices` shows all of them) or use a smaller model";
  error.memory->holders = find_largest_holders(os, memory.set_by);
  return error;
}

Error tables_do_not_fit(const std::string& model, Error error, Os& os, const HostMemory& memory) {
  return machine_has_too_little(fmt::format("the tables of {} do not fit", printable(model)), std::move(error), os, memory);
}

}  // namespace plimsoll::cli
