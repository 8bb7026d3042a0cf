#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#pragma GCC visibility push(default)

namespace plimsoll {

/// Type of one stored number. Names are those of safetensors and PyTorch in lower case.
enum class ElementType : std::uint8_t { float32, float16, bfloat16, float64, int64, int32, int16, int8, uint8, boolean };

/// Size of one element in bytes.
constexpr std::size_t element_bytes(ElementType type) {
  switch (type) {
    case ElementType::float64:
    case ElementType::int64: return 8;
    case ElementType::float32:
    case ElementType::int32: return 4;
    case ElementType::float16:
    case ElementType::bfloat16:
    case ElementType::int16: return 2;
    case ElementType::int8:
    case ElementType::uint8:
    case ElementType::boolean: return 1;
  }
  return 0;
}

/// "float32", "bfloat16", ... as written in plans, reports and `--dtype`.
std::string_view element_name(ElementType type);

}  // namespace plimsoll

#pragma GCC visibility pop
