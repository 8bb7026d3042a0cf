#pragma once

#include <chrono>
#include <cstddef>
#include <span>

#include <plimsoll/os.h>

#include "device/cpu/isa.h"
#include "platform/thread_pool.h"
#include "weights/element_type.h"

namespace plimsoll {

/// Floating-point operations a second (a multiply-add is two) of a loop that stays in registers, on all threads of the
/// pool together: the most that any kernel for `features` can reach. Each thread's best moment counts, so that neighbours on
/// the machine do not. `type` is float32 or bfloat16; zero when `features` cannot multiply it natively or the processor
/// lacks them, or when the clock stands still. Takes at least `duration`.
double measure_peak_flops(ThreadPool& pool, Os& os, CpuFeatures features, ElementType type,
                          std::chrono::nanoseconds duration = std::chrono::milliseconds(50));

/// Bytes a second read by all threads together from `buffer`, which should exceed the caches many times and must have been
/// written before (untouched pages all show the same page of zeros); the best sweep counts. Takes at least `duration`; zero
/// when the clock stands still.
double measure_read_bandwidth(ThreadPool& pool, Os& os, CpuFeatures features, std::span<const std::byte> buffer,
                              std::chrono::nanoseconds duration = std::chrono::milliseconds(50));

}  // namespace plimsoll
