#include "device/sim/heap_table.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "device/sim/sim_values.h"

namespace plimsoll::sim {
namespace {

constexpr std::string_view kMagic = "plimsoll-sim-heap-1";
constexpr std::array<std::string_view, 3> kUses = {"memory", "context", "others"};

/// The numbers of a line, each after one blank.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  std::string_view word() { return take_until(rest_, ' '); }
  template <typename T>
  T number() {
    const std::string_view text = word();
    T value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    good_ = good_ && failure == std::errc() && end == text.data() + text.size() && value >= 0;
    return value;
  }
  bool good() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::optional<Block> parse_block(std::string_view text) {
  Line line(text);
  Block block;
  const auto* use = std::find(kUses.begin(), kUses.end(), line.word());
  block.offset = line.number<std::uint64_t>();
  block.size = line.number<std::uint64_t>();
  block.owner.pid = line.number<std::int64_t>();
  block.owner.start = line.number<std::uint64_t>();
  block.owner.heap = line.number<std::uint64_t>();
  if (use == kUses.end() || !line.good()) return std::nullopt;
  block.use = static_cast<BlockUse>(use - kUses.begin());
  return block;
}

bool lies_well(const Block& block, std::uint64_t low, std::uint64_t high) {
  return block.offset >= low && block.offset <= high && block.size > 0 && block.size <= high - block.offset &&
         block.offset % kGranule == 0 && block.size % kGranule == 0;
}

}  // namespace

HeapTable::HeapTable(Bytes memory, Bytes used) : memory_{memory.count / kGranule * kGranule}, used_(std::min(used, memory_)) {
  occupy(used_.count, Owner{});
}

template <typename Visit>
void HeapTable::visit_gaps(Visit&& visit) const {
  std::uint64_t at = 0;
  for (const Block& block : blocks_) {
    if (block.offset > at) visit(Gap{at, block.offset - at});
    at = block.end();
  }
  if (memory_.count > at) visit(Gap{at, memory_.count - at});
}

Bytes HeapTable::free() const {
  Bytes sum;
  visit_gaps([&](const Gap& gap) { sum.count += gap.size; });
  return sum;
}

Bytes HeapTable::largest_piece() const {
  Bytes largest;
  visit_gaps([&](const Gap& gap) { largest.count = std::max(largest.count, gap.size); });
  return largest;
}

std::optional<Block> HeapTable::place(std::uint64_t size, const Owner& owner, BlockUse use) {
  if (size > memory_.count || blocks_.size() >= kMostBlocks) return std::nullopt;
  const std::uint64_t need = std::max(round_to_granules(size), kGranule);
  Gap best;
  visit_gaps([&](const Gap& gap) {
    if (gap.size >= need && (best.size == 0 || gap.size < best.size)) best = gap;
  });
  if (best.size == 0) return std::nullopt;
  const Block block{best.offset, need, owner, use};
  insert(block);
  return block;
}

void HeapTable::occupy(std::uint64_t size, const Owner& owner) {
  std::uint64_t left = round_to_granules(std::min(size, memory_.count));
  while (left > 0 && blocks_.size() < kMostBlocks) {
    Gap top;
    visit_gaps([&](const Gap& gap) { top = gap; });
    if (top.size == 0) return;
    const std::uint64_t piece = std::min(left, top.size);
    insert(Block{top.offset + top.size - piece, piece, owner, BlockUse::others});
    left -= piece;
  }
}

std::uint64_t HeapTable::vacate(std::uint64_t size, const Owner& owner) {
  const std::uint64_t wanted = round_to_granules(std::min(size, memory_.count));
  std::uint64_t left = wanted;
  for (Block& block : blocks_) {
    if (block.owner != owner || block.use != BlockUse::others) continue;
    const std::uint64_t piece = std::min(left, block.size);
    block.offset += piece;  // from below, so that the gap next to it grows
    block.size -= piece;
    left -= piece;
  }
  std::erase_if(blocks_, [](const Block& block) { return block.size == 0; });
  return wanted - left;
}

void HeapTable::insert(const Block& block) {
  const auto after = std::upper_bound(blocks_.begin(), blocks_.end(), block.offset,
                                      [](std::uint64_t offset, const Block& other) { return offset < other.offset; });
  blocks_.insert(after, block);
}

bool HeapTable::is_free(const Block& block) const {
  return lies_well(block, 0, memory_.count) && std::none_of(blocks_.begin(), blocks_.end(), [&](const Block& other) {
           return other.offset < block.end() && block.offset < other.end();
         });
}

void HeapTable::restore(const Owner& owner, std::span<const Block> mine) {
  std::erase_if(blocks_, [&](const Block& block) { return block.owner == owner; });
  for (const Block& block : mine) {
    if (is_free(block)) insert(block);
  }
}

std::string HeapTable::format() const {
  std::string text(kMagic);
  text += " " + std::to_string(memory_.count) + " " + std::to_string(used_.count) + "\n";
  for (const Block& block : blocks_) {
    text += kUses[static_cast<std::size_t>(block.use)];
    for (const std::uint64_t number :
         {block.offset, block.size, static_cast<std::uint64_t>(block.owner.pid), block.owner.start, block.owner.heap}) {
      text += " " + std::to_string(number);
    }
    text += "\n";
  }
  return text;
}

std::optional<HeapTable> HeapTable::parse(std::string_view text) {
  if (!text.ends_with('\n')) return std::nullopt;
  Line head(take_until(text, '\n'));
  if (head.word() != kMagic) return std::nullopt;
  const Bytes memory{head.number<std::uint64_t>()};
  const Bytes used{head.number<std::uint64_t>()};
  if (!head.good() || memory.count % kGranule != 0 || used > memory) return std::nullopt;
  HeapTable table(memory, Bytes{});
  table.used_ = used;
  for (std::uint64_t at = 0; !text.empty();) {
    const auto block = parse_block(take_until(text, '\n'));
    if (!block || !lies_well(*block, at, memory.count) || table.blocks_.size() == kMostBlocks) return std::nullopt;
    table.blocks_.push_back(*block);
    at = block->end();
  }
  return table;
}

}  // namespace plimsoll::sim
