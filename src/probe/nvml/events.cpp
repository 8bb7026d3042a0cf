#include "probe/nvml/events.h"

namespace plimsoll::nvml {

void Events::open(Driver& driver) {
  const auto create = driver.functions().event_set_create;
  opened_ = driver.ask(create != nullptr, set_, [create](EventSet& set) { return create(&set); });
}

void Events::collect(Driver& driver) {
  static constexpr int kMost = 64;
  const auto wait = driver.functions().event_set_wait;
  if (opened_ != Code::success || wait == nullptr) return;
  for (int i = 0; i < kMost; ++i) {
    Event event;
    const Code code = driver.ask(true, event, [wait, set = set_](Event& out) { return wait(set, &out, 0); });
    if (code == Code::late || code == Code::not_made) opened_ = code;
    if (code != Code::success) return;
    const auto key = keys_.find(event.device);
    if ((event.type & kXidEvent) == 0 || key == keys_.end()) continue;
    auto& list = seen_[key->second];
    list.push_back(event.data);
    if (list.size() > kKept) list.erase(list.begin());
  }
}

Code Events::watch(Driver& driver, Handle device, const std::string& key) {
  if (opened_ != Code::success) return opened_;
  keys_[device] = key;
  const auto found = watched_.find(key);
  if (found != watched_.end()) return found->second;
  const auto watch = driver.functions().register_events;
  int unused = 0;
  const Code code = driver.ask(watch != nullptr, unused, [watch, device, set = set_](int&) { return watch(device, kXidEvent, set); });
  watched_[key] = code;
  return code;
}

std::vector<std::uint64_t> Events::seen(const std::string& key) const {
  const auto found = seen_.find(key);
  return found == seen_.end() ? std::vector<std::uint64_t>() : found->second;
}

}  // namespace plimsoll::nvml
