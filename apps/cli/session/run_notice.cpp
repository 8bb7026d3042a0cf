#include "session/run_notice.h"

namespace plimsoll::cli {
namespace {

constexpr std::chrono::milliseconds kLeastPause{100};

}  // namespace

RunNotice::RunNotice(Os& os) : os_(os), entry_(RunEntry::open(os)) {}

void RunNotice::reading(const std::string& model) {
  engine_ = nullptr;
  session_ = nullptr;
  status_.model = model;
  status_.phase = "reading";
  status_.devices.clear();
  if (entry_) tell();
}

void RunNotice::loading(Engine& engine, const Plan& plan) {
  engine_ = &engine;
  session_ = nullptr;
  missing_ = 1;
  runtime_.clear();
  weights_.clear();
  status_.model = plan.model;
  status_.devices.clear();
  for (const DevicePlan& device : plan.devices) {
    status_.devices.push_back({device.name, device.planned_total(), Bytes{}});
    runtime_.push_back(device.runtime);
    weights_.push_back(device.arenas[static_cast<std::size_t>(MemoryTag::weights)]);
  }
  enter("loading");
}

void RunNotice::loaded(const Session& session) {
  session_ = &session;
  missing_ = 0;
  enter("running");
}

void RunNotice::enter(std::string_view phase) {
  if (!entry_ || status_.phase == phase) return;
  status_.phase = phase;
  tell();
}

void RunNotice::beat(const Progress& progress) {
  const bool loading = session_ == nullptr && progress.planned.count > 0;
  if (loading) missing_ = 1 - static_cast<double>(progress.done.count) / static_cast<double>(progress.planned.count);
  if (entry_ && os_.now() - told_ >= kLeastPause) tell();
}

void RunNotice::tell() {
  told_ = os_.now();
  for (std::size_t i = 0; i < status_.devices.size(); ++i) {
    RunDevice& device = status_.devices[i];
    if (session_ != nullptr) device.planned = session_->planned_total(device.name);
    const Bytes charged = (i == 0 ? engine_->ledger() : engine_->devices().at(i - 1)->ledger()).current();
    const Bytes missing{static_cast<std::uint64_t>(missing_ * static_cast<double>(weights_[i].count))};
    device.current = saturating_sub(charged, missing) + runtime_[i];
  }
  entry_->update(status_);
}

}  // namespace plimsoll::cli
