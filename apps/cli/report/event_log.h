#pragma once

#include <string>
#include <vector>

#include <plimsoll/event.h>

#include "terminal/console.h"
#include "text/json_writer.h"

namespace plimsoll::cli {

/// What happened to a run's memory: the first events for its report, in bounded space, and those that nobody was told of yet.
class EventLog {
 public:
  static constexpr std::size_t kMostEvents = 200;

  /// `seconds` since the start of the command.
  void add(double seconds, const SessionEvent& event);
  /// Those that were added since then, the newest of many, a note each. Waits for whoever reads them.
  void tell(Console& console);
  /// As many of them as nobody has to wait for.
  void tell_at_once(Console& console);
  /// [{"t", "kind", "rung", "rungs", "device", "requested_bytes", "free_bytes", "cost_seconds", "message"}]; `rung` is the first of them or
  /// null.
  void write(JsonWriter& json) const;

 private:
  struct Entry {
    double seconds = 0;
    SessionEvent event;
  };
  std::vector<Entry> entries_;
  std::vector<std::string> news_;
};

}  // namespace plimsoll::cli
