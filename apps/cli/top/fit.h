#pragma once

#include <memory>
#include <vector>

#include "session/engine.h"
#include "top/top_sample.h"

namespace plimsoll::cli {

/// The model of `top --model`, planned anew for what each look found free.
class FitTable {
 public:
  /// Opens --model; nothing without the flag. The context outlives the table.
  static Result<FitTable> open(Context& context);

  /// For the host, and for every device whose memory is known: one text of the longest length.
  std::vector<Fit> at(const TopSample& sample) const;

 private:
  std::unique_ptr<Engine> engine_;
  Workload workload_;
};

}  // namespace plimsoll::cli
