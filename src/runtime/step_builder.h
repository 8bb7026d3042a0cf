#pragma once

#include "device/step.h"
#include "model/program.h"
#include "plan/layout/schedule.h"
#include "runtime/reservation.h"

namespace plimsoll {

/// How much of the planned room a pass uses, and where in the session's input it begins.
struct PassSize {
  std::int64_t tokens = 0;
  std::int64_t texts = 0;
  std::int64_t first_token = 0;
  std::int64_t first_text = 0;
};

/// Where the arenas of the computing device begin, in its own addresses.
struct ArenaStarts {
  std::byte* weights = nullptr;
  std::byte* pass_values = nullptr;  ///< the first Schedule::pass_bytes of activations
  std::byte* activations = nullptr;  ///< what follows them
};

/// Resolves a program's values and weights to addresses in arenas.
class StepBuilder {
 public:
  StepBuilder(const Program& program, const Schedule& schedule, ArenaStarts arenas)
      : program_(program), schedule_(schedule), arenas_(arenas) {}
  StepBuilder(const Program& program, const Schedule& schedule, const Reservation& reservation)
      : StepBuilder(program, schedule,
                    ArenaStarts{reservation.bytes(MemoryTag::weights).data(), reservation.pass_values().data(),
                                reservation.bytes(MemoryTag::activations).data()}) {}

  /// The device step of `op`, whose weights are resident or gathered, for a pass of `size`.
  Step build(const Op& op, PassSize size) const;
  /// The part of a linear layer that `chunk` of its streamed weight computes: `data` are the chunk's rows in the weight's planned form.
  LinearStep build(const LinearOp& op, PassSize size, const Chunk& chunk, const std::byte* data) const;

  /// Of a value that lives as long as the pass: the rows that belong to a pass of `size`.
  MatrixView value(ValueId id, PassSize size) const;
  std::int32_t* integers(ValueId id, PassSize size) const;
  /// A place in the `activations` arena, by its planned offset.
  std::byte* activations(std::uint64_t offset) const;

 private:
  WeightView weight(WeightId id) const;
  WeightView words(const EmbedOp& op, PassSize size) const;
  const float* vector(WeightId id) const;

  const Program& program_;
  const Schedule& schedule_;
  ArenaStarts arenas_;
};

}  // namespace plimsoll
