#pragma once

#include <plimsoll/event.h>

namespace plimsoll {

/// True when both compute on the same device and every value has the same type, place and room in both plans: what a pass under one has
/// computed, the other can go on with. Never of plans of several stages.
bool same_values(const Plan& a, const Plan& b);

/// True when every block is stored and computed in the same types.
bool same_precision(const Plan& a, const Plan& b);

/// True when `a` takes less time for a token than `b`, by prediction.
bool is_faster(const Plan& a, const Plan& b);

/// The event of going from one plan to another because of `cause` ("the budget fell to 1 GiB") on device number `device`. Requested and
/// free are the caller's.
SessionEvent describe_change(SessionEvent::Kind kind, std::size_t device, const std::string& cause, const Plan& before, const Plan& after);

}  // namespace plimsoll
