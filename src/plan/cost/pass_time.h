#pragma once

#include <cstdint>
#include <span>

namespace plimsoll {

/// Seconds that a block takes of each of the parts of a machine that work at the same time.
struct BlockTime {
  double compute = 0;  ///< where it is computed
  double read = 0;     ///< of the disk; zero: it does not come from there
  double upload = 0;   ///< of the link to an accelerator
  double chunks = 0;   ///< in which it passes through the ring; zero: it stays
  double first = 0;    ///< share of the first chunk in all bytes of the block
  double last = 0;
  double read_behind = 0;    ///< share of the chunks that find no slot to be read into before the block begins
  double upload_behind = 0;  ///< likewise, to be copied into
  /// Rows of a gathered table on their way to an accelerator, before the block begins.
  double gather_read = 0;
  double gather_upload = 0;
};

/// So many blocks, one behind the other, that take the same.
struct TimedBlocks {
  BlockTime time;
  std::int64_t blocks = 1;
};

/// Seconds of what a pass takes over from the host before it begins, and hands back at its end.
struct PassCopies {
  double in = 0;
  double out = 0;
};

/// The slots of a ring (ring.h): where the host computes, in its memory; of an accelerator, there and twice as many on the host.
struct RingTime {
  std::int32_t slots = 0;
  bool is_accelerator = false;
  /// Chunks that are read at most before the first of them is used.
  std::int32_t reads_ahead() const { return is_accelerator ? 3 * slots : slots; }
};

/// Seconds of one of many passes. Walks the blocks as a runner does: the disk reads, the link copies and the device computes one block
/// after the other, each as soon as the slots before it are full and those behind it free; so what is read early, behind blocks that stay
/// or at the end of the pass before, goes no further ahead than there are slots. Linear in the blocks.
double pass_seconds(std::span<const TimedBlocks> blocks, const RingTime& ring, const PassCopies& copies);

}  // namespace plimsoll
