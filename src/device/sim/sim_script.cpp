#include "device/sim/sim_script.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

#include "device/sim/sim_values.h"

namespace plimsoll {
namespace {

using sim::Action;
using sim::Point;

constexpr std::size_t kLongestText = 64U << 10U;
constexpr std::size_t kMostActions = 1000;
constexpr std::uint64_t kLargestCount = 1'000'000'000;

template <typename T>
struct Named {
  std::string_view name;
  T value;
};

constexpr std::array kFaultNames = {Named<sim::Fault>{"alloc", sim::Fault::alloc}, Named<sim::Fault>{"copy", sim::Fault::copy},
                                    Named<sim::Fault>{"launch", sim::Fault::launch}, Named<sim::Fault>{"query", sim::Fault::query},
                                    Named<sim::Fault>{"pin", sim::Fault::pin}};
constexpr std::array kPartNames = {Named<sim::Slow::Part>{"link", sim::Slow::Part::link},
                                   Named<sim::Slow::Part>{"compute", sim::Slow::Part::compute},
                                   Named<sim::Slow::Part>{"disk", sim::Slow::Part::disk}};

template <typename T, std::size_t N>
std::optional<T> find(const std::array<Named<T>, N>& names, std::string_view name) {
  const auto* found = std::find_if(names.begin(), names.end(), [&](const Named<T>& known) { return known.name == name; });
  return found == names.end() ? std::nullopt : std::optional(found->value);
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || value > kLargestCount) return std::nullopt;
  return value;
}

std::optional<SizeChange> parse_change(std::string_view text) {
  const bool add = text.starts_with('+');
  if (!add && !text.starts_with('-')) return std::nullopt;
  const auto size = parse_bytes(text.substr(1));
  if (!size) return std::nullopt;
  return SizeChange{add ? SizeChange::Kind::add : SizeChange::Kind::take, *size};
}

std::optional<Action> parse_fail(std::string_view text) {
  const auto fault = find(kFaultNames, sim::take_until(text, ':'));
  const bool persistent = text.ends_with('+');
  if (persistent) text.remove_suffix(1);
  const auto ordinal = parse_count(text);
  if (!fault || !ordinal || *ordinal == 0) return std::nullopt;
  return sim::Fail{*fault, *ordinal, persistent};
}

std::optional<Action> parse_slow(std::string_view text) {
  const auto part = find(kPartNames, sim::take_until(text, ':'));
  if (!part || !text.ends_with('x')) return std::nullopt;
  const auto factor = sim::parse_number(text.substr(0, text.size() - 1));
  if (!factor || *factor <= 0) return std::nullopt;
  return sim::Slow{*part, *factor};
}

std::optional<Action> parse_action(std::string_view text) {
  if (text == "lost") return sim::Lose{};
  if (text == "hang") return sim::Hang{};
  const std::string_view key = sim::take_until(text, '=');
  if (key == "fail") return parse_fail(text);
  if (key == "slow") return parse_slow(text);
  const auto change = parse_change(text);
  if (key != "others" || !change) return std::nullopt;
  return sim::ChangeOthers{*change};
}

bool set_pass(Point& point, std::string_view text) {
  const auto number = parse_count(text);
  point.stage = Point::Stage::pass;
  point.pass = static_cast<std::int64_t>(number.value_or(0));
  return point.pass > 0;
}

bool set_layer(Point& point, std::string_view text) {
  const auto number = parse_count(text);
  point.stage = Point::Stage::pass;
  point.layer = static_cast<std::int64_t>(number.value_or(0));
  return number.has_value();
}

bool set_loaded(Point& point, std::string_view text) {
  const auto fraction = sim::parse_number(text);
  point.stage = Point::Stage::load;
  point.loaded = fraction.value_or(2);
  return point.loaded <= 1;
}

std::optional<Point> parse_point(std::string_view text) {
  Point point;
  if (text == "start") return point;
  std::string_view second = text;
  const std::string_view first = sim::take_until(second, ',');
  std::string_view value = first;
  const std::string_view key = sim::take_until(value, ':');
  if (key == "load" && first.size() == text.size()) return set_loaded(point, value) ? std::optional(point) : std::nullopt;
  const bool known = key == "pass" ? set_pass(point, value) : key == "layer" && set_layer(point, value);
  if (!known) return std::nullopt;
  if (first.size() == text.size()) return point;
  if (key != "pass" || sim::take_until(second, ':') != "layer" || !set_layer(point, second)) return std::nullopt;
  return point;
}

auto order(const Point& point) { return std::tuple(point.stage, point.loaded, point.pass, point.layer); }

Point point_of(const std::optional<Moment>& now) {
  if (!now) return {};
  if (now->phase == Phase::load) return {Point::Stage::load, now->loaded, 1, -1};
  return {Point::Stage::pass, 0, now->pass, now->layer};
}

}  // namespace

