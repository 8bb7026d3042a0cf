#pragma once

#include "plan/stages/option.h"

namespace plimsoll {

/// What `chosen` gives up against `unlimited`, the best with unlimited memory, with what each costs and saves by itself where that can be
/// told. `requests` by the device that computes, `budgets` what was asked for.
std::vector<Sacrifice> list_sacrifices(const std::vector<LayoutRequest>& requests, const Budgets& budgets, const Option& chosen,
                                       const Option& unlimited);

}  // namespace plimsoll
