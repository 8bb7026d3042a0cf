#pragma once

#include "session/context.h"
#include "top/fit.h"

namespace plimsoll::cli {

inline constexpr std::size_t kWidestTop = 400;

/// The full-screen view, until it is left. `pause`: seconds between looks.
Result<int> show_top(Context& context, const FitTable& fits, double pause);

}  // namespace plimsoll::cli
