#include "session/load_watcher.h"

namespace plimsoll::cli {

LoadWatcher::LoadWatcher(Context& context, Recorder& recorder, const Plan& plan, RowBar* rows, RunNotice* notice)
    : recorder_(recorder), bar_(context.console, context.os), rows_(rows), notice_(notice) {
  recorder_.set_budget(plan.devices.at(0).budget);
}

ProgressFunction LoadWatcher::function() {
  return [this](const Progress& progress) {
    recorder_.observe(progress.phase, progress.ledger);
    if (notice_ != nullptr) notice_->beat(progress);
    if (progress.phase == "load") bar_.show(progress);
    else if (rows_ != nullptr) rows_->passed(progress.layer);
  };
}

}  // namespace plimsoll::cli
