#pragma once

#include <cstddef>

#include <plimsoll/plan.h>

namespace plimsoll {

/// How often a plan is made anew for one failure.
inline constexpr int kMostAttempts = 4;

/// The budget of device number `device` to plan with after memory of `failed` could not be had there: below its total by what was short by
/// the error's figures (a piece of that size, where free memory is in pieces); where it has none, by a quarter of what the plan could do
/// without. At most `free`, what the device has for this process now.
Bytes next_budget(const Plan& failed, std::size_t device, const Error& error, Bytes free);

}  // namespace plimsoll
