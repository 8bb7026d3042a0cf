#pragma once

#include <gtest/gtest.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "platform/thread_pool.h"
#include "stream/slot_reader.h"
#include "support/aligned_bytes.h"

namespace plimsoll::testing {

/// Keeps whoever passes waiting until it is opened, as a disk that does not answer.
class Door {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// True once that many have come; false when they do not within ten seconds.
  bool wait_for(int visitors) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{10}, [&] { return waiting_ >= visitors; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

/// A file in memory that does what a test says.
class ScriptedFile final : public File {
 public:
  /// Before each direct read, in the thread that reads: `attempt` counts from 1; an error fails it.
  std::function<Status(int attempt, std::uint64_t offset)> on_read;
  /// Whether a block is in the page cache.
  std::function<bool(std::uint64_t block)> cached;
  /// What the system tells of any extent; nothing: it has to be looked for.
  std::optional<bool> told;
  std::atomic<int> reads{0};

  explicit ScriptedFile(std::string text) : text_(std::move(text)) {}

  std::uint64_t size() const override { return text_.size(); }
  const std::string& path() const override { return path_; }
  const std::string& text() const { return text_; }

  Status read(std::span<std::byte> out, std::uint64_t offset) override {
    if (offset > text_.size() || out.size() > text_.size() - offset) return Error{ErrorCode::corrupt_file, "the file ends early", path_};
    std::copy_n(std::as_bytes(std::span(text_)).begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }

  Status read_direct(std::span<std::byte> out, std::uint64_t offset) override {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(out.data()) % kDirectBlock, 0U);
    EXPECT_EQ(out.size() % kDirectBlock, 0U);
    EXPECT_EQ(offset % kDirectBlock, 0U);
    const int attempt = ++reads;
    if (on_read) PLIMSOLL_CHECK(on_read(attempt, offset));
    return read(without_tail(out, offset), offset);
  }

  std::optional<bool> all_cached(std::uint64_t, std::uint64_t) override { return told; }

  std::size_t read_cached(std::span<std::byte> out, std::uint64_t offset) override {
    std::size_t known = 0;
    while (known < out.size() && cached && cached((offset + known) / kDirectBlock)) {
      known += static_cast<std::size_t>(std::min<std::uint64_t>(out.size() - known, kDirectBlock - (offset + known) % kDirectBlock));
    }
    EXPECT_TRUE(read(out.first(known), offset).ok());
    return known;
  }

  /// Takes its time, so that a read that is done before it is shows.
  void drop_cached(std::uint64_t offset, std::uint64_t bytes) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const std::lock_guard lock(mutex_);
    dropped_.emplace_back(offset, bytes);
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> dropped() {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  std::string text_;
  std::string path_ = "scripted";
  std::mutex mutex_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> dropped_;
};

inline Error disk_error() { return Error{ErrorCode::io, "cannot read: Input/output error", "scripted at byte 0", "check the disk"}; }

/// Waits for what other threads do, ten seconds at most.
template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return condition();
}

class StreamTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kLargest = 64U << 10U;  // bytes of an extent, unless a test says otherwise
  static constexpr int kSlots = 4;

  Result<std::unique_ptr<SlotReader>> create(int readers, std::uint64_t largest = kLargest) {
    slot_ = slot_bytes(largest);
    memory_ = AlignedBytes(slot_ * kSlots);
    return SlotReader::create({.os = os_.get(),
                               .pool = pool_.get(),
                               .memory = memory_.bytes(),
                               .memory_owner = memory_.owner(),
                               .slot_bytes = slot_,
                               .slots = kSlots,
                               .readers = readers,
                               .cancelled = [this] { return cancelled_.load(); }});
  }
  std::unique_ptr<SlotReader> make(int readers, std::uint64_t largest = kLargest) {
    auto made = create(readers, largest);
    EXPECT_TRUE(made.ok());
    return std::move(made).value();
  }

  /// Reads one extent through a slot; the text of it, or of the error.
  static std::string read(SlotReader& reader, const Extent& extent, int slot = 0) {
    reader.request(slot, extent);
    const auto bytes = reader.wait(slot);
    std::string text = bytes.ok() ? text_of(*bytes) : message(bytes.error());
    reader.release(slot);
    return text;
  }

  /// Reads consecutive extents of `bytes` from `offset` to the end of the file, all slots in flight.
  static Result<std::string> read_through(SlotReader& reader, File& file, std::uint64_t offset, std::uint64_t bytes) {
    const std::uint64_t end = file.size();
    const auto request = [&](std::uint64_t i) {
      const std::uint64_t begin = offset + i * bytes;
      if (begin < end) reader.request(static_cast<int>(i % kSlots), {&file, begin, std::min(bytes, end - begin)});
    };
    std::string text;
    for (std::uint64_t i = 0; i < kSlots; ++i) request(i);
    for (std::uint64_t i = 0; offset + i * bytes < end; ++i) {
      PLIMSOLL_TRY(const auto part, reader.wait(static_cast<int>(i % kSlots)));
      text += text_of(part);
      reader.release(static_cast<int>(i % kSlots));
      request(i + kSlots);
    }
    return text;
  }

  Gate gate_;
  std::unique_ptr<Os> os_ = make_os(gate_);
  std::unique_ptr<ThreadPool> pool_ = std::move(ThreadPool::create(*os_, 2)).value();
  AlignedBytes memory_{0};
  std::uint64_t slot_ = 0;
  std::atomic<bool> cancelled_{false};
};

}  // namespace plimsoll::testing
