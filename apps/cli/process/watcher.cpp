#include "process/watcher.h"

#include <algorithm>
#include <chrono>
#include <new>

#include <plimsoll/machine.h>

namespace plimsoll::cli {
namespace {

constexpr int kLooksPerPressure = 10;
// A session gives memory back at the end of a layer, some of these looks later.
constexpr std::uint64_t kLooksAhead = 5;
// Less than this is noise: the allowance of every group is larger.
constexpr Bytes kNoise = mib(1);
constexpr Bytes kBearable{kGroupAllowance.count / 2};
// What is given back beyond that, as a share of the plan: one large step instead of many.
constexpr std::uint64_t kExtraShare = 20;
// A rise is told once memory has not gone for so many looks, if it is this share of what was told last.
constexpr int kCalmLooks = 10;
constexpr std::uint64_t kRiseShare = 20;

}  // namespace

std::optional<Bytes> BudgetRule::look(Bytes budget, Bytes planned) {
  const Bytes fall = saturating_sub(last_, budget);
  last_ = budget;
  calm_ = fall > kNoise ? 0 : calm_ + 1;
  const Bytes ahead = saturating_sub(budget, fall * kLooksAhead);
  if (ahead + kNoise < planned) {
    calm_ = 0;
    const Bytes enough = saturating_sub(ahead, Bytes{planned.count / kExtraShare});
    const Bytes smallest = smallest_();
    // What cannot be given back is not asked for, unless it is missing now.
    const Bytes wanted = budget + kBearable < smallest ? budget : std::max(enough, smallest);
    if (wanted >= planned) return std::nullopt;
    told_ = wanted;
    return wanted;
  }
  if (calm_ < kCalmLooks || budget <= told_ + Bytes{told_.count / kRiseShare}) return std::nullopt;
  told_ = budget;
  return budget;
}

std::optional<Bytes> RiseRule::look(Bytes available) {
  calm_ = saturating_sub(last_, available) > kNoise ? 0 : calm_ + 1;
  last_ = available;
  told_ = std::min(told_, available);
  if (calm_ < kCalmLooks || available <= told_ + Bytes{told_.count / kRiseShare}) return std::nullopt;
  told_ = available;
  return available;
}

MemoryWatcher::MemoryWatcher(Os& os, Session& session, std::span<const std::unique_ptr<OpenDevice>> devices,
                             std::function<Bytes()> smallest, std::chrono::milliseconds pause)
    : os_(os),
      session_(session),
      pause_(pause),
      find_smallest_(std::move(smallest)),
      rule_(session.plan().devices.at(0).budget, [this] { return this->smallest(); }),
      pressure_([this] { return this->smallest(); }),
      wanted_(session.plan().devices.at(0).budget) {
  for (std::size_t i = 0; i < devices.size(); ++i)
    devices_.push_back({devices[i].get(), RiseRule(session.plan().devices.at(i + 1).budget)});
  auto thread = os.start_thread([this] { watch(); });
  if (thread.ok()) thread_ = std::move(thread).value();
}

MemoryWatcher::~MemoryWatcher() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.reset();
}

Bytes MemoryWatcher::smallest() {
  if (!smallest_) smallest_ = find_smallest_();
  return *smallest_;
}

void MemoryWatcher::watch() {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, pause_, [this] { return stop_; })) {
    lock.unlock();
    try_to_look();
    lock.lock();
  }
}

Status MemoryWatcher::keep_fit() {
  if (const auto now = std::chrono::steady_clock::now(); thread_ == nullptr && now >= next_look_) {
    next_look_ = now + pause_;
    try_to_look();
  }
  return session_.fit_budget();
}

void MemoryWatcher::try_to_look() {
  try {
    look();
  } catch (const std::bad_alloc&) {
    // The heap had nothing for it: what was seen then is seen at the next look.
  }
}

void MemoryWatcher::look() {
  const Bytes budget = probe_memory(os_).contended_budget();
  const auto told = rule_.look(budget, session_.planned_total());
  if (told) wanted_ = *told;
  bool changed = false;
  if (++looks_ % kLooksPerPressure == 0) {
    const auto pressure = probe_pressure(os_);
    changed = pressure_.look(pressure ? pressure->some : 0, session_.planned_total());
  }
  if (told || changed) session_.set_budget(std::min({wanted_, budget, pressure_.most()}));
  look_at_devices();
}

void MemoryWatcher::look_at_devices() {
  for (Watched& watched : devices_) {
    // One that does not answer is the session's to notice.
    const auto available = watched.device->available();
    const auto risen = available.ok() ? watched.rule.look(*available) : std::nullopt;
    if (risen) session_.set_budget(watched.device->ledger().device(), *risen);
  }
}

}  // namespace plimsoll::cli
