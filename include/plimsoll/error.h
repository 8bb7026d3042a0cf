#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/bytes.h>

#pragma GCC visibility push(default)

namespace plimsoll {

/// Every way in which Plimsoll fails. The command maps each to an exit code (see `exit_code`).
enum class ErrorCode : std::uint8_t {
  usage,          ///< the request contradicts itself or names something that does not exist: 2
  not_found,      ///< no such file, model, revision, or no access to it: 3
  unsupported,    ///< well-formed, but not built here; the message names what: 4
  corrupt_file,   ///< a file breaks its format; the message names file and offset or key: 5
  does_not_fit,   ///< planning found no way within the budget: 6
  out_of_memory,  ///< memory that was planned could not be had: 6
  io,             ///< a read, write, copy, launch or system call failed; trying again may help: 1
  bad_row,        ///< one input row is unusable; the others go on: 1
  cancelled,      ///< stopped on request: 129, 130 or 143
  internal,       ///< a broken invariant; please report: 1
  device_lost,    ///< a device stopped answering; what it held is gone: 1
};

std::string_view error_code_name(ErrorCode code);

/// The process exit status of DESIGN.md section 6 (`cancelled` gives 130; the command knows the signal better).
int exit_code(ErrorCode code);

/// Another process that holds memory, as far as this user may see.
struct Holder {
  std::int64_t pid = 0;
  std::string user;
  std::string command;
  Bytes bytes;
};

/// A budget for one device, by the device's name ("cpu").
struct DeviceBytes {
  std::string device;
  Bytes bytes;
};

/// The figures behind `does_not_fit` and `out_of_memory`.
struct MemoryShortfall {
  std::string device;
  Bytes requested;
  Bytes free;
  Bytes limit;
  std::vector<DeviceBytes> smallest_budget;
  std::vector<Holder> holders;                        ///< largest first, at most three
  std::optional<Bytes> largest_piece = std::nullopt;  ///< of `free`, where the device can tell
};

/// What failed, where, and what to do. `what` and `advice` are short phrases without a final full stop; `where` is
/// a file with offset or key, a flag, or a device; it may be empty, and so may `advice`.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what;
  std::string where = {};
  std::string advice = {};
  std::optional<MemoryShortfall> memory = std::nullopt;
};

/// What std::bad_alloc becomes where it leaves the library (docs/architecture.md). Needs no memory itself.
Error heap_exhausted() noexcept;

/// "<what> (<where>): <advice>", control characters escaped, on one line.
std::string message(const Error& error);

/// `text` with control characters, invalid UTF-8 and line ends replaced by \xNN. Where that has `limit` bytes or a character more, and goes
/// on, the rest is "...".
std::string printable(std::string_view text, std::size_t limit = 200);
/// Whether `sequence`, one character in well-formed UTF-8, stays as it is in there.
bool is_printable(std::string_view sequence);

}  // namespace plimsoll

#pragma GCC visibility pop
