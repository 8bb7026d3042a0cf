#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/plan.h>

#pragma GCC visibility push(default)

namespace plimsoll {

/// What a session did so that its work could go on.
struct SessionEvent {
  enum class Kind : std::uint8_t {
    replanned,  ///< planned memory could not be had before the first pass: planned again
    recovered,  ///< something failed later, or memory could not be pinned: done again, planned again, or done without
    shed,       ///< the budget fell: memory was given back
    grown,      ///< the budget rose: memory was taken
    kept,       ///< others took memory, and nothing had to change
  };

  Kind kind = Kind::recovered;
  std::vector<Rung> rungs = {};  ///< what differs between the plan before and the one after
  std::string device = "cpu";
  Bytes requested;          ///< what was needed: the piece that could not be had, or the total of the plan that the budget decided on
  Bytes free;               ///< what there was of it, or the budget
  double cost_seconds = 0;  ///< by prediction, for as many tokens as a pass had before; negative: gained
  std::string text = {};    ///< what happened, what was given up for it, what that costs: a phrase without a full stop
};

/// "replanned", ...
std::string_view event_name(SessionEvent::Kind kind);

}  // namespace plimsoll

#pragma GCC visibility pop
