#pragma once

#include "text/json_writer.h"
#include "top/top_sample.h"

namespace plimsoll::cli {

/// A look as one object of `top --json`; what is unknown is null.
void write_sample(JsonWriter& json, const TopSample& sample);

/// {"pid", "model", "phase", "devices": [{"name", "planned", "current"}]}: a line of `ps --json`.
void write_run(JsonWriter& json, const RunStatus& run);

/// The status of one device, as `top --json` and `devices --json` give it.
void write_device(JsonWriter& json, const DeviceStatus& device);

}  // namespace plimsoll::cli
