#pragma once

#include <string>
#include <string_view>

#include "doctor/read_message.h"

namespace plimsoll::doctor {

/// What is typed where a message comes from: each maker of devices has its own programs.
struct DeviceTools {
  std::string_view device;    ///< PyTorch's word for it, and of its module: torch.cuda
  std::string_view variable;  ///< with the settings of PyTorch's allocator
  std::string_view list;      ///< who holds the device
  std::string_view caps;      ///< limits that others may have set

  /// "torch.cuda.empty_cache()".
  std::string call(std::string_view function) const;
};

/// NVIDIA's where a message does not tell: its programs say when there is no such device.
const DeviceTools& tools_of(const Message& message);

}  // namespace plimsoll::doctor
