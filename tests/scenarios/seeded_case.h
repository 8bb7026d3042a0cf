#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "support/run_model.h"
#include "support/temporary_folder.h"
#include "support/tiny_model.h"

namespace plimsoll::testing {

/// A model, a machine, a request and something that happens, drawn from a seed.
class SeededCase {
 public:
  explicit SeededCase(std::uint64_t seed);

  /// With unlimited memory, on the host, without the event.
  RunRequest reference() const;
  /// As drawn.
  RunRequest request() const;
  /// The same with another budget of one device.
  RunRequest with_budget(const DeviceBytes& budget) const;

  /// What the machine has once the event has happened.
  Snapshot after_event(Snapshot machine) const;
  bool has_event() const { return event_ != Event::none; }
  bool loses_a_device() const { return event_ == Event::lost; }
  bool may_narrow() const { return !policy_.allow.empty(); }
  std::string description() const;

 private:
  enum class Event : std::uint8_t { none, shrink, lost, failed, neighbour };
  struct Device {
    std::string name;
    Bytes memory;
    std::string spec;  ///< all but its memory
  };

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  template <typename T>
  T one_of(std::initializer_list<T> list) {
    return *(list.begin() + below(list.size()));
  }
  Bytes between(Bytes low, Bytes high);
  void draw_model();
  void draw_policy();
  void draw_budgets();
  void draw_event();

  std::mt19937_64 random_;
  TemporaryFolder folder_;
  TinyModel tiny_;
  std::vector<Text> texts_;
  std::int64_t batch_ = 0;
  Policy policy_;
  Bytes budget_;
  std::vector<Device> sims_;
  Event event_ = Event::none;
  Bytes shrunk_;            ///< the host's budget after `shrink`
  std::size_t struck_ = 0;  ///< the device that is lost
  std::string script_;
};

}  // namespace plimsoll::testing
