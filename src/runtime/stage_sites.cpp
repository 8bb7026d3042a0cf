#include "runtime/stage_sites.h"

#include <utility>

#include "device/cpu/cpu_kernels.h"
#include "plan/stages/stages.h"
#include "runtime/accelerator_runner.h"
#include "runtime/pass_runner.h"
#include "runtime/staged_runner.h"
#include "runtime/weight_loader.h"

namespace plimsoll {
namespace {

double loaded_bytes(const Stage& stage) {
  double bytes = 0;
  for (const PlannedWeight& weight : stage.schedule.weights) bytes += weight.home == Home::disk ? 0 : static_cast<double>(weight.bytes);
  return bytes;
}

}  // namespace

Result<std::unique_ptr<StageSites>> StageSites::create(Options options) {
  std::unique_ptr<StageSites> made(new StageSites(std::move(options)));
  made->sites_.resize(made->options_.plan->devices.size());
  for (const Stage& stage : made->stages()) {
    made->programs_.push_back(stage_program(made->options_.model->program(), stage.first_block, stage.blocks));
    PLIMSOLL_CHECK(made->open(stage.schedule.device, stage.schedule.workspace));
  }
  return made;
}

// All stages of a device need the same of its kernels.
Status StageSites::open(std::int32_t device, const WorkspaceNeeds& needs) {
  const auto number = static_cast<std::size_t>(device);
  if (sites_[number] != nullptr) return {};
  auto site = std::make_unique<Site>();
  if (device == 0) {
    site->stream = std::make_unique<CpuStream>();
    PLIMSOLL_TRY(site->kernels, make_cpu_kernels(*options_.pool, options_.features, needs, options_.host->bytes(MemoryTag::workspace)));
  } else {
    site->device = options_.devices.at(number - 1);
    Device& there = site->device->device();
    const DevicePlan& planned = options_.plan->devices.at(number);
    PLIMSOLL_TRY(const Bytes fresh, site->arenas.fit(there, site->device->ledger(), planned, options_.touched));
    fresh_ += fresh;
    PLIMSOLL_TRY(site->stream, there.make_stream(StreamKind::compute));
    PLIMSOLL_TRY(site->kernels, there.make_kernels(needs, site->arenas.bytes(MemoryTag::workspace)));
  }
  sites_[number] = std::move(site);
  return {};
}

Status StageSites::load(const std::function<void(const Moment&)>& come_to) {
  double planned = 0;
  for (const Stage& stage : stages()) planned += loaded_bytes(stage);
  double done = 0;
  for (const Stage& stage : stages()) {
    const Site& at = site(stage);
    LoadRequest request;
    request.os = options_.os;
    request.model = options_.model;
    request.schedule = &stage.schedule;
    request.reservation = options_.host;
    if (at.device != nullptr) request.target = {&at.device->device(), &at.arenas};
    request.kernels = at.kernels.get();
    request.stream = at.stream.get();
    request.pool = options_.pool;
    request.ledger = options_.ledger;
    request.cancel = options_.cancel;
    request.progress = options_.progress;
    const double share = loaded_bytes(stage);
    request.come_to = [&](const Moment& moment) { come_to({Phase::load, (done + moment.loaded * share) / planned}); };
    PLIMSOLL_CHECK(load_weights(request));
    done += share;
  }
  return {};
}

Result<std::unique_ptr<Runner>> StageSites::make_runner() const {
  std::vector<StagedRunner::Part> parts;
  for (std::size_t s = 0; s < stages().size(); ++s) {
    const Stage& stage = stages()[s];
    const Site& at = site(stage);
    RunnerOptions options{options_.os,     options_.model, &stage.schedule, options_.host, at.kernels.get(),
                          at.stream.get(), options_.pool,  options_.cancel, &programs_[s], static_cast<std::int32_t>(stage.first_block)};
    std::unique_ptr<Runner> runner;
    if (at.device == nullptr) {
      PLIMSOLL_TRY(runner, PassRunner::create(options));
    } else {
      PLIMSOLL_TRY(runner, AcceleratorRunner::create(options, at.device->device(), at.arenas));
    }
    parts.push_back({static_cast<std::int32_t>(stage.first_block), static_cast<std::int32_t>(stage.blocks), std::move(runner)});
  }
  return std::unique_ptr<Runner>(std::make_unique<StagedRunner>(std::move(parts)));
}

}  // namespace plimsoll
