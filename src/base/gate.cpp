#include <plimsoll/gate.h>

#include <utility>

namespace plimsoll {

std::string_view acquisition_name(Acquisition kind) {
  static constexpr std::array<std::string_view, kAcquisitionKinds> kNames = {"host memory", "device memory", "pinned memory", "open",
                                                                             "read",        "write",         "thread",        "kernel"};
  return kNames[static_cast<std::size_t>(kind)];
}

bool Gate::admit(Acquisition kind, std::string_view site) {
  seen_[static_cast<std::size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
  std::shared_ptr<const Rule> rule;
  {
    const std::scoped_lock lock(mutex_);
    if (!rule_) return admit_locked(kind);
    rule = rule_;
  }
  const bool admitted = (*rule)(kind, site);
  if (!admitted) refused_.fetch_add(1);
  return admitted;
}

bool Gate::admit_locked(Acquisition kind) {
  if (refusal_.ordinal == 0) return true;
  if (refusal_.kind >= 0 && refusal_.kind != static_cast<int>(kind)) return true;
  const std::uint64_t ordinal = matching_.fetch_add(1) + 1;
  const bool refuse = refusal_.persistent ? ordinal >= refusal_.ordinal : ordinal == refusal_.ordinal;
  if (refuse) refused_.fetch_add(1);
  return !refuse;
}

void Gate::refuse(Refusal refusal) {
  const std::scoped_lock lock(mutex_);
  refusal_ = refusal;
  rule_ = {};
  start_counting();
}

void Gate::refuse_where(Rule rule) {
  const std::scoped_lock lock(mutex_);
  refusal_ = {};
  rule_ = rule ? std::make_shared<const Rule>(std::move(rule)) : nullptr;
  start_counting();
}

void Gate::start_counting() {
  matching_ = 0;
  refused_ = 0;
  for (auto& count : seen_) count = 0;
}

std::uint64_t Gate::seen(Acquisition kind) const { return seen_[static_cast<std::size_t>(kind)].load(); }

}  // namespace plimsoll
