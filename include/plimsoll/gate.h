#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>

#pragma GCC visibility push(default)

namespace plimsoll {

/// The kinds of things that are acquired and may be refused.
enum class Acquisition : std::uint8_t { host_memory, device_memory, pinned_memory, open, read, write, thread, kernel };
inline constexpr std::size_t kAcquisitionKinds = 8;

std::string_view acquisition_name(Acquisition kind);

/// Every acquisition passes through a Gate before it is made. In production a Gate admits everything and counts;
/// tests tell it to refuse the n-th acquisition (of one kind, or of any), once or from then on, and the acquirer
/// must behave exactly as if the operating system had refused. Safe to use from several threads.
class Gate {
 public:
  struct Refusal {
    std::uint64_t ordinal = 0;  ///< 1 is the first acquisition seen after `refuse`; 0 refuses nothing
    bool persistent = false;    ///< also refuse all that follow
    int kind = -1;              ///< an Acquisition as int, or -1: any
  };

  /// Decides for a test, from whichever thread acquires: false refuses.
  using Rule = std::function<bool(Acquisition kind, std::string_view site)>;

  /// True when the acquisition may go ahead. Tests sweep every ordinal until `refused()` stays zero. `site` names the place that asks, once
  /// in the whole source: a test looks that every one was refused.
  bool admit(Acquisition kind, std::string_view site);

  /// Starts counting anew and refuses as told.
  void refuse(Refusal refusal);
  /// Likewise, and refuses as `rule` says, until the next `refuse`.
  void refuse_where(Rule rule);

  /// Acquisitions seen of `kind` since the last `refuse`.
  std::uint64_t seen(Acquisition kind) const;
  /// Acquisitions refused since the last `refuse`.
  std::uint64_t refused() const { return refused_.load(); }

 private:
  void start_counting();
  bool admit_locked(Acquisition kind);

  std::mutex mutex_;  // of the next two
  Refusal refusal_;
  std::shared_ptr<const Rule> rule_;
  std::atomic<std::uint64_t> matching_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::array<std::atomic<std::uint64_t>, kAcquisitionKinds> seen_{};
};

}  // namespace plimsoll

#pragma GCC visibility pop
