#pragma once

#include <gtest/gtest.h>

#include <memory>

#include <plimsoll/plan.h>

#include "support/paper_machine.h"
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

inline Workload paper_workload(std::int64_t longest, std::int64_t batch = 0, std::int64_t texts = 0, std::int64_t total = 0) {
  Workload workload;
  workload.longest = longest;
  workload.batch_size = batch;
  workload.texts = texts;
  workload.total_tokens = total;
  return workload;
}

}  // namespace plimsoll::testing
