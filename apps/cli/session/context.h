#pragma once

#include <plimsoll/gate.h>
#include <plimsoll/os.h>

#include "arguments/options.h"
#include "process/output.h"
#include "process/signals.h"
#include "terminal/console.h"

namespace plimsoll::cli {

/// What every command is given. Everything in it outlives the command.
struct Context {
  const Options& options;
  Gate& gate;
  Os& os;
  const Signals& signals;
  Console& console;
  Output& output;
};

}  // namespace plimsoll::cli
