#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <plimsoll/session.h>

#pragma GCC visibility push(default)

namespace plimsoll {

/// Several sessions in one process on the same ledgers: together they never plan more of a device than the group may have. Each is planned
/// in what the others leave; what one gives back the others may use. Sessions may run in threads of their own, and take turns where the
/// group has devices: a pass each. `add` with `rebalance` moves others, and then none of them may be running.
class SessionGroup {
 public:
  struct Options {
    Os* os = nullptr;                       ///< needed
    Ledger* ledger = nullptr;               ///< needed
    std::vector<OpenDevice*> devices = {};  ///< those of `machine`, in its order
    Snapshot machine;                       ///< what all sessions together may have: its budgets and free memory
  };
  /// One session of a group.
  struct Request {
    const Model* model = nullptr;  ///< needed
    Workload workload = {};
    Policy policy = {};
    bool rebalance = false;  ///< where what is left is not enough for full speed, others shed until each has an equal share
    const CancelToken* cancel = nullptr;
    ProgressFunction progress = {};
    std::function<void(const SessionEvent&)> event = {};
  };

  /// Sets the limits of all ledgers; does nothing where something is missing, which `add` tells (`usage`). All that `options` points to
  /// outlives the group.
  explicit SessionGroup(Options options);
  ~SessionGroup();
  SessionGroup(const SessionGroup&) = delete;
  SessionGroup& operator=(const SessionGroup&) = delete;

  /// Plans and opens another session, owned by the group. Fails as Session::create does, the other sessions as they were or, after a
  /// rebalance, free to grow back. `request.model` outlives the session.
  Result<Session*> add(Request request);
  /// Closes one of its sessions: the others may have its memory, from their next pass on.
  void remove(const Session& session);

  /// Bytes of all present plans on a device.
  Bytes planned_total(std::string_view device = "cpu") const;

 private:
  struct Member;
  using Members = std::vector<std::unique_ptr<Member>>;

  std::vector<DeviceBytes> left_for(const Member& member) const;
  std::vector<DeviceBytes> left_for_locked(const Member& member) const;
  Result<Plan> claim(Member& member, std::span<const DeviceBytes> budgets);
  Result<Plan> plan_within(const Member& member, std::span<const DeviceBytes> budgets) const;
  void make_room(const Member& member);
  void forget_unopened();
  void distribute() noexcept;

  Options options_;
  std::vector<DeviceBytes> budgets_;
  mutable std::mutex mutex_;  ///< of the list of members and what they claim, which sessions look at from their threads
  Members members_;
};

}  // namespace plimsoll

#pragma GCC visibility pop
