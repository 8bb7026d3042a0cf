#pragma once

#include <cstdint>
#include <vector>

#include "model/program.h"

namespace plimsoll {

/// Blocks [first, first + count) of `program` as a program of their own. Values and weights keep their numbers; weights of other blocks
/// have their shapes alone. What blocks hand on to each other has Lifetime::stage, wherever the program is cut.
Program stage_program(const Program& program, std::int64_t first, std::int64_t count);

/// What blocks [first, first + count) take over from the pass's input and earlier blocks, and what they hand on to later ones or the
/// pass's answers: in the order of their numbers.
struct StageValues {
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};
StageValues stage_values(const Program& program, std::int64_t first, std::int64_t count);

}  // namespace plimsoll