/// Reads a script line by line.
class SimScriptReader {
 public:
  explicit SimScriptReader(const std::string& where) : where_(where) {}

  Result<SimScript> read(std::string_view text) {
    if (text.size() > kLongestText) return refuse("a script of " + format_bytes(Bytes{text.size()}), "64 KiB are allowed");
    while (!text.empty()) {
      ++line_;
      std::string_view line = sim::take_until(text, '\n');
      PLIMSOLL_CHECK(read_line(sim::take_until(line, '#')));
    }
    std::stable_sort(script_.events_.begin(), script_.events_.end(),
                     [](const auto& a, const auto& b) { return order(a.point) < order(b.point); });
    return std::move(script_);
  }

 private:
  Error refuse(std::string what, std::string advice) const {
    const std::string line = line_ > 0 ? " line " + std::to_string(line_) : "";
    return Error{ErrorCode::usage, std::move(what), where_ + line, std::move(advice)};
  }

  Status read_line(std::string_view line) {
    Point point;
    std::size_t words = 0;
    bool timed = false;
    while (!line.empty()) {
      const std::size_t blank = std::min(line.find_first_of(" \t\r"), line.size());
      const std::string_view word = line.substr(0, blank);
      line.remove_prefix(std::min(blank + 1, line.size()));
      if (word.empty()) continue;
      if (++words == 1 && word.starts_with("at=")) {
        PLIMSOLL_TRY(point, read_point(word));
        timed = true;
      } else {
        PLIMSOLL_CHECK(add(point, word));
      }
    }
    if (timed && words == 1) return refuse("nothing happens at this point", "write an action behind it, for example others=+500MiB");
    return {};
  }

  Result<Point> read_point(std::string_view word) const {
    const auto point = parse_point(word.substr(3));
    if (point) return *point;
    return refuse(printable(word) + " is not a point in time", "write at=start, at=load:0.5, at=pass:1, at=layer:7 or at=pass:1,layer:7");
  }

  Status add(const Point& point, std::string_view word) {
    if (script_.events_.size() == kMostActions) return refuse("more than 1000 actions", "1000 are allowed");
    const auto action = parse_action(word);
    if (!action) {
      return refuse(printable(word) + " is not an action",
                    "write others=+500MiB, others=-500MiB, fail=alloc:7, fail=copy:3, fail=launch:2, fail=query:1, fail=pin:1, "
                    "fail=alloc:1+, lost, hang, "
                    "slow=link:10x, slow=compute:2x or slow=disk:10x, with at=POINT before them");
    }
    script_.events_.push_back({point, *action});
    return {};
  }

  const std::string& where_;
  std::size_t line_ = 0;
  SimScript script_;
};

Result<SimScript> SimScript::parse(std::string_view text, const std::string& where) { return SimScriptReader(where).read(text); }

std::optional<sim::Action> SimScript::next(const std::optional<Moment>& now) {
  if (done() || order(events_[next_].point) > order(point_of(now))) return std::nullopt;
  return events_[next_++].action;
}

}  // namespace plimsoll
