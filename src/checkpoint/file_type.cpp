#include "checkpoint/file_type.h"

#include <array>

namespace plimsoll {
namespace {

struct Row {
  std::string_view name;
  unsigned bits;
  bool floating;
  std::optional<ElementType> element;
};

// In the order of FileType.
constexpr std::array<Row, kFileTypes> kRows = {{
    {"BOOL", 8, false, ElementType::boolean}, {"F4", 4, true, std::nullopt},           {"F6_E2M3", 6, true, std::nullopt},
    {"F6_E3M2", 6, true, std::nullopt},       {"U8", 8, false, ElementType::uint8},    {"I8", 8, false, ElementType::int8},
    {"F8_E5M2", 8, true, std::nullopt},       {"F8_E4M3", 8, true, std::nullopt},      {"F8_E8M0", 8, true, std::nullopt},
    {"F8_E4M3FNUZ", 8, true, std::nullopt},   {"F8_E5M2FNUZ", 8, true, std::nullopt},  {"I16", 16, false, ElementType::int16},
    {"U16", 16, false, std::nullopt},         {"F16", 16, true, ElementType::float16}, {"BF16", 16, true, ElementType::bfloat16},
    {"I32", 32, false, ElementType::int32},   {"U32", 32, false, std::nullopt},        {"F32", 32, true, ElementType::float32},
    {"C64", 64, false, std::nullopt},         {"F64", 64, true, ElementType::float64}, {"I64", 64, false, ElementType::int64},
    {"U64", 64, false, std::nullopt},
}};

const Row& row(FileType type) { return kRows[static_cast<std::size_t>(type)]; }

}  // namespace

std::string_view file_type_name(FileType type) { return row(type).name; }
unsigned file_type_bits(FileType type) { return row(type).bits; }
bool is_floating(FileType type) { return row(type).floating; }
std::optional<ElementType> element_type(FileType type) { return row(type).element; }

std::optional<FileType> parse_file_type(std::string_view name) {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<FileType>(i);
  }
  return std::nullopt;
}

}  // namespace plimsoll
