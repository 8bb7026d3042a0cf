#include "stand_in.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace cuda_stand_in {
namespace {

void read_line(World& w, const std::string& key, std::istringstream& words) {
  if (key == "devices") words >> w.devices;
  else if (key == "version") words >> w.version;
  else if (key == "memory") words >> w.memory;
  else if (key == "context") words >> w.context;
  else if (key == "used") words >> w.used;
  else if (key == "capability") words >> w.major >> w.minor;
  else if (key == "hang") w.hangs = true;
  else {
    Fault fault;
    fault.function = key;
    words >> fault.code;
    std::uint64_t number = 0;
    if (words >> number) fault.first = number;
    if (words >> number) fault.count = number;
    w.faults.push_back(fault);
  }
}

void change(World& w, const std::string& text) {
  const std::scoped_lock lock(w.mutex);
  w.devices = 1;
  w.version = CUDA_VERSION;
  w.memory = std::size_t{1} << 30;
  w.context = std::size_t{64} << 20;
  w.used = 0;
  w.major = 9;
  w.minor = 0;
  w.hangs = false;
  w.faults.clear();
  w.sticky = CUDA_SUCCESS;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    if (std::string key; words >> key) read_line(w, key, words);
  }
}

std::string first_script() {
  const char* path = std::getenv("CUDA_STAND_IN");
  std::ifstream file(path == nullptr ? "/dev/null" : path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

World& world() {
  static World* const made = new World;  // lives as long as the process: calls may come while it ends
  static std::once_flag once;
  std::call_once(once, [] { change(*made, first_script()); });
  return *made;
}

void read_script(const std::string& text) { change(world(), text); }

CUresult begin(const char* function) {
  World& w = world();
  const std::scoped_lock lock(w.mutex);
  if (w.sticky != CUDA_SUCCESS) return w.sticky;
  for (Fault& fault : w.faults) {
    if (fault.function != function) continue;
    ++fault.calls;
    if (fault.calls >= fault.first && (fault.count == 0 || fault.calls < fault.first + fault.count))
      return static_cast<CUresult>(fault.code);
  }
  return CUDA_SUCCESS;
}

void push(Stream& stream, std::function<CUresult()> work) {
  stream.work.push_back(std::move(work));
  ++stream.queued;
}

void run(Stream& stream, std::uint64_t until) {
  World& w = world();
  while (stream.done < until && !w.hangs && w.sticky == CUDA_SUCCESS) {
    const std::function<CUresult()> work = std::move(stream.work.front());
    stream.work.pop_front();
    ++stream.done;
    if (const CUresult code = work(); code != CUDA_SUCCESS) w.sticky = code;
  }
}

bool can_hold(std::size_t size, int device) {
  World& w = world();
  std::size_t taken = w.used + (w.contexts[device] > 0 ? w.context : 0);
  for (const auto& [number, block] : w.blocks) taken += block.device == device ? block.size : 0;
  return taken <= w.memory && size <= w.memory - taken;
}

}  // namespace cuda_stand_in

void cuda_stand_in_script(const char* text) { cuda_stand_in::read_script(text); }

CudaStandInFigures cuda_stand_in_figures() {
  cuda_stand_in::World& w = cuda_stand_in::world();
  const std::scoped_lock lock(w.mutex);
  std::uint64_t contexts = 0;
  for (const auto& [device, count] : w.contexts) contexts += static_cast<std::uint64_t>(count);
  return {w.launches, w.products, w.blocks.size(), w.reserved.size(), w.registered.size(), contexts, w.streams.size()};
}
