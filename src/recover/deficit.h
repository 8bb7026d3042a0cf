#pragma once

#include <plimsoll/plan.h>

namespace plimsoll {

/// How often a plan is made anew for one failure.
inline constexpr int kMostAttempts = 4;

/// True of failures of `failed` that a plan with a smaller budget of the host may cure.
bool can_recover(const Plan& failed, const Error& error);

/// The budget of the host to plan with after memory of `failed` could not be had: below its total by what was short by the error's figures;
/// where it has none, by a quarter of what the plan could do without. At most `free`, what the host has for this process now.
Bytes next_budget(const Plan& failed, const Error& error, Bytes free);

}  // namespace plimsoll
