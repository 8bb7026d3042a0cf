#include "device/sim/sim_heap.h"

#include <algorithm>
#include <new>

#include "device/sim/process_id.h"

namespace plimsoll {
namespace {

using sim::Block;
using sim::BlockUse;
using sim::HeapTable;
using sim::Owner;

constexpr std::chrono::milliseconds kLockPatience{10'000};
constexpr std::size_t kMostHolders = 3;

}  // namespace

Result<std::unique_ptr<SimHeap>> SimHeap::open(Os& os, const SimSpec& spec, std::string device, const CancelToken* cancel) {
  auto heap = std::unique_ptr<SimHeap>(new SimHeap(os, spec, std::move(device), cancel));
  if (!spec.name.empty()) {
    PLIMSOLL_TRY(const std::string folder, os.private_folder());
    PLIMSOLL_TRY(heap->self_, sim::this_process(os));
    heap->path_ = folder + "/sim-" + spec.name;
  } else {
    heap->self_.pid = 1;  // any but nobody's
  }
  heap->self_.heap = static_cast<std::uint64_t>(os.now().count());
  if (heap->shared()) {
    PLIMSOLL_TRY(heap->alive_, os.lock_file(sim::owner_file(heap->path_, heap->self_), std::chrono::milliseconds(0)));
  }
  std::optional<Block> context;
  PLIMSOLL_CHECK(heap->visit([&](HeapTable& table) -> Status {
    if (spec.context.count == 0) return {};
    context = table.place(spec.context.count, heap->self_, BlockUse::context);
    return context ? Status{} : Status{heap->shortfall(table, spec.context)};
  }));
  if (context) heap->mine_.push_back(*context);
  heap->opened_ = true;
  return heap;
}

SimHeap::~SimHeap() {
  mine_.clear();
  // What a failure leaves in the table, others take for gone once this one's lock is let go. One that was not opened is not in it.
  if (opened_) settle();
  if (alive_) os_.remove_file(sim::owner_file(path_, self_));
}

Result<std::unique_ptr<FileLock>> SimHeap::lock_table() {
  const auto patience = is_stuck_ ? std::chrono::milliseconds(0) : kLockPatience;
  const auto begin = os_.now();
  auto lock = os_.lock_file(path_ + ".lock", patience, cancel_);
  if (lock.ok()) is_stuck_ = false;
  else if (os_.now() - begin >= kLockPatience) is_stuck_ = true;
  return lock;
}

Status SimHeap::visit(const std::function<Status(HeapTable&)>& change) {
  if (!shared()) {
    table_.restore(self_, mine_);
    return change(table_);
  }
  PLIMSOLL_TRY(const auto lock, lock_table());
  PLIMSOLL_TRY(const std::string stored, read_table());
  PLIMSOLL_CHECK(change(table_));
  std::string text = table_.format();
  if (text == stored) return {};
  const Status written = os_.write_text(path_, text);
  if (written.ok()) return {};
  Error error = written.error();
  error.advice += ", or set XDG_RUNTIME_DIR to another folder of yours";
  return error;
}

// Brings table_ to what the file says, less the dead, with our own blocks as we know them. Gives the file's text.
Result<std::string> SimHeap::read_table() {
  auto text = os_.read_text(path_, HeapTable::kLongestText);
  if (!text.ok() && text.error().code == ErrorCode::io) return text;
  std::string stored = text.ok() ? std::move(text).value() : std::string();
  auto table = HeapTable::parse(stored);
  if (table) {
    std::vector<Owner> running;
    std::vector<Owner> gone;
    table->remove_owners([&](const Owner& owner) {
      if (owner == self_ || std::ranges::find(running, owner) != running.end()) return false;
      if (std::ranges::find(gone, owner) != gone.end()) return true;
      const bool runs = sim::is_alive(os_, path_, owner);
      (runs ? running : gone).push_back(owner);
      return !runs;
    });
    // What nobody uses, whoever opens it makes anew, perhaps in another size.
    if (running.empty() && !opened_) table.reset();
  }
  table_ = table ? std::move(*table) : HeapTable(spec_.memory, spec_.used);
  PLIMSOLL_CHECK(agree(table_));
  table_.restore(self_, mine_);
  return stored;
}

Status SimHeap::agree(const HeapTable& table) const {
  const HeapTable own(spec_.memory, spec_.used);
  if (table.memory() == own.memory() && table.used() == own.used()) return {};
  return Error{ErrorCode::usage,
               "the heap " + spec_.name + " is in use with memory=" + format_exact(table.memory()) + ",used=" + format_exact(table.used()),
               "--sim", "give the same, or another name"};
}

Result<Block> SimHeap::allocate(Bytes size) {
  const std::scoped_lock lock(mutex_);
  std::optional<Block> block;
  PLIMSOLL_CHECK(visit([&](HeapTable& table) -> Status {
    block = table.place(size.count, self_, BlockUse::memory);
    return block ? Status{} : Status{shortfall(table, size)};
  }));
  mine_.push_back(*block);
  return *block;
}

// Every visit first brings the table to mine_: if this one fails, the next gives the block back.
void SimHeap::release(const Block& block) {
  const std::scoped_lock lock(mutex_);
  std::erase(mine_, block);
  settle();
}

// Writes what is ours now. For destructors: false where it could not be done.
bool SimHeap::settle() noexcept {
  try {
    return visit([](HeapTable&) { return Status{}; }).ok();
  } catch (...) {
    return false;
  }
}

Result<DeviceMemoryState> SimHeap::memory() {
  const std::scoped_lock lock(mutex_);
  DeviceMemoryState state;
  PLIMSOLL_CHECK(visit([&](HeapTable& table) -> Status {
    state.total = table.memory();
    state.free = table.free();
    for (const Block& block : table.blocks()) {
      const bool ours = block.use != BlockUse::others && block.owner.same_process(self_);
      (ours ? state.ours : state.others).count += block.size;
      if (ours && block.use == BlockUse::context) state.context.count += block.size;
    }
    return {};
  }));
  return state;
}

Status SimHeap::change_others(const SizeChange& change) {
  const std::scoped_lock lock(mutex_);
  std::vector<Block> others;
  PLIMSOLL_CHECK(visit([&](HeapTable& table) -> Status {
    if (change.kind == SizeChange::Kind::take) {
      const std::uint64_t given = table.vacate(change.size.count, self_);
      table.vacate(change.size.count - std::min(given, change.size.count), Owner{});
    } else {
      table.occupy(change.size.count, self_);
    }
    for (const Block& block : table.blocks()) {
      if (block.owner == self_ && block.use == BlockUse::others) others.push_back(block);
    }
    return {};
  }));
  std::erase_if(mine_, [](const Block& block) { return block.use == BlockUse::others; });
  mine_.insert(mine_.end(), others.begin(), others.end());
  return {};
}

Error SimHeap::shortfall(const HeapTable& table, Bytes size) const {
  const Bytes free = table.free();
  const Bytes largest = table.largest_piece();
  const bool in_pieces = free >= size;
  std::string what =
      "cannot allocate " + format_bytes(size) + ": " + format_bytes(free) + " of " + format_bytes(table.memory()) + " are free";
  if (in_pieces) what += ", but the largest piece is " + format_bytes(largest);
  MemoryShortfall figures{device_, size, free, table.memory(), {}, holders_in(table), largest};
  std::string advice = in_pieces ? "give back and allocate again, largest first" : "use a smaller model, batch or precision";
  if (!in_pieces && !figures.holders.empty()) {
    const Holder& holder = figures.holders.front();
    const std::string command = holder.command.empty() ? "" : " (" + holder.command + ")";
    advice = "process " + std::to_string(holder.pid) + command + " holds " + format_bytes(holder.bytes);
  }
  return Error{ErrorCode::out_of_memory, std::move(what), device_, std::move(advice), std::move(figures)};
}

std::vector<Holder> SimHeap::holders() {
  const std::scoped_lock lock(mutex_);
  std::vector<Holder> found;
  const Status read = visit([&](HeapTable& table) {
    found = holders_in(table);
    return Status();
  });
  return read.ok() ? found : std::vector<Holder>();
}

std::vector<Holder> SimHeap::holders_in(const HeapTable& table) const {
  std::vector<std::pair<Owner, Bytes>> held;
  for (const Block& block : table.blocks()) {
    if (block.owner.pid == 0 || block.owner.same_process(self_)) continue;
    const auto same = [&](const auto& each) { return each.first.same_process(block.owner); };
    auto entry = std::ranges::find_if(held, same);
    if (entry == held.end()) entry = held.insert(held.end(), {block.owner, Bytes{}});
    entry->second.count += block.size;
  }
  std::ranges::sort(held, std::greater<>(), [](const auto& each) { return each.second.count; });
  if (held.size() > kMostHolders) held.resize(kMostHolders);
  std::vector<Holder> found;
  found.reserve(held.size());
  for (const auto& [owner, bytes] : held) found.push_back({owner.pid, {}, sim::command_of(os_, owner), bytes});
  return found;
}

}  // namespace plimsoll
