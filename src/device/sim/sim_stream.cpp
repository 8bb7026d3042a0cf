#include "device/sim/sim_stream.h"

#include "device/sim/sim_device.h"

namespace plimsoll {

SimStream::~SimStream() { device_.forget(*this); }

SimEvents::SimEvents()
    : entries_(kCapacity),
      abandoned_(std::make_shared<const Error>(Error{ErrorCode::internal, "waited for work of a stream that was destroyed", "sim"})),
      exhausted_(std::make_shared<const Error>(heap_exhausted())) {}

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

void SimEvents::fail(std::uint64_t id) noexcept {
  Entry* entry = find(id);
  if (entry == nullptr) return;
  entry->stream = nullptr;
  entry->failure = exhausted_;
}

void SimEvents::abandon(const SimStream& stream) noexcept {
  for (Entry& entry : entries_) {
    if (entry.stream != &stream) continue;
    entry.stream = nullptr;
    entry.failure = abandoned_;
  }
}

}  // namespace plimsoll
