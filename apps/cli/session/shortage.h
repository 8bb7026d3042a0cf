#pragma once

#include <string>
#include <string_view>

#include <plimsoll/machine.h>
#include <plimsoll/os.h>
#include <plimsoll/result.h>

namespace plimsoll::cli {

/// What the tables of a model may take of the machine's memory while they are read: the process needs some beside them.
Bytes room_for_tables(const HostMemory& memory);

/// A ledger only knows that its limit was reached; who knows that the limit was the machine's says so with this: that `what` does not fit,
/// whose limit it is and who holds the memory. An error that is none of a ledger stays as it is.
Error machine_has_too_little(std::string_view what, Error error, Os& os, const HostMemory& memory);

/// The same of the tables of `model`.
Error tables_do_not_fit(const std::string& model, Error error, Os& os, const HostMemory& memory);

/// How much results in memory (FileGrowth) may grow by beside a process that may yet take `promised` in all, of which it
/// cannot do without `least`: up to a half of what is left, so that what is promised is there whoever else takes memory meanwhile.
Bytes growth_beside(const HostMemory& memory, Bytes promised, Bytes least);

}  // namespace plimsoll::cli
