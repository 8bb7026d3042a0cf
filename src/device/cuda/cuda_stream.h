#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "device/cuda/driver.h"
#include "device/device.h"

namespace plimsoll {
class CudaDevice;
}

namespace plimsoll::cuda {

/// A stream of the driver's, with the first error of what was queued on it.
class CudaStream final : public Stream {
 public:
  /// Of no stream of the driver's yet.
  explicit CudaStream(CudaDevice& device) : device_(device) {}
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;
  ~CudaStream() override;

  CUstream handle() const { return handle_; }
  CUstream& handle() { return handle_; }
  bool failed() const { return !failure.ok(); }
  Status failure;

 private:
  CudaDevice& device_;
  CUstream handle_ = nullptr;
};

/// The driver's events, all made at once and used in turn: what a record gives is a number, and a number that is long past stands for work
/// that is done. An event of a stream that has failed keeps the error.
class EventRing {
 public:
  static constexpr std::size_t kEvents = 1024;
  struct Entry {
    CUevent handle = nullptr;
    std::uint64_t id = 0;
    std::optional<Error> failure;
  };

  /// All or none.
  CUresult create(const Functions& f);
  void destroy(const Functions& f);

  /// The place of the next record. What it stands for up to now must be done before it is used again.
  Entry& next() { return entries_[(last_ + 1) % kEvents]; }
  /// Takes it.
  Entry& advance();
  /// Null where the number is long past.
  Entry* find(std::uint64_t id);

 private:
  std::array<Entry, kEvents> entries_;
  std::uint64_t last_ = 0;
};

}  // namespace plimsoll::cuda
