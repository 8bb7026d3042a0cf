#include "stream/slot_reader.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/checked.h"
#include "stream/read_queue.h"

namespace plimsoll {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLook{50};    // between looks at `cancelled`
constexpr milliseconds kGrace{200};  // for reads in flight, before they count as stuck
constexpr std::uint64_t kPiece = std::uint64_t{256} << 10U;
constexpr std::uint64_t kStride = 0x9E3779B97F4A7C15U;  // of the golden ratio: multiples of it spread evenly

Error internal(std::string what, std::string where) {
  return Error{ErrorCode::internal, std::move(what), std::move(where), "please report"};
}

Status check_memory(const SlotReader::Options& options) {
  const auto address = reinterpret_cast<std::uintptr_t>(options.memory.data());
  const auto need = checked_mul(options.slot_bytes, static_cast<std::uint64_t>(std::max(options.slots, 0)));
  const bool aligned = address % kDirectBlock == 0 && options.slot_bytes % kDirectBlock == 0 && options.slot_bytes != 0;
  if (options.os != nullptr && options.slots >= 0 && options.readers >= 0 && need && *need <= options.memory.size() && aligned) return {};
  return internal(std::to_string(options.slots) + " slots of " + std::to_string(options.slot_bytes) + " bytes do not fit memory of " +
                      std::to_string(options.memory.size()) + " bytes, or are not aligned",
                  "slots");
}

bool is_cached(const Extent& extent, std::uint64_t offset) {
  std::byte one{};
  return extent.file->read_cached({&one, 1}, offset) == 1;
}

}  // namespace

Result<std::unique_ptr<SlotReader>> SlotReader::create(Options options) {
  PLIMSOLL_CHECK(check_memory(options));
  auto queue = std::make_shared<ReadQueue>(options.slots, options.readers, options.memory_owner);
  const auto readers = static_cast<std::size_t>(options.readers);
  const auto slots = static_cast<std::size_t>(options.slots);
  auto made = std::unique_ptr<SlotReader>(new SlotReader(std::move(options), queue));
  made->slots_.resize(slots);
  made->threads_.reserve(readers);
  for (std::size_t reader = 0; reader < readers; ++reader) {
    auto thread = made->options_.os->start_thread([queue, reader] { queue->serve(static_cast<int>(reader)); });
    if (!thread.ok()) break;
    made->threads_.push_back(std::move(thread).value());
  }
  return made;
}

SlotReader::~SlotReader() {
  drop_copy();
  queue_->stop();
  queue_->settle(kGrace);
  for (std::size_t reader = 0; reader < threads_.size(); ++reader) {
    if (queue_->at_work(static_cast<int>(reader))) threads_[reader]->detach();
  }
}

void SlotReader::request(int slot, const Extent& extent) {
  Slot* s = find(slot);
  if (s == nullptr || s->phase != Phase::free) return;
  s->extent = extent;
  s->number = ++requests_;
  s->failure = check(extent);
  s->phase = s->failure.ok() ? Phase::ready : Phase::failed;
  if (s->phase == Phase::failed || extent.bytes == 0) return;
  const bool set_aside = queue_->busy(slot);
  const Look look = set_aside ? Look{} : look_for(extent, s->number);
  s->phase = look.cached ? Phase::cached : Phase::reading;
  if (s->phase == Phase::reading) push(slot, {extent.offset, extent.offset + extent.bytes}, look.brought);
}

Result<std::span<const std::byte>> SlotReader::wait(int slot) {
  Slot* s = find(slot);
  if (s == nullptr || s->phase == Phase::free) return internal("nothing was requested", "slot " + std::to_string(slot));
  if (s->phase == Phase::cached) {
    const Range missing = finish_copy(slot);
    s->phase = missing.begin < missing.end ? Phase::reading : Phase::ready;
    if (s->phase == Phase::reading) push(slot, missing, {});
  }
  if (s->phase == Phase::reading) PLIMSOLL_CHECK(await(slot));
  if (s->phase == Phase::failed) return s->failure.error();
  offer_next();
  return std::span<const std::byte>(held(slot));
}

void SlotReader::release(int slot) {
  Slot* s = find(slot);
  if (s == nullptr) return;
  if (copy_.slot == slot) drop_copy();
  s->phase = Phase::free;
  queue_->forget(slot);
}

void SlotReader::reset() {
  for (int slot = 0; slot < options_.slots; ++slot) release(slot);
  queue_->settle(kGrace);
}

SlotReader::Statistics SlotReader::statistics() const {
  const ReadQueue::Counts counts = queue_->counts();
  return {.direct_bytes = counts.bytes, .cached_bytes = cached_bytes_, .waited = waited_, .retries = counts.retries};
}

Status SlotReader::check(const Extent& extent) const {
  const auto end = checked_add(extent.offset, extent.bytes);
  const bool fits = extent.file != nullptr && end && *end <= extent.file->size() &&
                    block_ceiling(*end) - block_floor(extent.offset) <= options_.slot_bytes;
  if (fits || extent.bytes == 0) return {};
  return internal(std::to_string(extent.bytes) + " bytes from byte " + std::to_string(extent.offset) +
                      " do not fit the file or a slot of " + std::to_string(options_.slot_bytes),
                  extent.file != nullptr ? extent.file->path() : std::string("no file"));
}

