#pragma once

#include <plimsoll/session.h>

#include "device/device.h"
#include "plan/schedule.h"
#include "platform/thread_pool.h"
#include "runtime/reservation.h"

namespace plimsoll {

struct LoadRequest {
  Os* os = nullptr;
  const Model* model = nullptr;
  const Schedule* schedule = nullptr;
  const Reservation* reservation = nullptr;
  Kernels* kernels = nullptr;
  Stream* stream = nullptr;
  ThreadPool* pool = nullptr;
  const Ledger* ledger = nullptr;
  const CancelToken* cancel = nullptr;
  const ProgressFunction* progress = nullptr;
};

/// Walks the load steps: as many reads at once as there are slots, then their conversions. Fails with io, corrupt_file or
/// cancelled; what was loaded by then is of no use.
Status load_weights(const LoadRequest& request);

}  // namespace plimsoll
