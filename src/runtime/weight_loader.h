#pragma once

#include <functional>
#include <vector>

#include <plimsoll/session.h>

#include "device/device.h"
#include "plan/layout/schedule.h"
#include "platform/thread_pool.h"
#include "runtime/device_arenas.h"
#include "runtime/reservation.h"

namespace plimsoll {

/// Where weights go that do not stay on the host.
struct LoadTarget {
  Device* device = nullptr;
  const DeviceArenas* arenas = nullptr;
};

struct LoadRequest {
  Os* os = nullptr;
  const Model* model = nullptr;
  const Schedule* schedule = nullptr;
  const Reservation* reservation = nullptr;  ///< on the host
  LoadTarget target;                         ///< empty where the host computes
  Kernels* kernels = nullptr;
  Stream* stream = nullptr;
  ThreadPool* pool = nullptr;
  const Ledger* ledger = nullptr;
  const CancelToken* cancel = nullptr;
  const ProgressFunction* progress = nullptr;
  std::function<void(const Moment&)> come_to;  ///< told of every wave of reads before its first copy; may be empty
  const std::vector<bool>* wanted = nullptr;   ///< by WeightId; null: all that live on the device
};

/// Walks the load steps: as many reads at once as there are slots, then their conversions. Fails with io, corrupt_file,
/// out_of_memory, device_lost or cancelled; what was loaded by then is of no use.
Status load_weights(const LoadRequest& request);

/// How much of the `staging` arenas load_weights() has written to by then, from their beginning: the slots that something is read into. The
/// most of all stages.
Bytes touched_by_loading(const Model& model, const Plan& plan);

}  // namespace plimsoll
