#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/temporary_folder.h"

namespace plimsoll::testing {

/// The script of the stand-in for a driver's library (tests/support/nvml/stand_in.h), which may be changed at any time. Calls that hang
/// return when it goes.
class NvmlScript {
 public:
  explicit NvmlScript(const std::string& text = "") { set(text); }
  NvmlScript(const NvmlScript&) = delete;
  NvmlScript& operator=(const NvmlScript&) = delete;
  ~NvmlScript() { set(""); }

  /// By rename: a reader never sees half of it.
  void set(const std::string& text) {
    std::ofstream(folder_ / "new", std::ios::trunc) << text;
    std::filesystem::rename(folder_ / "new", path());
  }
  std::string path() const { return folder_ / "script"; }
  /// For libraries in this process.
  void use() const { ::setenv("NVML_STAND_IN", path().c_str(), 1); }

 private:
  TemporaryFolder folder_;
};

}  // namespace plimsoll::testing
