#pragma once

#include <string>
#include <string_view>

#include <plimsoll/machine.h>

namespace plimsoll::probe {

/// Rates of `threads` threads by the name of the instruction set ("avx512", "avx2"; anything else is the slowest row), for machines on
/// which nothing was measured. They are the lower end of what current processors reach, so that plans are not too hopeful.
Rates built_in_rates(std::string_view isa, bool native_bfloat16, int threads);

/// "point device" of the mount on which `folder` (absolute) lies, from /proc/self/mountinfo; "unknown" if that cannot be told.
std::string find_mount(Os& os, std::string_view folder);

}  // namespace plimsoll::probe
