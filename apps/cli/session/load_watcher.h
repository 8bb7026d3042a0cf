#pragma once

#include <plimsoll/plan.h>
#include <plimsoll/session.h>

#include "report/recorder.h"
#include "session/context.h"
#include "session/run_notice.h"
#include "terminal/progress.h"

namespace plimsoll::cli {

/// Follows a session's progress: the bar while it loads, the rows' line while it computes, the memory all the time.
class LoadWatcher {
 public:
  /// All must outlive the session that the function is given to. `rows` and `notice` may be null.
  LoadWatcher(Context& context, Recorder& recorder, const Plan& plan, RowBar* rows = nullptr, RunNotice* notice = nullptr);
  ProgressFunction function();
  void loaded() { bar_.done(); }

 private:
  Recorder& recorder_;
  LoadBar bar_;
  RowBar* rows_;
  RunNotice* notice_;
};

}  // namespace plimsoll::cli
