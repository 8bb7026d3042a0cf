#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "support/forwarding_os.h"

namespace plimsoll::testing {

/// The operating system, but every byte of memory that it gives out holds a pattern, and the memory can be looked at after it was given
/// back. Text files may be replaced.
class PatternOs final : public ForwardingOs {
 public:
  static constexpr std::byte kPattern{0xA5};

  std::map<std::string, std::string> texts;              ///< instead of the files of these paths
  std::vector<std::shared_ptr<const Mapping>> mappings;  ///< in the order of the requests

  /// Bytes up to the last one that was written to.
  static std::size_t touched(std::span<const std::byte> bytes) {
    std::size_t end = bytes.size();
    while (end > 0 && bytes[end - 1] == kPattern) --end;
    return end;
  }

  Result<std::unique_ptr<Mapping>> map_memory(Bytes size) override {
    PLIMSOLL_TRY(std::unique_ptr<Mapping> mapping, ForwardingOs::map_memory(size));
    std::fill(mapping->bytes().begin(), mapping->bytes().end(), kPattern);
    const std::shared_ptr<Mapping> kept = std::move(mapping);
    mappings.emplace_back(kept);
    return std::unique_ptr<Mapping>(std::make_unique<Shared>(kept));
  }
  Result<std::string> read_text(const std::string& path, std::size_t limit) override {
    const auto found = texts.find(path);
    if (found != texts.end()) return found->second;
    return ForwardingOs::read_text(path, limit);
  }

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
};

}  // namespace plimsoll::testing
