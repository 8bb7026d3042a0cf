#pragma once

#include <map>
#include <string>
#include <vector>

#include "probe/nvml/driver.h"

namespace plimsoll::nvml {

/// Xid errors, as the driver reports them from the moment on in which a device was first watched.
class Events {
 public:
  static constexpr std::size_t kKept = 8;

  /// Before anything else. Where it fails, every `watch` says why.
  void open(Driver& driver);
  /// Takes what was reported since; waits for nothing.
  void collect(Driver& driver);
  /// Watches a device, if that is not so already; no other one has its `key`. Gives why it cannot be.
  Code watch(Driver& driver, Handle device, const std::string& key);
  /// The last errors of a device, oldest first.
  std::vector<std::uint64_t> seen(const std::string& key) const;

 private:
  EventSet set_ = nullptr;
  Code opened_ = Code::function_not_found;
  std::map<std::string, Code> watched_;
  std::map<Handle, std::string> keys_;
  std::map<std::string, std::vector<std::uint64_t>> seen_;
};

}  // namespace plimsoll::nvml
