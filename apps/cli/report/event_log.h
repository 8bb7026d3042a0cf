#pragma once

#include <vector>

#include <plimsoll/event.h>

#include "text/json_writer.h"

namespace plimsoll::cli {

/// What happened to a run's memory, for its report: the first events, in bounded space.
class EventLog {
 public:
  static constexpr std::size_t kMostEvents = 200;

  /// `seconds` since the start of the command.
  void add(double seconds, const SessionEvent& event);
  /// [{"t", "kind", "rung", "rungs", "device", "requested_bytes", "free_bytes", "cost_seconds", "message"}]; `rung` is the first of them or
  /// null.
  void write(JsonWriter& json) const;

 private:
  struct Entry {
    double seconds = 0;
    SessionEvent event;
  };
  std::vector<Entry> entries_;
};

}  // namespace plimsoll::cli
