#include "top/top_sample.h"

#include <new>
#include <utility>

namespace plimsoll::cli {

TopSample TopProbe::look() {
  TopSample sample;
  sample.report = monitor_.look();
  sample.memory = probe_memory(*os_);
  sample.load = probe_load(*os_);
  sample.processes = find_processes(*os_, kProcesses);
  sample.runs = list_runs(*os_);
  sample.time = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return sample;
}

/// Owned by the sampler and by its thread, whichever lasts longer.
struct Sampler::Shared {
  Look look;
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<const TopSample> last;
  std::optional<std::chrono::steady_clock::time_point> looking;
  bool stop = false;

  void serve(std::chrono::milliseconds pause) {
    std::unique_lock lock(mutex);
    while (!stop) {
      looking = std::chrono::steady_clock::now();
      lock.unlock();
      std::shared_ptr<const TopSample> sample;
      try {
        sample = std::make_shared<const TopSample>(look());
      } catch (const std::bad_alloc&) {
        sample = nullptr;
      }
      lock.lock();
      if (sample) last = std::move(sample);
      looking.reset();
      changed.wait_for(lock, pause, [this] { return stop; });
    }
  }
};

Result<std::unique_ptr<Sampler>> Sampler::start(Os& os, std::chrono::milliseconds pause, Look look) {
  std::unique_ptr<Sampler> sampler(new Sampler());
  sampler->shared_ = std::make_shared<Shared>();
  sampler->shared_->look = std::move(look);
  PLIMSOLL_TRY(sampler->thread_, os.start_thread([shared = sampler->shared_, pause] { shared->serve(pause); }));
  return sampler;
}

Sampler::~Sampler() {
  if (!thread_) return;
  {
    const std::scoped_lock lock(shared_->mutex);
    shared_->stop = true;
    shared_->changed.notify_all();
    if (shared_->looking) thread_->detach();
  }
  thread_.reset();
}

std::shared_ptr<const TopSample> Sampler::take() {
  const std::scoped_lock lock(shared_->mutex);
  return std::exchange(shared_->last, nullptr);
}

double Sampler::looking_for() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->looking ? std::chrono::duration<double>(std::chrono::steady_clock::now() - *shared_->looking).count() : 0;
}

}  // namespace plimsoll::cli
