#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include <plimsoll/os.h>
#include <plimsoll/session.h>

#include "text/json_writer.h"

namespace plimsoll::cli {

/// RssAnon of this process from /proc, or zero where there is none.
Bytes anonymous_memory(Os& os);

/// Follows a run's memory from layer boundary to layer boundary, in bounded space: when its samples are full, every second one is
/// dropped and only every second one kept from then on.
class Recorder {
 public:
  static constexpr std::size_t kMostSamples = 200;

  /// `os` must outlive the recorder. Times count from now on.
  explicit Recorder(Os& os);

  void set_budget(Bytes budget) { budget_ = budget; }
  /// At a layer boundary. `force`: read the process's memory even if that was done a moment ago.
  void observe(std::string_view phase, Bytes ledger, bool force = false);

  double seconds() const;
  Bytes process_peak() const { return process_peak_; }
  /// Of what comes: another model answers from now on.
  void restart_peak() { process_peak_ = Bytes{}; }
  /// [{"t", "phase", "device", "ledger", "free"}], seconds and bytes.
  void write_samples(JsonWriter& json) const;

 private:
  struct Sample {
    double seconds = 0;
    bool loading = false;
    Bytes ledger;
  };

  void thin();

  Os& os_;
  std::chrono::nanoseconds start_;
  std::chrono::nanoseconds last_read_{0};
  Bytes budget_;
  Bytes process_peak_;
  std::vector<Sample> samples_;
  std::size_t stride_ = 1;
  std::size_t seen_ = 0;
};

}  // namespace plimsoll::cli
