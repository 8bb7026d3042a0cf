#include "device/cuda/cuda_stream.h"

#include "device/cuda/cuda_device.h"

namespace plimsoll::cuda {

CudaStream::~CudaStream() { device_.forget(*this); }

CUresult EventRing::create(const Functions& f) {
  for (Entry& entry : entries_) {
    if (const CUresult code = f.event_create(&entry.handle, CU_EVENT_DISABLE_TIMING); code != CUDA_SUCCESS) return code;
  }
  return CUDA_SUCCESS;
}

void EventRing::destroy(const Functions& f) {
  for (Entry& entry : entries_) {
    if (entry.handle != nullptr) f.event_destroy(entry.handle);
    entry.handle = nullptr;
  }
}

EventRing::Entry& EventRing::advance() {
  Entry& entry = entries_[++last_ % kEvents];
  entry.id = last_;
  entry.failure.reset();
  return entry;
}

EventRing::Entry* EventRing::find(std::uint64_t id) {
  Entry& entry = entries_[id % kEvents];
  return id != 0 && entry.id == id ? &entry : nullptr;
}

}  // namespace plimsoll::cuda
