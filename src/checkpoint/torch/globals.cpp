#include "checkpoint/torch/globals.h"

#include <algorithm>
#include <array>

namespace plimsoll::torch {
namespace {

constexpr std::string_view kUtils = "torch._utils";
constexpr std::string_view kTorch = "torch";

constexpr auto kGlobals = std::to_array<Global>({
    {"collections", "OrderedDict", GlobalKind::ordered_dict},
    {kUtils, "_rebuild_tensor", GlobalKind::rebuild_tensor},
    {kUtils, "_rebuild_tensor_v2", GlobalKind::rebuild_tensor_v2},
    {kUtils, "_rebuild_tensor_v3", GlobalKind::rebuild_tensor_v3},
    {kUtils, "_rebuild_parameter", GlobalKind::rebuild_parameter},
    {"torch.nn.parameter", "Parameter", GlobalKind::parameter},
    {kTorch, "Size", GlobalKind::size},
    {kTorch, "device", GlobalKind::device},
    {kTorch, "FloatStorage", GlobalKind::storage, FileType::f32},
    {kTorch, "HalfStorage", GlobalKind::storage, FileType::f16},
    {kTorch, "BFloat16Storage", GlobalKind::storage, FileType::bf16},
    {kTorch, "DoubleStorage", GlobalKind::storage, FileType::f64},
    {kTorch, "LongStorage", GlobalKind::storage, FileType::i64},
    {kTorch, "IntStorage", GlobalKind::storage, FileType::i32},
    {kTorch, "ShortStorage", GlobalKind::storage, FileType::i16},
    {kTorch, "CharStorage", GlobalKind::storage, FileType::i8},
    {kTorch, "ByteStorage", GlobalKind::storage, FileType::u8},
    {kTorch, "BoolStorage", GlobalKind::storage, FileType::boolean},
    {kTorch, "ComplexFloatStorage", GlobalKind::storage, FileType::c64},
    {"torch.storage", "UntypedStorage", GlobalKind::storage, FileType::u8},
    {kTorch, "float32", GlobalKind::dtype, FileType::f32},
    {kTorch, "float16", GlobalKind::dtype, FileType::f16},
    {kTorch, "bfloat16", GlobalKind::dtype, FileType::bf16},
    {kTorch, "float64", GlobalKind::dtype, FileType::f64},
    {kTorch, "int64", GlobalKind::dtype, FileType::i64},
    {kTorch, "int32", GlobalKind::dtype, FileType::i32},
    {kTorch, "int16", GlobalKind::dtype, FileType::i16},
    {kTorch, "int8", GlobalKind::dtype, FileType::i8},
    {kTorch, "uint8", GlobalKind::dtype, FileType::u8},
    {kTorch, "uint16", GlobalKind::dtype, FileType::u16},
    {kTorch, "uint32", GlobalKind::dtype, FileType::u32},
    {kTorch, "uint64", GlobalKind::dtype, FileType::u64},
    {kTorch, "bool", GlobalKind::dtype, FileType::boolean},
    {kTorch, "complex64", GlobalKind::dtype, FileType::c64},
    {kTorch, "float8_e4m3fn", GlobalKind::dtype, FileType::f8_e4m3},
    {kTorch, "float8_e5m2", GlobalKind::dtype, FileType::f8_e5m2},
    {kTorch, "float8_e8m0fnu", GlobalKind::dtype, FileType::f8_e8m0},
    {kTorch, "float8_e4m3fnuz", GlobalKind::dtype, FileType::f8_e4m3fnuz},
    {kTorch, "float8_e5m2fnuz", GlobalKind::dtype, FileType::f8_e5m2fnuz},
});

}  // namespace

std::string global_name(std::string_view module, std::string_view name) { return printable(module, 120) + "." + printable(name, 120); }

Result<std::uint32_t> find_global(std::string_view module, std::string_view name) {
  const auto* at = std::find_if(kGlobals.begin(), kGlobals.end(), [&](const Global& g) { return g.module == module && g.name == name; });
  if (at != kGlobals.end()) return static_cast<std::uint32_t>(at - kGlobals.begin());
  return Error{ErrorCode::unsupported,
               "the pickle names the global " + global_name(module, name) + ", which lists of weights do not need; nothing was executed",
               {},
               "save only the weights: torch.save(model.state_dict(), path); if you did not make this file, do not load it elsewhere"};
}

const Global& global(std::uint32_t number) { return kGlobals[number]; }

}  // namespace plimsoll::torch