// Where the system does not tell, three bytes are tried: both ends, and one in between that is another each time, because what a look
// brings stays there now and then.
SlotReader::Look SlotReader::look_for(const Extent& extent, std::uint64_t number) {
  if (const auto told = extent.file->all_cached(extent.offset, extent.bytes)) return {*told, {}};
  const std::uint64_t between = extent.offset + number * kStride % extent.bytes;
  for (const std::uint64_t offset : {extent.offset, extent.offset + extent.bytes - 1, between}) {
    if (!is_cached(extent, offset)) return {false, {offset, offset + 1}};
  }
  return {true, {}};
}

void SlotReader::CachedCopy::begin(int to, const Extent& what, std::span<std::byte> memory) {
  slot = to;
  extent = what;
  out = memory;
  first = extent.offset + extent.bytes;
  last = extent.offset;
}

std::int64_t SlotReader::CachedCopy::pieces() const { return static_cast<std::int64_t>((extent.bytes + kPiece - 1) / kPiece); }

void SlotReader::CachedCopy::operator()(std::int64_t piece) {
  const std::uint64_t begin = static_cast<std::uint64_t>(piece) * kPiece;
  const auto part = out.subspan(begin, std::min(kPiece, extent.bytes - begin));
  const std::uint64_t stop = extent.offset + begin + extent.file->read_cached(part, extent.offset + begin);
  const std::uint64_t part_end = extent.offset + begin + part.size();
  if (stop == part_end) return;
  for (std::uint64_t seen = first; stop < seen && !first.compare_exchange_weak(seen, stop);) continue;
  for (std::uint64_t seen = last; part_end > seen && !last.compare_exchange_weak(seen, part_end);) continue;
}

// The range that holds all that was missing from the page cache.
SlotReader::Range SlotReader::CachedCopy::missing() const { return first < last ? Range{first, last} : Range{}; }

void SlotReader::begin_copy(int slot) {
  copy_.begin(slot, find(slot)->extent, held(slot));
  pieces_.begin(copy_.pieces(), copy_);
}

SlotReader::Range SlotReader::finish_copy(int slot) {
  if (copy_.slot != slot) {
    drop_copy();
    begin_copy(slot);
  }
  if (options_.pool != nullptr) options_.pool->finish(pieces_);
  while (pieces_.do_one()) continue;
  copy_.slot = -1;
  const Range missing = copy_.missing();
  cached_bytes_ += copy_.extent.bytes - (missing.end - missing.begin);
  return missing;
}

// Lets threads that have nothing else to do copy what was requested next.
void SlotReader::offer_next() {
  if (options_.pool == nullptr || copy_.slot >= 0) return;
  int next = -1;
  for (int slot = 0; slot < options_.slots; ++slot) {
    const Slot& s = *find(slot);
    if (s.phase == Phase::cached && (next < 0 || s.number < find(next)->number)) next = slot;
  }
  if (next < 0) return;
  begin_copy(next);
  options_.pool->offer(pieces_);
}

void SlotReader::drop_copy() {
  if (options_.pool != nullptr) options_.pool->withdraw(pieces_);
  copy_.slot = -1;
}

void SlotReader::push(int slot, Range bytes, Range drop) {
  const Extent& extent = find(slot)->extent;
  const std::uint64_t begin = block_floor(bytes.begin);
  const std::uint64_t place = static_cast<std::uint64_t>(slot) * options_.slot_bytes + begin - block_floor(extent.offset);
  queue_->push(slot, {.file = extent.file,
                      .owner = extent.file->weak_from_this().lock(),
                      .offset = begin,
                      .out = options_.memory.subspan(place, block_ceiling(bytes.end) - begin),
                      .drop_offset = drop.begin,
                      .drop_bytes = drop.end - drop.begin});
}

// Until the slot is ready or failed; `cancelled` otherwise.
Status SlotReader::await(int slot) {
  const std::chrono::nanoseconds start = options_.os->now();
  const auto stopped = [this] { return options_.cancelled && options_.cancelled(); };
  bool cancelled = threads_.empty() && stopped();
  if (threads_.empty() && !cancelled) queue_->run(slot);
  while (!cancelled && !queue_->wait(slot, kLook)) cancelled = stopped();
  waited_ += options_.os->now() - start;
  if (cancelled) return Error{ErrorCode::cancelled, "stopped while reading weights"};
  Slot& s = *find(slot);
  s.failure = queue_->take_status(slot);
  s.phase = s.failure.ok() ? Phase::ready : Phase::failed;
  return {};
}

SlotReader::Slot* SlotReader::find(int slot) {
  return slot >= 0 && slot < options_.slots ? &slots_[static_cast<std::size_t>(slot)] : nullptr;
}

// The extent's bytes inside the slot, at the same distance from a block as in the file.
std::span<std::byte> SlotReader::held(int slot) const {
  const Extent& extent = slots_[static_cast<std::size_t>(slot)].extent;
  const std::uint64_t place = static_cast<std::uint64_t>(slot) * options_.slot_bytes + extent.offset % kDirectBlock;
  return options_.memory.subspan(place, extent.bytes);
}

}  // namespace plimsoll
