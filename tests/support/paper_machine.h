#pragma once

#include <string>

#include <plimsoll/plan.h>

namespace plimsoll::testing {

/// A machine that exists on paper only.
inline Snapshot paper_machine(Bytes free = mib(4096), bool native_bfloat16 = false, int threads = 2) {
  Snapshot machine;
  machine.memory.total = mib(8192);
  machine.memory.budget = free;
  machine.cpu.isa = "avx512";
  machine.cpu.native_bfloat16 = native_bfloat16;
  machine.cpu.default_threads = threads;
  machine.rates.float32_flops = 1e11;
  machine.rates.bfloat16_flops = native_bfloat16 ? 4e11 : 0;
  machine.rates.memory_read = 1e10;
  machine.rates.disk_read = 1e9;
  return machine;
}

/// A device beside it, as fast as ten of its processors.
inline Accelerator paper_accelerator(Bytes free, const std::string& name = "sim:0") {
  Accelerator accelerator;
  accelerator.computes_on_host = true;
  accelerator.name = name;
  accelerator.total = accelerator.free = free;
  accelerator.free_set_by = "the device";
  accelerator.float32_flops = 1e12;
  accelerator.link_rate = 12e9;
  accelerator.disk_rate = 2e9;
  accelerator.latency = 10e-6;
  return accelerator;
}

}  // namespace plimsoll::testing
