#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/plan.h>

#include "arguments/options.h"

/// The values of flags, from text. `where` names the flag or the environment variable they came from. All fail with `usage`
/// for what makes no sense and with `unsupported` for what the contract names but this build lacks.
namespace plimsoll::cli {

Result<std::int64_t> read_count(std::string_view text, std::int64_t least, std::int64_t most, const std::string& where);
/// "0.2", "5": from 0.05 to 86400 seconds.
Result<double> read_seconds(std::string_view text, const std::string& where);
/// "", "1", "true", "on", "yes" or their opposites.
Result<bool> read_switch(std::string_view text, const std::string& where);
/// "cuda" and "1", as other programs say it, become "cuda:0" and "cuda:1"; other names stay.
std::string full_device_name(std::string_view name);
/// N of "cuda:N"; nothing for other names.
std::optional<int> cuda_number(std::string_view name);
/// "auto", "cpu", "cuda", "cuda:N" or "sim:N".
Status check_device(std::string_view text, const std::string& where);
Status check_task(std::string_view text, const std::string& where);
Status check_quantize(std::string_view text, const std::string& where);
/// Nothing for "auto".
Result<std::optional<ElementType>> read_dtype(std::string_view text, const std::string& where);
/// "2GiB" or "sim:0=2GiB,cpu=4GiB,disk=0": sizes by device; a bare one has no name.
Result<std::vector<DeviceBytes>> read_max_memory(std::string_view text, const std::string& where);
/// "auto", "balanced", "balanced_low_0", "sequential", or the path of a file that is yet to be read: its map has no modules.
Result<DeviceMap> read_map(std::string_view text, const std::string& where);
Result<std::vector<Rung>> read_rungs(std::string_view text, const std::string& where);
Result<std::vector<Rung>> read_allowed(std::string_view text, const std::string& where);
Result<std::vector<Shape>> read_shapes(std::string_view text, const std::string& where);

}  // namespace plimsoll::cli
