#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/doctor.h>

#include "doctor/figure.h"

namespace plimsoll::doctor {

/// What follows from the figures of a device's allocator. Spans are of bytes; a span is missing where a figure is.
struct Verdict {
  Cause cause = Cause::unknown;
  Confidence confidence = Confidence::low;
  int rule = 0;  ///< which of the eight decided; 0: the figures were too few

  std::optional<Span> deficit;          ///< requested - free
  std::optional<Span> beside;           ///< of this process, beside the allocator: context and libraries
  std::optional<Span> others;           ///< of the other processes that are listed
  std::optional<Span> unexplained;      ///< that nobody listed accounts for
  std::optional<Span> hidden;           ///< of that, what is not this process's own context: others hold it, who are not listed
  std::optional<Span> cache_excess;     ///< free + cached - requested
  std::vector<const Process*> holders;  ///< of the others, the largest first: as few as hold the deficit together, or the largest
  bool self_listed = false;             ///< the process itself was among the others, by a number of another namespace
  bool free_absurd = false;             ///< more free than there is in all: not counted
  bool small_cache = false;             ///< what is cached is a trifle beside the device
  bool contradiction = false;           ///< the figures cannot all be right
};

/// "process 7", "processes 7, 8 and 9".
std::string named(const std::vector<const Process*>& holders);
/// All together; of one, as the log says it.
Figure held_by(const std::vector<const Process*>& holders);

/// What the allocator holds: what is reserved or, in a log that does not say, what is allocated and what is cached.
Span held(const Figures& figures);

/// The processes that a message lists, told apart: inside a container a process does not know its own number, and lists itself as another
/// one. If nothing else can hold what the allocator holds, the smallest that is large enough is the process itself; it is marked, and
/// becomes `used`. True when that was done.
bool mark_self(Figures& figures);

/// Eight rules, in this order, the first that holds decides (R requested, T total, F free, A allocated, U cached, L limit):
/// 1. R > T or R > L: too large by itself. 2. A + U + R > L while F >= R: the program's own cap. 3. F >= R: a cap from outside, or a race.
/// 4. A > T: the driver spills. 5. U >= R: fragmentation. 6. R <= F + U: probably fragmentation. 7. Others hold R - F: they do. 8. Too
/// large. Figures are intervals: what only may hold lowers the confidence. Pure. `figures` must outlive the result.
Verdict decide(const Figures& figures);

}  // namespace plimsoll::doctor
