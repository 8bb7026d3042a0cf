#pragma once

#include <chrono>

#include <plimsoll/os.h>
#include <plimsoll/session.h>

#include "console.h"
#include "terminal.h"

namespace plimsoll::cli {

/// The bar while weights are loaded: bytes loaded of planned, memory now and at its peak. Drawn at most twenty
/// times a second, and not at all for a load of less than 0.2 s.
class LoadBar {
 public:
  LoadBar(Console& console, Os& os);
  void show(const Progress& progress);
  void done() { console_.progress({}); }

 private:
  Console& console_;
  Os& os_;
  Terminal terminal_;
  std::chrono::nanoseconds last_;
  Bytes peak_;
};

}  // namespace plimsoll::cli
