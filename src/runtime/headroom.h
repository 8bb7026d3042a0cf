#pragma once

#include <plimsoll/os.h>
#include <plimsoll/result.h>

namespace plimsoll {

/// Asks the machine, before mapped memory is touched, whether it is still there. Past a limit the kernel kills; here it is a
/// typed failure instead (`out_of_memory` with figures and what sets the limit). Limits of the process itself counted the
/// memory when it was mapped. Costs some 0.2 ms a question. Gives what is free.
Result<Bytes> check_headroom(Os& os, Bytes next);

/// The same for memory that is populated bit by bit: asks once for every so many bytes.
class Headroom {
 public:
  explicit Headroom(Os& os) : os_(os) {}
  /// Call before each `next` bytes are touched.
  Status before(Bytes next);

 private:
  static constexpr Bytes kStride = mib(32);
  Os& os_;
  Bytes granted_;
};

}  // namespace plimsoll
