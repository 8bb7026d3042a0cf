#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <plimsoll/os.h>

namespace plimsoll::testing {

/// The operating system, for tests that replace a part of it. Every acquisition passes `gate()`.
class ForwardingOs : public Os {
 public:
  ForwardingOs() : real_(make_os(gate_)) {}

  Gate& gate() override { return gate_; }
  Result<std::unique_ptr<File>> open(const std::string& path) override { return real_->open(path); }
  Result<std::unique_ptr<Folder>> open_folder(const std::string& root, const std::string& inside) override {
    return real_->open_folder(root, inside);
  }
  std::string real_path(const std::string& path) override { return real_->real_path(path); }
  Result<std::string> read_text(const std::string& path, std::size_t limit) override { return real_->read_text(path, limit); }
  bool is_directory(const std::string& path) override { return real_->is_directory(path); }
  bool is_file(const std::string& path) override { return real_->is_file(path); }
  std::vector<std::string> list_directory(const std::string& path) override { return real_->list_directory(path); }
  Status write_text(const std::string& path, std::string_view text) override { return real_->write_text(path, text); }
  Result<std::unique_ptr<Mapping>> map_memory(Bytes size) override { return real_->map_memory(size); }
  Result<std::unique_ptr<Thread>> start_thread(std::function<void()> body) override { return real_->start_thread(std::move(body)); }
  Result<std::string> private_folder() override { return real_->private_folder(); }
  Result<std::unique_ptr<FileLock>> lock_file(const std::string& path, std::chrono::milliseconds patience,
                                              const CancelToken* cancel) override {
    return real_->lock_file(path, patience, cancel);
  }
  bool is_locked(const std::string& path) override { return real_->is_locked(path); }
  void remove_file(const std::string& path) override { real_->remove_file(path); }
  Result<std::shared_ptr<Library>> load_library(const std::string& name) override { return real_->load_library(name); }
  std::optional<std::string> environment(const std::string& name) override { return real_->environment(name); }
  std::chrono::nanoseconds now() override { return real_->now(); }
  std::vector<int> affinity() override { return real_->affinity(); }
  std::optional<Bytes> memory_rlimit(int resource) override { return real_->memory_rlimit(resource); }
  std::optional<SystemMemory> system_memory() override { return real_->system_memory(); }

 private:
  Gate gate_;
  std::unique_ptr<Os> real_;
};

/// A machine whose free memory is what a test says, at any moment and from any thread: nothing is held by this process, and no group or
/// limit encloses it.
class ChangingMachine final : public ForwardingOs {
 public:
  explicit ChangingMachine(Bytes available) { set_available(available); }

  void set_available(Bytes bytes) {
    const std::scoped_lock lock(mutex_);
    const std::string kib = std::to_string(bytes.count / 1024) + " kB\n";
    texts_["/proc/meminfo"] = "MemTotal: " + kib + "MemFree: " + kib + "MemAvailable: " + kib;
    texts_["/proc/self/status"] = "Name:\tplimsoll\nRssAnon:\t0 kB\nRssShmem:\t0 kB\nVmLck:\t0 kB\n";
  }

  void set_text(const std::string& path, const std::string& text) {
    const std::scoped_lock lock(mutex_);
    texts_[path] = text;
  }

  Result<std::string> read_text(const std::string& path, std::size_t limit) override {
    const std::scoped_lock lock(mutex_);
    if (const auto found = texts_.find(path); found != texts_.end()) return found->second;
    if (path.starts_with("/proc/self/") || path.starts_with("/sys/fs/cgroup/"))
      return Error{ErrorCode::not_found, "cannot open: no such file", path, ""};
    return ForwardingOs::read_text(path, limit);
  }
  bool is_file(const std::string& path) override {
    const std::scoped_lock lock(mutex_);
    return texts_.contains(path) || ForwardingOs::is_file(path);
  }
  std::optional<Bytes> memory_rlimit(int /*resource*/) override { return std::nullopt; }
  std::optional<SystemMemory> system_memory() override { return std::nullopt; }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> texts_;
};

}  // namespace plimsoll::testing
