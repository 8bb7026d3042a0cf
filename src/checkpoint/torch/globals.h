#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <plimsoll/result.h>

#include "checkpoint/file_type.h"

namespace plimsoll::torch {

/// What a global that a pickle of weights may name stands for.
enum class GlobalKind : std::uint8_t {
  ordered_dict,
  rebuild_tensor,
  rebuild_tensor_v2,
  rebuild_tensor_v3,
  rebuild_parameter,
  rebuild_parameter_with_state,
  rebuild_from_type,
  parameter,
  tensor,  ///< the class of tensors
  size,
  device,
  storage,  ///< the class of a storage: the type of its elements
  dtype,
};

struct Global {
  std::string_view module;
  std::string_view name;
  GlobalKind kind = GlobalKind::ordered_dict;
  FileType type = FileType::u8;  ///< of storages and dtypes
};

/// "torch._utils._rebuild_tensor_v2", control characters escaped.
std::string global_name(std::string_view module, std::string_view name);

/// The number of a global in the one list of those that are known. Any other is `unsupported`, by name: nothing is ever looked up, imported
/// or called. The error warns of those that PyTorch's own reader of weights refuses too.
Result<std::uint32_t> find_global(std::string_view module, std::string_view name);

/// The global of that number.
const Global& global(std::uint32_t number);

}  // namespace plimsoll::torch
