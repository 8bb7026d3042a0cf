#include <algorithm>
#include <array>

#include <plimsoll/plan.h>

#include "plan/could_hold.h"
#include "plan/layout/layout.h"

namespace plimsoll {
namespace {

constexpr std::array<std::string_view, kRungs> kRungNames = {"gather",  "microbatch", "stream", "cpu",     "bfloat16",
                                                             "float16", "int8",       "int4",   "fallback"};

}  // namespace

std::string_view rung_name(Rung rung) { return kRungNames[static_cast<std::size_t>(rung)]; }

std::optional<Rung> parse_rung(std::string_view name) {
  for (std::size_t i = 0; i < kRungs; ++i) {
    if (kRungNames[i] == name) return static_cast<Rung>(i);
  }
  return std::nullopt;
}

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::fits: return "fits";
    case Verdict::fits_degraded: return "fits_degraded";
    case Verdict::does_not_fit: return "does_not_fit";
  }
  return "";
}

Bytes DevicePlan::arena_total() const { return plimsoll::arena_total(arenas); }

bool Plan::could_hold(const DeviceBytes& amount) const {
  const auto device = std::ranges::find(devices, amount.device, &DevicePlan::name);
  return device == devices.end() || plimsoll::could_hold(device->total, amount.bytes);
}

}  // namespace plimsoll
