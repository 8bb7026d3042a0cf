#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "support/forwarding_os.h"

namespace plimsoll::testing {

/// What is held of the system at a moment: by what went through an Os, and by the process as the kernel lists it.
struct Holdings {
  int files = 0;
  int mappings = 0;
  int threads = 0;
  int locks = 0;
  std::ptrdiff_t descriptors = 0;
  std::ptrdiff_t tasks = 0;
  friend bool operator==(const Holdings&, const Holdings&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const Holdings& held) {
  return out << held.files << " files, " << held.mappings << " mappings, " << held.threads << " threads, " << held.locks << " locks, "
             << held.descriptors << " descriptors, " << held.tasks << " tasks";
}

/// The operating system, counting what of it is alive. Its page cache is always empty, so that all that is streamed is read.
class CountingOs final : public ForwardingOs {
 public:
  Holdings holdings() const {
    return {live_->at(kFiles),
            live_->at(kMappings),
            live_->at(kThreads),
            live_->at(kLocks),
            entries_in("/proc/self/fd") - 1,
            entries_in("/proc/self/task")};
  }

  Result<std::unique_ptr<File>> open(const std::string& path) override {
    PLIMSOLL_TRY(std::unique_ptr<File> file, ForwardingOs::open(path));
    return std::unique_ptr<File>(std::make_unique<CountedFile>(std::move(file), Count(live_, kFiles)));
  }
  Result<std::unique_ptr<Mapping>> map_memory(Bytes size) override {
    PLIMSOLL_TRY(std::unique_ptr<Mapping> mapping, ForwardingOs::map_memory(size));
    return std::unique_ptr<Mapping>(std::make_unique<CountedMapping>(std::move(mapping), Count(live_, kMappings)));
  }
  Result<std::unique_ptr<Thread>> start_thread(std::function<void()> body) override {
    auto counted = std::make_unique<CountedThread>();  // before the thread, which nobody could stop if this threw
    PLIMSOLL_CHECK(counted->take(ForwardingOs::start_thread(std::move(body)), live_));
    return std::unique_ptr<Thread>(std::move(counted));
  }
  Result<std::unique_ptr<FileLock>> lock_file(const std::string& path, std::chrono::milliseconds patience,
                                              const CancelToken* cancel) override {
    PLIMSOLL_TRY(std::unique_ptr<FileLock> lock, ForwardingOs::lock_file(path, patience, cancel));
    return std::unique_ptr<FileLock>(std::make_unique<CountedLock>(std::move(lock), Count(live_, kLocks)));
  }

 private:
  enum Kind : std::uint8_t { kFiles, kMappings, kThreads, kLocks };
  using Live = std::array<std::atomic<int>, 4>;

  /// One of `kind` while it lives.
  class Count {
   public:
    Count(std::shared_ptr<Live> live, Kind kind) : live_(std::move(live)), kind_(kind) { ++live_->at(kind_); }
    Count(Count&& other) noexcept : live_(std::move(other.live_)), kind_(other.kind_) {}
    Count& operator=(Count&&) = delete;
    ~Count() {
      if (live_) --live_->at(kind_);
    }

   private:
    std::shared_ptr<Live> live_;
    Kind kind_;
  };

  class CountedFile final : public File {
   public:
    CountedFile(std::unique_ptr<File> real, Count count) : count_(std::move(count)), real_(std::move(real)) {}
    std::uint64_t size() const override { return real_->size(); }
    const std::string& path() const override { return real_->path(); }
    Status read(std::span<std::byte> out, std::uint64_t offset) override { return real_->read(out, offset); }
    void open_direct() override { real_->open_direct(); }
    Status read_direct(std::span<std::byte> out, std::uint64_t offset) override { return real_->read_direct(out, offset); }
    void will_read(std::uint64_t offset, std::uint64_t bytes) override { real_->will_read(offset, bytes); }
    void drop_cached(std::uint64_t offset, std::uint64_t bytes) override { real_->drop_cached(offset, bytes); }

   private:
    Count count_;
    std::unique_ptr<File> real_;
  };

  class CountedMapping final : public Mapping {
   public:
    CountedMapping(std::unique_ptr<Mapping> real, Count count) : count_(std::move(count)), real_(std::move(real)) {}
    std::span<std::byte> bytes() const override { return real_->bytes(); }
    Status resize(Bytes size) override { return real_->resize(size); }
    void use_huge_pages() override { real_->use_huge_pages(); }

   private:
    Count count_;
    std::unique_ptr<Mapping> real_;
  };

  class CountedThread final : public Thread {
   public:
    Status take(Result<std::unique_ptr<Thread>> real, const std::shared_ptr<Live>& live) {
      PLIMSOLL_TRY(real_, std::move(real));
      count_.emplace(live, kThreads);
      return {};
    }
    void detach() override { real_->detach(); }

   private:
    std::optional<Count> count_;  // less one when the thread has been joined
    std::unique_ptr<Thread> real_;
  };

  class CountedLock final : public FileLock {
   public:
    CountedLock(std::unique_ptr<FileLock> real, Count count) : count_(std::move(count)), real_(std::move(real)) {}
    Status write(std::string_view text) override { return real_->write(text); }

   private:
    Count count_;
    std::unique_ptr<FileLock> real_;
  };

  static std::ptrdiff_t entries_in(const std::string& folder) {
    return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
  }

  std::shared_ptr<Live> live_ = std::make_shared<Live>();
};

}  // namespace plimsoll::testing
