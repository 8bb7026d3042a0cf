#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// A driver's management library that answers from a script, a file that is read anew at every call: $NVML_STAND_IN. Its lines:
///   devices N                       how many there are; without a script none
///   FUNCTION DEVICE error CODE      what "nvml<FUNCTION>" answers, "*" for every device; functions without a device take "*"
///   FUNCTION DEVICE hang            it does not return before the line is gone
///   KEY DEVICE WORD...              what a device is: model, uuid, memory TOTAL FREE USED RESERVED, process PID BYTES, graphics PID BYTES,
///                                   limit GROUP GUARANTEED MOST USED, utilisation N, temperature N, milliwatts N, throttle BITS, ecc N,
///                                   mig N (instances), xid N
/// Sizes are bytes. A device that no line speaks of is an idle one of 40 GiB.
namespace stand_in {

using Handle = void*;
using U32 = std::uint32_t;
using U64 = std::uint64_t;

struct Line {
  std::string key;
  std::string device;
  std::vector<std::string> words;
};

/// All lines of the script, now.
std::vector<Line> read_script();

/// What the script makes of a call: its code, after hanging as long as it says; zero if nothing. `device`: its number, -1 for none.
int act(const char* function, int device);

/// The words of the last line of `key` for a device.
std::optional<std::vector<std::string>> find(const char* key, int device);
/// A number among them, or `otherwise`.
U64 number(const char* key, int device, std::size_t at, U64 otherwise);
/// The words of all such lines.
std::vector<std::vector<std::string>> find_all(const char* key, int device);

/// Devices are numbered from 0; the instance I of device D is 100 * (D + 1) + I.
int device_of(Handle handle);
Handle handle_of(int device);
int copy_text(const std::string& text, char* out, U32 size);

}  // namespace stand_in
