#pragma once

#include <gtest/gtest.h>

#include <memory>

#include <plimsoll/plan.h>

#include "support/temporary_folder.h"
#include "support/tiny_model.h"

namespace plimsoll::testing {

/// A tiny model on disk, opened. The folder is gone by the time that a test uses it: planning reads nothing.
inline std::unique_ptr<Model> open_tiny_model(const TinyModel& tiny) {
  static Gate gate;
  static const std::unique_ptr<Os> os = make_os(gate);
  static Ledger ledger("cpu", mib(1024));
  const TemporaryFolder folder;
  write_tiny_model(folder.path(), tiny);
  auto model = Model::open(*os, ledger, {folder.path(), "", "", false});
  EXPECT_TRUE(model.ok()) << message(model.error());
  return std::make_unique<Model>(std::move(model).value());
}

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

inline Workload paper_workload(std::int64_t longest, std::int64_t batch = 0, std::int64_t texts = 0, std::int64_t total = 0) {
  Workload workload;
  workload.longest = longest;
  workload.batch_size = batch;
  workload.texts = texts;
  workload.total_tokens = total;
  return workload;
}

}  // namespace plimsoll::testing
