#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <plimsoll/os.h>

namespace plimsoll::testing {

/// The operating system, but every byte of memory that it gives out holds a pattern, and the memory can be looked at after it was given
/// back. Text files may be replaced.
class PatternOs final : public Os {
 public:
  static constexpr std::byte kPattern{0xA5};

  std::map<std::string, std::string> texts;              ///< instead of the files of these paths
  std::vector<std::shared_ptr<const Mapping>> mappings;  ///< in the order of the requests

  PatternOs() : real_(make_os(gate_)) {}

  /// Bytes up to the last one that was written to.
  static std::size_t touched(std::span<const std::byte> bytes) {
    std::size_t end = bytes.size();
    while (end > 0 && bytes[end - 1] == kPattern) --end;
    return end;
  }

  Gate& gate() override { return gate_; }
  Result<std::unique_ptr<Mapping>> map_memory(Bytes size) override {
    PLIMSOLL_TRY(std::unique_ptr<Mapping> mapping, real_->map_memory(size));
    std::fill(mapping->bytes().begin(), mapping->bytes().end(), kPattern);
    const std::shared_ptr<Mapping> kept = std::move(mapping);
    mappings.emplace_back(kept);
    return std::unique_ptr<Mapping>(std::make_unique<Shared>(kept));
  }
  Result<std::string> read_text(const std::string& path, std::size_t limit) override {
    const auto found = texts.find(path);
    if (found != texts.end()) return found->second;
    return real_->read_text(path, limit);
  }

  Result<std::unique_ptr<File>> open(const std::string& path) override { return real_->open(path); }
  bool is_directory(const std::string& path) override { return real_->is_directory(path); }
  bool is_file(const std::string& path) override { return real_->is_file(path); }
  std::vector<std::string> list_directory(const std::string& path) override { return real_->list_directory(path); }
  Status write_text(const std::string& path, std::string_view text) override { return real_->write_text(path, text); }
  Result<std::unique_ptr<Thread>> start_thread(std::function<void()> body) override { return real_->start_thread(std::move(body)); }
  std::optional<std::string> environment(const std::string& name) override { return real_->environment(name); }
  std::chrono::nanoseconds now() override { return real_->now(); }
  std::vector<int> affinity() override { return real_->affinity(); }
  std::optional<Bytes> memory_rlimit(int resource) override { return real_->memory_rlimit(resource); }

 private:
  class Shared final : public Mapping {
   public:
    explicit Shared(std::shared_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {}
    std::span<std::byte> bytes() const override { return mapping_->bytes(); }
    Status resize(Bytes size) override {
      const std::size_t before = mapping_->bytes().size();
      PLIMSOLL_CHECK(mapping_->resize(size));
      const std::span<std::byte> now = mapping_->bytes();
      if (now.size() > before) std::fill(now.begin() + static_cast<std::ptrdiff_t>(before), now.end(), kPattern);
      return {};
    }

   private:
    std::shared_ptr<Mapping> mapping_;
  };

  Gate gate_;
  std::unique_ptr<Os> real_;
};

}  // namespace plimsoll::testing
