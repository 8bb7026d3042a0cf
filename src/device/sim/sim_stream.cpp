#include "device/sim/sim_stream.h"

#include <new>

#include "device/sim/sim_device.h"

namespace plimsoll {

namespace {

Error abandoned() noexcept {
  try {
    return Error{ErrorCode::internal, "waited for work of a stream that was destroyed", "sim"};
  } catch (...) {
    return heap_exhausted();
  }
}

}  // namespace

SimStream::~SimStream() { device_.forget(*this); }

SimEvents::Entry& SimEvents::add() {
  Entry& entry = place(++last_);
  entry = Entry{};
  entry.id = last_;
  return entry;
}

SimEvents::Entry* SimEvents::find(std::uint64_t id) {
  Entry& entry = place(id);
  return id != 0 && entry.id == id ? &entry : nullptr;
}

void SimEvents::abandon(const SimStream& stream) {
  for (Entry& entry : entries_) {
    if (entry.stream != &stream) continue;
    entry.stream = nullptr;
    entry.failure = abandoned();
  }
}

}  // namespace plimsoll
