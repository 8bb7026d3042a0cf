#include "runtime/deployment.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "device/cpu/cpu_kernels.h"
#include "plan/layout/schedule.h"
#include "platform/huge_page.h"
#include "runtime/accelerator_runner.h"
#include "runtime/headroom.h"
#include "runtime/pass_runner.h"
#include "runtime/weight_loader.h"

namespace plimsoll {
namespace {

bool same(const PlannedWeight& a, const PlannedWeight& b) {
  return a.home == b.home && a.form.type == b.form.type && a.form.layout == b.form.layout && a.offset == b.offset && a.bytes == b.bytes;
}

}  // namespace

Result<std::unique_ptr<Deployment>> Deployment::create(const Options& options, const Plan& plan) {
  std::unique_ptr<Deployment> made(new Deployment(options));
  PLIMSOLL_TRY(made->pool_, ThreadPool::create(*options.os, plan.threads));
  PLIMSOLL_TRY(made->features_, cap_cpu_features(detect_cpu_features(), plan.isa));
  made->release();
  return made;
}

void Deployment::release() {
  runner_.reset();
  kernels_.reset();
  stream_.reset();
  sites_.reset();
  pins_.release();
  device_arenas_.release();
  reservation_.release();
  PlannedWeight nothing;
  nothing.home = Home::disk;
  loaded_.assign(options_.model->program().weights.size(), nothing);
}

// Asks for `fresh` memory, but for what loading holds already of a staging arena that is new (it had `staged` bytes before): the slots that
// weights are read into lie in it, and its pages are huge where the system has some.
Status Deployment::check_headroom_for(Bytes fresh, std::size_t staged) const {
  const Bytes staging{reservation_.bytes(MemoryTag::staging).size()};
  if (staging.count != staged && touched_.count != 0) fresh = saturating_sub(fresh, std::min(touched_ + kHugePage, staging));
  return check_headroom(*options_.os, fresh);
}

// A read of the plan before that is still under way, from a slow disk, is worth some waiting: without its memory another staging arena has
// to be had beside it.
void Deployment::wait_for_readers() const {
  static constexpr std::chrono::milliseconds kPatience{5000};
  static constexpr std::chrono::milliseconds kPause{2};
  const auto cancelled = [this] { return options_.cancel != nullptr && options_.cancel->cancelled(); };
  for (std::chrono::milliseconds waited{0}; reservation_.staging_is_kept() && waited < kPatience && !cancelled(); waited += kPause)
    std::this_thread::sleep_for(kPause);
}

Status Deployment::move_to(const Plan& plan, std::int32_t first_block) {
  runner_.reset();
  kernels_.reset();
  stream_.reset();
  sites_.reset();
  pins_.release();
  wait_for_readers();
  Plan next = plan;  // all of it or nothing
  plan_ = std::move(next);
  touched_ = touched_by_loading(*options_.model, plan_);
  come_to({Phase::load, 0});
  if (plan_.stages->size() > 1) return move_to_stages(first_block);
  forget_what_moves();
  const std::size_t staged = reservation_.bytes(MemoryTag::staging).size();
  PLIMSOLL_TRY(Bytes fresh, reservation_.fit(plan_));
  PLIMSOLL_TRY(const Bytes fresh_there, fit_device());
  fresh += fresh_there;
  PLIMSOLL_CHECK(pins_.pin(plan_, reservation_, options_.devices));
  PLIMSOLL_CHECK(make_kernels());
  PLIMSOLL_CHECK(load());
  PLIMSOLL_CHECK(check_headroom_for(fresh, staged));
  PLIMSOLL_TRY(std::unique_ptr<Runner> runner, make_runner());
  PLIMSOLL_CHECK(runner->prime(first_block));
  runner_ = std::move(runner);
  return {};
}

// Nothing that another plan has loaded stays.
Status Deployment::move_to_stages(std::int32_t first_block) {
  device_arenas_.release();
  for (PlannedWeight& weight : loaded_) weight.home = Home::disk;
  const std::size_t staged = reservation_.bytes(MemoryTag::staging).size();
  PLIMSOLL_TRY(const Bytes fresh, reservation_.fit(plan_));
  PLIMSOLL_TRY(sites_, StageSites::create({options_.os, options_.ledger, options_.model, &plan_, &reservation_, pool_.get(), features_,
                                           options_.cancel, options_.progress, options_.devices, touched_}));
  PLIMSOLL_CHECK(pins_.pin(plan_, reservation_, options_.devices));
  PLIMSOLL_CHECK(sites_->load([this](const Moment& moment) { come_to(moment); }));
  come_to({Phase::load, 1});
  PLIMSOLL_CHECK(check_headroom_for(fresh + sites_->fresh(), staged));
  PLIMSOLL_TRY(std::unique_ptr<Runner> runner, sites_->make_runner());
  PLIMSOLL_CHECK(runner->prime(first_block));
  runner_ = std::move(runner);
  return {};
}

// Of the plan: the one that computes, or null where the host does.
OpenDevice* Deployment::device() const {
  const std::int32_t number = plan_.schedule->device;
  return number == 0 ? nullptr : options_.devices.at(static_cast<std::size_t>(number - 1));
}

void Deployment::come_to(const Moment& moment) const {
  for (OpenDevice* device : options_.devices) device->device().at(moment);
}

// The old plan's memory goes before the new one's is asked for, on whichever device that is.
Result<Bytes> Deployment::fit_device() {
  if (device() == nullptr) {
    device_arenas_.release();
    return Bytes{};
  }
  const DevicePlan& planned = plan_.devices.at(static_cast<std::size_t>(plan_.schedule->device));
  Result<Bytes> fitted = device_arenas_.fit(device()->device(), device()->ledger(), planned, touched_);
  if (!fitted.ok()) forget_device();
  return fitted;
}

Status Deployment::make_kernels() {
  const WorkspaceNeeds& needs = plan_.schedule->workspace;
  if (device() == nullptr) {
    stream_ = std::make_unique<CpuStream>();
    PLIMSOLL_TRY(kernels_, make_cpu_kernels(*pool_, features_, needs, reservation_.bytes(MemoryTag::workspace)));
    return {};
  }
  PLIMSOLL_TRY(stream_, device()->device().make_stream(StreamKind::compute));
  PLIMSOLL_TRY(kernels_, device()->device().make_kernels(needs, device_arenas_.bytes(MemoryTag::workspace)));
  return {};
}

Result<std::unique_ptr<Runner>> Deployment::make_runner() const {
  const RunnerOptions options{options_.os,    options_.model, plan_.schedule.get(), &reservation_,
                              kernels_.get(), stream_.get(),  pool_.get(),          options_.cancel};
  if (device() == nullptr) {
    PLIMSOLL_TRY(std::unique_ptr<Runner> runner, PassRunner::create(options));
    return runner;
  }
  PLIMSOLL_TRY(std::unique_ptr<Runner> runner, AcceleratorRunner::create(options, device()->device(), device_arenas_));
  return runner;
}

// Before memory changes: whatever happens then, what is marked as loaded is there.
void Deployment::forget_what_moves() {
  const std::int32_t number = plan_.schedule->device;
  const auto weights = static_cast<std::size_t>(MemoryTag::weights);
  const bool stays = number == loaded_on_ && (number == 0 || device_arenas_.bytes(MemoryTag::weights).size() ==
                                                                 plan_.devices.at(static_cast<std::size_t>(number)).arenas[weights].count);
  if (!stays) forget_device();
  loaded_on_ = number;
  for (std::size_t i = 0; i < loaded_.size(); ++i) {
    if (!same(loaded_[i], plan_.schedule->weights[i])) loaded_[i].home = Home::disk;
  }
}

void Deployment::forget_device() {
  for (PlannedWeight& weight : loaded_) {
    if (weight.home == Home::device) weight.home = Home::disk;
  }
}

Status Deployment::load() {
  const std::vector<PlannedWeight>& planned = plan_.schedule->weights;
  std::vector<bool> missing(planned.size());
  for (std::size_t i = 0; i < planned.size(); ++i) missing[i] = planned[i].home != Home::disk && loaded_[i].home == Home::disk;
  LoadRequest request;
  request.os = options_.os;
  request.model = options_.model;
  request.schedule = plan_.schedule.get();
  request.reservation = &reservation_;
  if (device() != nullptr) request.target = {&device()->device(), &device_arenas_};
  request.come_to = [this](const Moment& moment) { come_to(moment); };
  request.kernels = kernels_.get();
  request.stream = stream_.get();
  request.pool = pool_.get();
  request.ledger = options_.ledger;
  request.cancel = options_.cancel;
  request.progress = options_.progress;
  request.wanted = &missing;
  PLIMSOLL_CHECK(load_weights(request));
  come_to({Phase::load, 1});
  loaded_ = planned;
  return {};
}

}  // namespace plimsoll
