#pragma once

#include "device/step.h"
#include "model/program.h"
#include "plan/schedule.h"
#include "runtime/reservation.h"

namespace plimsoll {

/// How much of the planned room a pass uses.
struct PassSize {
  std::int64_t tokens = 0;
  std::int64_t texts = 0;
};

/// Resolves a program's values and weights to addresses in a reservation.
class StepBuilder {
 public:
  StepBuilder(const Program& program, const Schedule& schedule, const Reservation& reservation)
      : program_(program), schedule_(schedule), reservation_(reservation) {}

  /// The device step of `op` for a pass of `size`.
  Step build(const Op& op, PassSize size) const;

  MatrixView value(ValueId id, PassSize size) const;
  std::int32_t* integers(ValueId id) const;

 private:
  WeightView weight(WeightId id) const;
  const float* vector(WeightId id) const;

  const Program& program_;
  const Schedule& schedule_;
  const Reservation& reservation_;
};

}  // namespace plimsoll
