#pragma once

#include <plimsoll/machine.h>
#include <plimsoll/os.h>
#include <plimsoll/result.h>

namespace plimsoll {

/// Asks the machine, before mapped memory is touched, whether it is still there. Past a limit the kernel kills; here it is a
/// typed failure instead (`out_of_memory` with figures and what sets the limit). Limits of the process itself counted the
/// memory when it was mapped. Costs some 0.2 ms a question.
Status check_headroom(Os& os, Bytes next);

/// The same for memory that is populated bit by bit: asks once for every so many bytes, in a control group for fewer than a plan leaves
/// free of it, so that a limit which is lowered meanwhile is noticed before it is reached.
class Headroom {
 public:
  explicit Headroom(Os& os) : os_(os) {}
  /// Call before each `next` bytes are touched.
  Status before(Bytes next);

 private:
  static constexpr Bytes kStride = mib(32);
  static constexpr Bytes kStrideInGroup{kGroupAllowance.count / 2};
  Os& os_;
  Bytes granted_;
};

}  // namespace plimsoll
