#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <plimsoll/os.h>

#include "support/hooked_folder.h"

namespace plimsoll::testing {

/// The operating system, but direct reads of its files fail, or do not end, while a test says so.
class FaultyOs final : public Os {
 public:
  explicit FaultyOs(Os& real) : real_(real) {}

  struct Faults {
    std::atomic<int> failures = 0;    ///< so many direct reads fail from now on
    std::atomic<bool> stuck = false;  ///< direct reads wait until it is false again
    std::atomic<int> waiting = 0;     ///< reads that do
  };
  std::shared_ptr<Faults> faults = std::make_shared<Faults>();

  Result<std::unique_ptr<File>> open(const std::string& path) override { return made_faulty(real_.open(path)); }
  Result<std::unique_ptr<Folder>> open_folder(const std::string& root, const std::string& inside) override {
    return hooked(real_.open_folder(root, inside),
                  [this](Folder& folder, const std::string& name) { return made_faulty(folder.open(name)); });
  }
  std::string real_path(const std::string& path) override { return real_.real_path(path); }
  Gate& gate() override { return real_.gate(); }
  Result<std::string> read_text(const std::string& path, std::size_t limit) override { return real_.read_text(path, limit); }
  bool is_directory(const std::string& path) override { return real_.is_directory(path); }
  bool is_file(const std::string& path) override { return real_.is_file(path); }
  std::vector<std::string> list_directory(const std::string& path) override { return real_.list_directory(path); }
  Status write_text(const std::string& path, std::string_view text) override { return real_.write_text(path, text); }
  Result<std::unique_ptr<Mapping>> map_memory(Bytes size) override { return real_.map_memory(size); }
  Result<std::unique_ptr<Thread>> start_thread(std::function<void()> body) override { return real_.start_thread(std::move(body)); }
  std::optional<std::string> environment(const std::string& name) override { return real_.environment(name); }
  std::chrono::nanoseconds now() override { return real_.now(); }
  std::vector<int> affinity() override { return real_.affinity(); }
  std::optional<Bytes> memory_rlimit(int resource) override { return real_.memory_rlimit(resource); }

 private:
  class FaultyFile final : public File {
   public:
    FaultyFile(std::unique_ptr<File> real, std::shared_ptr<Faults> faults) : real_(std::move(real)), faults_(std::move(faults)) {}
    std::uint64_t size() const override { return real_->size(); }
    const std::string& path() const override { return real_->path(); }
    Status read(std::span<std::byte> out, std::uint64_t offset) override { return real_->read(out, offset); }
    Status read_direct(std::span<std::byte> out, std::uint64_t offset) override {
      ++faults_->waiting;
      while (faults_->stuck) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      --faults_->waiting;
      if (faults_->failures.fetch_sub(1) > 0) return Error{ErrorCode::io, "cannot read", path()};
      faults_->failures.fetch_add(1);
      return read(without_tail(out, offset), offset);
    }

   private:
    std::unique_ptr<File> real_;
    std::shared_ptr<Faults> faults_;
  };

  Result<std::unique_ptr<File>> made_faulty(Result<std::unique_ptr<File>> opened) {
    PLIMSOLL_TRY(std::unique_ptr<File> file, std::move(opened));
    return std::unique_ptr<File>(std::make_unique<FaultyFile>(std::move(file), faults));
  }

  Os& real_;
};

}  // namespace plimsoll::testing
