#include "device/sim/sim_device.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "device/cpu/cpu_kernels.h"
#include "device/sim/step_cost.h"
#include "device/step_operands.h"

namespace plimsoll {
namespace {

constexpr std::size_t kLongestScript = 64U << 10U;

SimStream& own(Stream& stream) { return static_cast<SimStream&>(stream); }

}  // namespace

/// A block of the heap and the host's bytes behind it.
class SimMemory final : public DeviceMemory {
 public:
  SimMemory(SimDevice& device, Bytes size) : device_(device), size_(size) {}
  SimMemory(const SimMemory&) = delete;
  SimMemory& operator=(const SimMemory&) = delete;
  ~SimMemory() override {
    if (mapping_) {
      device_.run_all();
      device_.forget(bytes());
    }
    if (block_) device_.heap_->release(*block_);
  }

  Status take(Os& os) {
    PLIMSOLL_TRY(block_, device_.heap_->allocate(size_));
    PLIMSOLL_TRY(mapping_, os.map_memory(size_));
    return {};
  }
  std::span<std::byte> bytes() const override { return mapping_->bytes().first(size_.count); }

 private:
  SimDevice& device_;
  Bytes size_;
  std::optional<sim::Block> block_;
  std::unique_ptr<Mapping> mapping_;
};

/// A range of the host's memory whose copies nobody waits for.
class SimPin final : public HostPin {
 public:
  SimPin(SimDevice& device, std::span<const std::byte> pages) : device_(device), pages_(pages) { device_.pinned_.push_back(pages_); }
  SimPin(const SimPin&) = delete;
  SimPin& operator=(const SimPin&) = delete;
  ~SimPin() override {
    device_.run_all();
    const auto same = [this](const auto& other) { return other.data() == pages_.data() && other.size() == pages_.size(); };
    device_.pinned_.erase(std::ranges::find_if(device_.pinned_, same));
  }

 private:
  SimDevice& device_;
  std::span<const std::byte> pages_;
};

class SimKernels final : public Kernels {
 public:
  SimKernels(SimDevice& device, std::unique_ptr<CpuKernels> kernels) : device_(device), kernels_(std::move(kernels)) {}
  SimKernels(const SimKernels&) = delete;
  SimKernels& operator=(const SimKernels&) = delete;
  ~SimKernels() override { device_.run_all(); }

  void enqueue(Stream& stream, const Step& step) override { device_.launch(own(stream), step, *this); }
  Status synchronize(Stream& stream) override { return device_.synchronize(stream); }

  Status compute(SimStream& stream, const Step& step) {
    kernels_->enqueue(stream, step);
    return kernels_->synchronize(stream);
  }

