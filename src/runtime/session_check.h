#pragma once

#include <span>

#include <plimsoll/model.h>
#include <plimsoll/plan.h>

namespace plimsoll {

class OpenDevice;

/// `usage` where a session would be without an operating system, a ledger or one of its devices.
Status check_pointers(const Os* os, const Ledger* ledger, std::span<OpenDevice* const> devices);

/// Whether a session of `model` with so many devices beside the host can move to `plan`: `usage` for one that was changed, or made for
/// another model or other devices; does_not_fit.
Status check_plan(const Plan& plan, const Model& model, std::size_t devices);

/// Whether a session goes on under `plan` with the inputs and texts that it has under `before`, where they are: `usage` for another
/// workload, or Workload::held_* that are not the session's. Both are plans of one model.
Status check_same_inputs(const Plan& plan, const Plan& before, const Model& model);

}  // namespace plimsoll
