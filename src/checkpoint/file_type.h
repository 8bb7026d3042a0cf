#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weights/element_type.h"

namespace plimsoll {

/// Type of a tensor's elements as a checkpoint file names it: every type of safetensors 0.8.
enum class FileType : std::uint8_t {
  boolean,
  f4,
  f6_e2m3,
  f6_e3m2,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64,
};
inline constexpr std::size_t kFileTypes = 22;

/// "F32", "F8_E4M3", ... as written in the file.
std::string_view file_type_name(FileType type);
/// Bits of one element: 4, 6, or a multiple of 8.
unsigned file_type_bits(FileType type);
/// True for real floating-point numbers of any width (F4 to F64).
bool is_floating(FileType type);
/// The type as we hold it in memory; nothing for those we cannot hold (F4 to F8, U16, U32, U64, C64), which are listed
/// all the same, so that they are refused only when needed.
std::optional<ElementType> element_type(FileType type);
/// The type of that name, if there is one.
std::optional<FileType> parse_file_type(std::string_view name);

}  // namespace plimsoll