 private:
  SimDevice& device_;
  std::unique_ptr<CpuKernels> kernels_;
};

Result<std::unique_ptr<SimDevice>> SimDevice::create(Options options) {
  auto device = std::unique_ptr<SimDevice>(new SimDevice(std::move(options)));
  const SimSpec& spec = device->spec();
  Os& os = *device->options_.os;
  if (!spec.script.empty()) {
    PLIMSOLL_TRY(const std::string text, os.read_text(spec.script, kLongestScript));
    PLIMSOLL_TRY(device->script_, SimScript::parse(text, spec.script));
  }
  PLIMSOLL_TRY(device->heap_, SimHeap::open(os, spec, device->name(), device->options_.cancel));
  while (const auto action = device->script_.next(std::nullopt)) device->apply(*action);
  return device;
}

Result<DeviceMemoryState> SimDevice::memory() {
  if (lost_) return lost_error();
  if (faults_.strikes(sim::Fault::query)) return Error{ErrorCode::io, "cannot ask for the memory", name(), "try again"};
  return heap_->memory();
}

Result<std::unique_ptr<DeviceMemory>> SimDevice::allocate(Bytes size) {
  if (lost_) return lost_error();
  const bool struck = faults_.strikes(sim::Fault::alloc);
  if (struck || !options_.os->gate().admit(Acquisition::device_memory, "SimDevice::allocate")) return refused_allocation(size);
  auto memory = std::make_unique<SimMemory>(*this, size);
  PLIMSOLL_CHECK(memory->take(*options_.os));
  const std::span<const std::byte> bytes = memory->bytes();
  const auto after = std::ranges::upper_bound(allocations_, bytes.data(), {}, [](const auto& other) { return other.data(); });
  allocations_.insert(after, bytes);
  return std::unique_ptr<DeviceMemory>(std::move(memory));
}

Result<std::unique_ptr<HostPin>> SimDevice::pin(std::span<std::byte> pages) {
  if (lost_) return lost_error();
  const bool struck = faults_.strikes(sim::Fault::pin);
  if (struck || !options_.os->gate().admit(Acquisition::pinned_memory, "SimDevice::pin")) {
    return Error{ErrorCode::out_of_memory, "cannot pin " + format_bytes(Bytes{pages.size()}) + " of the host's memory", name(),
                 "copy it as it is, slower"};
  }
  return std::unique_ptr<HostPin>(std::make_unique<SimPin>(*this, pages));
}

Result<std::unique_ptr<Stream>> SimDevice::make_stream(StreamKind) {
  if (lost_) return lost_error();
  if (!options_.os->gate().admit(Acquisition::kernel, "SimDevice::make_stream"))
    return Error{ErrorCode::out_of_memory, "cannot make a stream", name()};
  auto stream = std::make_unique<SimStream>(*this);
  streams_.push_back(stream.get());
  return std::unique_ptr<Stream>(std::move(stream));
}

Result<std::unique_ptr<Kernels>> SimDevice::make_kernels(const WorkspaceNeeds& needs, std::span<std::byte> workspace) {
  if (lost_) return lost_error();
  if (!options_.os->gate().admit(Acquisition::kernel, "SimDevice::make_kernels"))
    return Error{ErrorCode::out_of_memory, "cannot make kernels", name()};
  if (!holds(workspace)) return Error{ErrorCode::internal, "the workspace is not in the device's memory", name()};
  PLIMSOLL_TRY(auto kernels, CpuKernels::create(*options_.pool, options_.features, needs, workspace));
  return std::unique_ptr<Kernels>(std::make_unique<SimKernels>(*this, std::move(kernels)));
}

void SimDevice::copy_in(Stream& stream, std::byte* to, std::span<const std::byte> from) {
  copy(own(stream), {to, from.data(), from.size(), true}, from);
}

void SimDevice::copy_out(Stream& stream, std::span<std::byte> to, const std::byte* from) {
  copy(own(stream), {to.data(), from, to.size(), false}, to);
}

void SimDevice::copy(SimStream& stream, sim::Copy copy, std::span<const std::byte> host) {
  copy.pageable = !is_pinned(host);
  push(stream, {copy, clock_.host(), faults_.strikes(sim::Fault::copy)});
  if (!copy.pageable) return;
  run(stream, stream.queued());
  clock_.host_waits(stream.time);
}

void SimDevice::launch(SimStream& stream, const Step& step, SimKernels& kernels) {
  push(stream, {sim::Launch{step, &kernels}, clock_.host(), faults_.strikes(sim::Fault::launch)});
}

Event SimDevice::record(Stream& stream) {
  const SimEvents::Entry& oldest = events_.place(events_.next_id());
  if (oldest.stream != nullptr) run(*oldest.stream, oldest.position);
  SimEvents::Entry& event = events_.add();
  event.stream = &own(stream);
  event.position = own(stream).queued() + 1;
  const std::uint64_t id = event.id;
  push(own(stream), {sim::Record{id}, clock_.host()});
  return {id};
}

void SimDevice::wait(Stream& stream, Event event) {
  if (event.id != 0) push(own(stream), {sim::Wait{event.id}, clock_.host()});
}

Event SimDevice::host_reads(Bytes size) {
  const SimEvents::Entry& oldest = events_.place(events_.next_id());
  if (oldest.stream != nullptr) run(*oldest.stream, oldest.position);
  SimEvents::Entry& event = events_.add();
  event.time = clock_.run(SimQueue::disk, clock_.host(), clock_.read_seconds(size));
  return {event.id};
}

Status SimDevice::synchronize(Stream& stream) try {
  SimStream& waited = own(stream);
  run(waited, waited.queued());
  clock_.host_waits(waited.time);
  Status failure = std::exchange(waited.failure, Status{});
  if (lost_) return lost_error();
  if (!script_failure_.ok()) return std::exchange(script_failure_, Status{});
  return failure;
} catch (const std::bad_alloc&) {
  return heap_exhausted();
}

void SimDevice::push(SimStream& stream, const sim::Work& work) {
  if (stream.full()) run(stream, stream.done() + 1);
  stream.push(work);
}

void SimDevice::run(SimStream& stream, std::uint64_t until) {
  while (stream.done() < until) {
    const sim::Work work = stream.pop();
    execute(stream, work);
  }
}

void SimDevice::run_all() {
  for (SimStream* stream : streams_) run(*stream, stream->queued());
}

// Destructors come here too, so that nothing may be thrown.
void SimDevice::execute(SimStream& stream, const sim::Work& work) try {
  if (hangs_ && !lost_) {
    clock_.host_waits(std::max(clock_.host(), stream.time) + kDevicePatience);
    lost_ = true;
  }
  if (lost_ && stream.failure.ok()) stream.failure = lost_error();
  if (!stream.failure.ok() && !std::holds_alternative<sim::Record>(work.what)) return;
  Status done = std::visit([&](const auto& what) { return perform(stream, work, what); }, work.what);
  if (stream.failure.ok()) stream.failure = std::move(done);
} catch (const std::bad_alloc&) {
  if (stream.failure.ok()) stream.failure = heap_exhausted();
  // Who waits for an event would otherwise take what came before it for done.
  if (const auto* record = std::get_if<sim::Record>(&work.what)) events_.fail(record->event);
}

Status SimDevice::perform(SimStream& stream, const sim::Work& work, const sim::Copy& copy) {
  if (work.fails)
    return Error{ErrorCode::io, copy.in ? "a copy to the device failed" : "a copy from the device failed", name(), "try again"};
  const std::byte* there = copy.in ? copy.to : copy.from;
  if (!holds({there, copy.size}))
    return Error{ErrorCode::internal, "a copy reaches beyond the device's memory", name(), "please report this"};
  if (copy.size > 0) std::memcpy(copy.to, copy.from, copy.size);
  const SimQueue queue = copy.in ? SimQueue::link_up : SimQueue::link_down;
  stream.time = clock_.run(queue, std::max(stream.time, work.issued), clock_.copy_seconds(Bytes{copy.size}, copy.pageable));
  return {};
}

Status SimDevice::perform(SimStream& stream, const sim::Work& work, const sim::Launch& launch) {
  if (work.fails) return Error{ErrorCode::io, "a step could not be launched", name(), "try again"};
  std::string_view stray;
  visit_operands(launch.step, [&](const Operand& operand) {
    if (stray.empty() && !holds(operand.bytes)) stray = operand.name;
  });
  if (!stray.empty()) {
    return Error{ErrorCode::internal, std::string(stray) + " is not in the device's memory", name(), "please report this"};
  }
  PLIMSOLL_CHECK(launch.kernels->compute(stream, launch.step));
  const double seconds = clock_.step_seconds(sim::flops(launch.step));
  stream.time = clock_.run(SimQueue::compute, std::max(stream.time, work.issued), seconds);
  return {};
}

Status SimDevice::perform(SimStream& stream, const sim::Work&, const sim::Wait& wait) {
  SimEvents::Entry* event = events_.find(wait.event);
  // Each stream's work only waits for what was queued before it, so this goes no deeper than there are streams.
  if (event != nullptr && event->stream != nullptr) run(*event->stream, event->position);
  if (event == nullptr) return {};
  stream.time = std::max(stream.time, event->time);
  return event->failure ? Status{*event->failure} : Status{};
}

Status SimDevice::perform(SimStream& stream, const sim::Work& work, const sim::Record& record) {
  SimEvents::Entry* event = events_.find(record.event);
  if (event == nullptr) return {};
  event->stream = nullptr;
  event->time = std::max(stream.time, work.issued);
  if (!stream.failure.ok()) event->failure = std::make_shared<const Error>(stream.failure.error());
  return {};
}

void SimDevice::forget(SimStream& stream) {
  events_.abandon(stream);
  std::erase(streams_, &stream);
}

void SimDevice::forget(std::span<const std::byte> memory) {
  std::erase_if(allocations_, [&](const auto& other) { return other.data() == memory.data(); });
}

bool SimDevice::holds(std::span<const std::byte> range) const {
  if (range.empty()) return true;
  const auto after = std::ranges::upper_bound(allocations_, range.data(), {}, [](const auto& other) { return other.data(); });
  if (after == allocations_.begin()) return false;
  const std::span<const std::byte> found = *std::prev(after);
  const auto offset = static_cast<std::size_t>(range.data() - found.data());
  return offset <= found.size() && range.size() <= found.size() - offset;
}

bool SimDevice::is_pinned(std::span<const std::byte> range) const {
  return range.empty() || std::ranges::any_of(pinned_, [&](const auto& pages) {
           return range.data() >= pages.data() && range.data() + range.size() <= pages.data() + pages.size();
         });
}

void SimDevice::at(const Moment& moment) {
  while (const auto action = script_.next(moment)) apply(*action);
}

void SimDevice::apply(const sim::Action& action) {
  std::visit([this](const auto& kind) { act(kind); }, action);
}

void SimDevice::act(const sim::ChangeOthers& action) {
  Status changed = heap_->change_others(action.change);
  if (script_failure_.ok()) script_failure_ = std::move(changed);
}

void SimDevice::act(const sim::Fail& action) { faults_.arm(action.fault, action.ordinal, action.persistent); }

void SimDevice::act(const sim::Lose&) { lost_ = true; }

void SimDevice::act(const sim::Hang&) { hangs_ = true; }

void SimDevice::act(const sim::Slow& action) {
  run_all();  // what was asked for before is not slowed
  switch (action.part) {
    case sim::Slow::Part::link: clock_.slow_link(action.factor); break;
    case sim::Slow::Part::compute: clock_.slow_compute(action.factor); break;
    case sim::Slow::Part::disk: clock_.slow_disk(action.factor); break;
  }
}

// With the figures there are, if they can be had.
Error SimDevice::refused_allocation(Bytes size) {
  auto state = heap_->memory();
  MemoryShortfall figures{name(), size, {}, options_.spec.memory, {}, {}};
  if (state.ok()) figures.free = state.value().free;
  return Error{ErrorCode::out_of_memory, "cannot allocate " + format_bytes(size) + ": refused with " + format_bytes(figures.free) + " free",
               name(), "try again, or use a smaller model, batch or precision", std::move(figures)};
}

Error SimDevice::lost_error() const {
  const char* what = hangs_ ? "the device has not answered for 30 s" : "the device is lost";
  return Error{ErrorCode::device_lost, what, name(), "go on without it; what it held is gone"};
}

}  // namespace plimsoll
