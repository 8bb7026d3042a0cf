#include "plan/cost/pass_time.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace plimsoll {
namespace {

/// When chunks are through with a part of the machine: block by block, those of a block evenly from its begin to its end.
class Progress {
 public:
  explicit Progress(std::size_t blocks) { blocks_.reserve(blocks); }

  double chunks() const { return blocks_.empty() ? 0 : blocks_.back().chunks; }

  void add(double chunks, double begin, double end) { blocks_.push_back({this->chunks() + chunks, begin, end}); }

  /// When the first so many chunks are: of all that were ever added. Never asked for fewer than before.
  double at(double chunks) {
    if (chunks <= 0) return -std::numeric_limits<double>::infinity();
    while (next_ + 1 < blocks_.size() && blocks_[next_].chunks < chunks) ++next_;
    const Block& block = blocks_[next_];
    const double before = next_ > 0 ? blocks_[next_ - 1].chunks : 0;
    return block.begin + (block.end - block.begin) * std::min((chunks - before) / (block.chunks - before), 1.0);
  }

  void shift(double seconds) {
    for (Block& block : blocks_) {
      block.begin -= seconds;
      block.end -= seconds;
    }
  }

 private:
  struct Block {
    double chunks = 0;  // with all before
    double begin = 0;
    double end = 0;
  };
  std::vector<Block> blocks_;
  std::size_t next_ = 0;
};

// In two passes.
std::size_t streamed_twice(std::span<const TimedBlocks> blocks) {
  std::int64_t sum = 0;
  for (const TimedBlocks& run : blocks) sum += run.time.chunks > 0 ? 2 * run.blocks : 0;
  return static_cast<std::size_t>(sum);
}

class PassWalk {
 public:
  PassWalk(std::span<const TimedBlocks> blocks, const RingTime& ring, const PassCopies& copies)
      : blocks_(blocks),
        ring_(ring),
        copies_(copies),
        slots_(ring.slots),
        left_host_(streamed_twice(blocks)),
        computed_(streamed_twice(blocks)) {}

  /// Seconds from its beginning to its end, which is the beginning of the next.
  double pass() {
    upload_ += copies_.in;
    compute_ = copies_.in;
    for (const TimedBlocks& run : blocks_) {
      for (std::int64_t i = 0; i < run.blocks; ++i) add(run.time);
    }
    const double end = compute_ + copies_.out;
    read_ -= end;
    upload_ -= end;
    left_host_.shift(end);
    computed_.shift(end);
    return end;
  }

 private:
  /// How the chunks of a block arrive where they are computed: the first could, at the earliest.
  struct Arrival {
    double read_begin = 0;
    double upload_begin = 0;
    double first = 0;
  };

  void add(const BlockTime& block) {
    read_ += block.gather_read;
    upload_ += block.gather_upload;
    compute_ += block.gather_read + block.gather_upload;
    if (block.chunks > 0) stream(block);
    else compute_ += block.compute;
  }

  Arrival arrive(const BlockTime& block) {
    Arrival arrival;
    const double slot_free = computed_.at(computed_.chunks() + 1 - slots_);
    const double host_slot_free = ring_.is_accelerator ? left_host_.at(left_host_.chunks() + 1 - 2 * slots_) : slot_free;
    arrival.read_begin = std::max(read_, host_slot_free);
    arrival.upload_begin = std::max(upload_, slot_free);
    const double read_first = block.read > 0 ? arrival.read_begin + block.read * block.first : arrival.upload_begin;
    if (block.read > 0) arrival.upload_begin = std::max(arrival.upload_begin, read_first);
    arrival.first = ring_.is_accelerator ? arrival.upload_begin + block.upload * block.first : read_first;
    return arrival;
  }

  void stream(const BlockTime& block) {
    const Arrival arrival = arrive(block);
    const double begin = std::max(compute_, arrival.first);
    double last = 0;
    // What finds no slot before the block begins has to wait for it.
    if (block.read > 0) last = read_ = std::max(arrival.read_begin + block.read, begin + block.read * block.read_behind);
    if (ring_.is_accelerator) {
      const double behind_read = block.read > 0 ? read_ + block.upload * block.last : 0;
      last = upload_ = std::max({arrival.upload_begin + block.upload, behind_read, begin + block.upload * block.upload_behind});
      if (block.read > 0) left_host_.add(block.chunks, arrival.upload_begin, upload_);
    }
    compute_ = std::max(begin + block.compute, last + block.compute * block.last);
    computed_.add(block.chunks, begin, compute_);
  }

  std::span<const TimedBlocks> blocks_;
  RingTime ring_;
  PassCopies copies_;
  double slots_;
  // When each part is free, in seconds from the pass's beginning.
  double read_ = 0;
  double upload_ = 0;
  double compute_ = 0;
  Progress left_host_;  // of chunks from disk: their host slots are free
  Progress computed_;
};

}  // namespace

double pass_seconds(std::span<const TimedBlocks> blocks, const RingTime& ring, const PassCopies& copies) {
  PassWalk walk(blocks, ring, copies);
  const double first = walk.pass();
  // The second finds the ring as a pass leaves it.
  const bool streams = std::any_of(blocks.begin(), blocks.end(), [](const TimedBlocks& run) { return run.time.chunks > 0; });
  return streams ? walk.pass() : first;
}

}  // namespace plimsoll
