#pragma once

#include <array>
#include <string>

#include <plimsoll/plan.h>

#include "terminal/terminal.h"

namespace plimsoll::cli {

/// One part of a bar: the ledger's tags, then `runtime`.
inline constexpr std::size_t kParts = kMemoryTags + 1;
std::string_view part_name(std::size_t part);
Bytes part_bytes(const DevicePlan& device, std::size_t part);

/// Cells of a bar of `width` cells for each part, scaled so that the larger of budget and total fills it. Rounded so that
/// cells add up; a total of more than nothing takes at least one.
std::array<std::size_t, kParts> bar_cells(const DevicePlan& device, std::size_t width);

/// The bar of a device, with a mark at the budget when the plan is larger, and a second, larger bar when it is far smaller.
std::string draw_bar(const DevicePlan& device, const Terminal& terminal);

/// The sign that stands for a part in the bar: a coloured block or a letter.
std::string part_sign(std::size_t part, const Terminal& terminal);

}  // namespace plimsoll::cli
