#pragma once

#include <vector>

#include <plimsoll/device_status.h>

#include "diagnosis/self_check.h"

namespace plimsoll::cli {

/// What a look at the devices says, as lines of the self check: the driver, NVML, each device, and each remark with what to do about it.
std::vector<CheckLine> check_devices(Os& os, const DeviceReport& report);

}  // namespace plimsoll::cli
