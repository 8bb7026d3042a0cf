#include "session/shortage.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace plimsoll::cli {
namespace {

constexpr Bytes kBesideTables = mib(1);
// Of what budgets leave unused in a group, so that a plan that takes all of its budget still has answers written.
constexpr Bytes kOfAllowance{kGroupAllowance.count / 2};
// So that growth ends before what cannot be done without is asked for and missing.
constexpr Bytes kBesideLeast = mib(1);
constexpr Bytes kMostGrowth = mib(16);
// Less is not worth a look at the machine.
constexpr Bytes kLeastGrowth = kib(16);

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

Bytes growth_beside(const HostMemory& memory, Bytes promised, Bytes least) {
  const Bytes budget = memory.contended_budget();
  const Bytes now = saturating_sub(budget + kOfAllowance, std::max(memory.ours, promised));
  const Bytes after_shedding = saturating_sub(budget, least + kBesideLeast);
  const Bytes half{std::min({now, after_shedding, kMostGrowth + kMostGrowth}).count / 2};
  return half < kLeastGrowth ? Bytes{} : half;
}

Error tables_do_not_fit(const std::string& model, Error error, Os& os, const HostMemory& memory) {
  return machine_has_too_little(fmt::format("the tables of {} do not fit", printable(model)), std::move(error), os, memory);
}

}  // namespace plimsoll::cli
