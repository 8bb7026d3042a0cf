#pragma once

#include "device/step.h"

namespace plimsoll::sim {

/// Floating-point operations of a step by its shapes: two for each product and sum of a linear layer or of attention, a few for each
/// element of the others; gathers and conversions have none. Reads a step's text_starts: they must be there.
double flops(const Step& step);

}  // namespace plimsoll::sim
