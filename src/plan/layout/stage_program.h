#pragma once

#include <cstdint>
#include <vector>

#include "model/program.h"

namespace plimsoll {

/// What some blocks take over from the pass's input and earlier blocks, and what they hand on to later ones or the pass's answers: in the
/// order of their numbers.
struct StageValues {
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};

/// The first and the last block that touches a value; -1 of none.
struct Touched {
  std::int64_t first = -1;
  std::int64_t last = -1;
  bool crosses() const { return first != last; }
};

/// By value.
std::vector<Touched> touched_blocks(const Program& program);

/// Cuts a program into stages.
class StageCutter {
 public:
  /// `program` outlives it.
  explicit StageCutter(const Program& program);

  /// Blocks [first, first + count) as a program of their own. Values and weights keep their numbers; weights of other blocks have their
  /// shapes alone, and names only what the stage's own weights have. What blocks hand on to each other has Lifetime::stage, wherever the
  /// program is cut.
  Program program(std::int64_t first, std::int64_t count) const;
  StageValues values(std::int64_t first, std::int64_t count) const;

 private:
  const Program& program_;
  std::vector<Touched> touched_;
};

/// Of one stage alone.
Program stage_program(const Program& program, std::int64_t first, std::int64_t count);
StageValues stage_values(const Program& program, std::int64_t first, std::int64_t count);

}  // namespace plimsoll
