#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <plimsoll/bytes.h>
#include <plimsoll/result.h>

#include "device/device.h"
#include "device/sim/sim_faults.h"

namespace plimsoll {

/// A size that is added or taken away.
struct SizeChange {
  enum class Kind : std::uint8_t { add, take };
  Kind kind = Kind::add;
  Bytes size;
};

namespace sim {

/// Others take memory of the device or give it back.
struct ChangeOthers {
  SizeChange change;
};
struct Fail {
  Fault fault = Fault::alloc;
  std::uint64_t ordinal = 1;
  bool persistent = false;
};
struct Lose {};
/// What was not begun yet never ends.
struct Hang {};
/// From now on a part takes `factor` times as long as the specification says.
struct Slow {
  enum class Part : std::uint8_t { link, compute, disk };
  Part part = Part::link;
  double factor = 1;
};
using Action = std::variant<ChangeOthers, Fail, Lose, Hang, Slow>;

/// When an action happens. Points are ordered: start, then loading, then passes and in each its layers.
struct Point {
  enum class Stage : std::uint8_t { start, load, pass };
  Stage stage = Stage::start;
  double loaded = 0;
  std::int64_t pass = 1;
  std::int64_t layer = -1;
};

}  // namespace sim

/// What happens to a simulated device, and when. A line is
///   at=POINT ACTION...    # and what follows a mark is a remark
/// POINT is `start` (when the device is opened, also where there is no `at`), `load:F` (F of the bytes loaded, 0 to 1), `pass:P` (from 1),
/// `layer:L` (from 0, of pass 1) or `pass:P,layer:L`. ACTION is others=+SIZE or -SIZE; fail=alloc:N, copy:N, launch:N, query:N or pin:N
/// (the N-th from then on; N+ also all that follow); lost; hang; slow=link:Fx, compute:Fx or disk:Fx. Each happens once, at the first
/// moment that is not before its point.
class SimScript {
 public:
  SimScript() = default;

  /// `where` names the file in errors, which are `usage` with the line. At most 64 KiB and 1000 actions.
  static Result<SimScript> parse(std::string_view text, const std::string& where);

  /// The next action that is due at `now`, each once, in the order of their points; with none, only those of `start`.
  std::optional<sim::Action> next(const std::optional<Moment>& now);
  bool done() const { return next_ == events_.size(); }

 private:
  struct Event {
    sim::Point point;
    sim::Action action;
  };
  friend class SimScriptReader;

  std::vector<Event> events_;
  std::size_t next_ = 0;
};

}  // namespace plimsoll
