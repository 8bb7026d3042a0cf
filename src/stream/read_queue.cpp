#include "stream/read_queue.h"

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <utility>

#include "platform/deadline.h"

namespace plimsoll {
namespace {

using std::chrono::milliseconds;

// Before each further try. Together they are no longer than a caller may go without a look at `cancelled`.
constexpr std::array<milliseconds, 3> kPauses = {milliseconds{5}, milliseconds{15}, milliseconds{30}};

}  // namespace

ReadQueue::ReadQueue(int slots, int readers, std::shared_ptr<void> memory_owner)
    : memory_owner_(std::move(memory_owner)), entries_(static_cast<std::size_t>(slots)), at_work_(static_cast<std::size_t>(readers)) {}

void ReadQueue::push(int slot, BlockRead read) {
  const Lock lock(mutex_);
  Entry& e = entry(slot);
  forget(e);
  e.read = std::move(read);
  e.phase = Phase::queued;
  asked_.notify_one();
}

bool ReadQueue::wait(int slot, milliseconds most) {
  Lock lock(mutex_);
  if (entry(slot).phase != Phase::done) Deadline(most).wait(ended_, lock);
  return entry(slot).phase == Phase::done;
}

void ReadQueue::run(int slot) {
  Lock lock(mutex_);
  if (entry(slot).phase == Phase::queued) read(lock, entry(slot));
}

Status ReadQueue::take_status(int slot) {
  const Lock lock(mutex_);
  return std::move(entry(slot).status);
}

void ReadQueue::forget(int slot) {
  const Lock lock(mutex_);
  forget(entry(slot));
}

bool ReadQueue::busy(int slot) {
  const Lock lock(mutex_);
  return entry(slot).busy;
}

void ReadQueue::settle(milliseconds most) {
  const Deadline deadline(most);
  Lock lock(mutex_);
  while (anyone_at_work() && deadline.wait(ended_, lock)) continue;
}

void ReadQueue::stop() {
  const Lock lock(mutex_);
  for (Entry& e : entries_) forget(e);
  stopping_ = true;
  asked_.notify_all();
}

bool ReadQueue::at_work(int reader) {
  const Lock lock(mutex_);
  return at_work_[static_cast<std::size_t>(reader)] != 0;
}

ReadQueue::Counts ReadQueue::counts() {
  const Lock lock(mutex_);
  return counts_;
}

void ReadQueue::serve(int reader) {
  char& at_work = at_work_[static_cast<std::size_t>(reader)];
  Lock lock(mutex_);
  while (!stopping_) {
    Entry* next = oldest();
    if (next == nullptr) {
      asked_.wait(lock);
      continue;
    }
    at_work = 1;
    read(lock, *next);
    at_work = 0;
    ended_.notify_all();
  }
}

ReadQueue::Entry* ReadQueue::oldest() {
  Entry* found = nullptr;
  for (Entry& e : entries_) {
    if (e.phase == Phase::queued && !e.busy && (found == nullptr || e.ticket < found->ticket)) found = &e;
  }
  return found;
}

bool ReadQueue::anyone_at_work() const {
  return std::any_of(at_work_.begin(), at_work_.end(), [](char at_work) { return at_work != 0; });
}

void ReadQueue::forget(Entry& entry) {
  entry.phase = Phase::idle;
  entry.ticket = ++last_ticket_;
  entry.read = {};
  forgot_.notify_all();
}

void ReadQueue::read(Lock& lock, Entry& entry) {
  entry.phase = Phase::reading;
  entry.busy = true;
  const std::uint64_t ticket = entry.ticket;
  BlockRead job = entry.read;
  lock.unlock();
  Status status = read_again_and_again(job, entry, ticket);
  if (job.drop_bytes > 0) job.file->drop_cached(job.drop_offset, job.drop_bytes);
  lock.lock();
  entry.busy = false;
  if (status.ok()) counts_.bytes += job.out.size();
  if (entry.ticket == ticket) {
    entry.phase = Phase::done;  // from now on the file may go
    entry.status = std::move(status);
  }
  ended_.notify_all();
  lock.unlock();
  job.owner.reset();  // may close the file
  lock.lock();
}

Status ReadQueue::read_again_and_again(const BlockRead& read, const Entry& entry, std::uint64_t ticket) try {
  for (std::size_t tries = 0;; ++tries) {
    Status status = read.file->read_direct(read.out, read.offset);
    if (status.ok() || status.error().code != ErrorCode::io) return status;
    if (tries == kPauses.size()) {
      status.error().what += ", tried " + std::to_string(tries + 1) + " times";
      return status;
    }
    if (!pause(entry, ticket, kPauses[tries])) return status;
  }
} catch (const std::bad_alloc&) {
  return heap_exhausted();  // in a thread of its own nobody else would catch it
}

// False when the read is of no use any more.
bool ReadQueue::pause(const Entry& entry, std::uint64_t ticket, milliseconds length) {
  const Deadline deadline(length);
  Lock lock(mutex_);
  while (entry.ticket == ticket && deadline.wait(forgot_, lock)) continue;
  if (entry.ticket != ticket) return false;
  ++counts_.retries;
  return true;
}

}  // namespace plimsoll
