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
    {kUtils, "_rebuild_parameter_with_state", GlobalKind::rebuild_parameter_with_state},
    {"torch._tensor", "_rebuild_from_type_v2", GlobalKind::rebuild_from_type},
    {"torch.nn.parameter", "Parameter", GlobalKind::parameter},
    {kTorch, "Tensor", GlobalKind::tensor},
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

// What torch/_weights_only_unpickler.py takes beside these, and beside the classes of storages and tensors.
constexpr auto kHarmless = std::to_array<std::string_view>({"_codecs.encode",
                                                            "__builtin__.bytearray",
                                                            "__builtin__.complex",
                                                            "__builtin__.set",
                                                            "builtins.bytearray",
                                                            "builtins.complex",
                                                            "builtins.set",
                                                            "collections.Counter",
                                                            "torch._utils._rebuild_device_tensor_from_cpu_tensor",
                                                            "torch._utils._rebuild_device_tensor_from_numpy",
                                                            "torch._utils._rebuild_meta_tensor_no_storage",
                                                            "torch._utils._rebuild_qtensor",
                                                            "torch._utils._rebuild_sparse_tensor",
                                                            "torch._utils._rebuild_wrapper_subclass",
                                                            "torch.bcomplex32",
                                                            "torch.bits16",
                                                            "torch.bits1x8",
                                                            "torch.bits2x4",
                                                            "torch.bits4x2",
                                                            "torch.bits8",
                                                            "torch.complex128",
                                                            "torch.complex32",
                                                            "torch.float4_e2m1fn_x2",
                                                            "torch.int1",
                                                            "torch.int2",
                                                            "torch.int3",
                                                            "torch.int4",
                                                            "torch.int5",
                                                            "torch.int6",
                                                            "torch.int7",
                                                            "torch.per_channel_affine",
                                                            "torch.per_channel_affine_float_qparams",
                                                            "torch.per_channel_symmetric",
                                                            "torch.per_tensor_affine",
                                                            "torch.per_tensor_symmetric",
                                                            "torch.qint32",
                                                            "torch.qint8",
                                                            "torch.quint2x4",
                                                            "torch.quint4x2",
                                                            "torch.quint8",
                                                            "torch.serialization._get_layout",
                                                            "torch.storage.TypedStorage",
                                                            "torch.uint1",
                                                            "torch.uint2",
                                                            "torch.uint3",
                                                            "torch.uint4",
                                                            "torch.uint5",
                                                            "torch.uint6",
                                                            "torch.uint7"});

constexpr auto kModulesOfClasses = std::to_array<std::string_view>({kTorch, "torch.cuda", "torch.sparse", "torch.cuda.sparse"});

bool is_harmless(std::string_view module, std::string_view name) {
  const bool names_class = name.ends_with("Storage") || name.ends_with("Tensor");
  if (names_class && std::ranges::find(kModulesOfClasses, module) != kModulesOfClasses.end()) return true;
  return std::ranges::find(kHarmless, std::string(module) + "." + std::string(name)) != kHarmless.end();
}

}  // namespace

std::string global_name(std::string_view module, std::string_view name) { return printable(module, 120) + "." + printable(name, 120); }

Result<std::uint32_t> find_global(std::string_view module, std::string_view name) {
  const auto* at = std::find_if(kGlobals.begin(), kGlobals.end(), [&](const Global& g) { return g.module == module && g.name == name; });
  if (at != kGlobals.end()) return static_cast<std::uint32_t>(at - kGlobals.begin());
  if (is_harmless(module, name)) {
    return Error{ErrorCode::unsupported,
                 "the pickle names the global " + global_name(module, name) + ", and only plain tensors are built",
                 {},
                 "save plain tensors only: torch.save(model.state_dict(), path)"};
  }
  return Error{ErrorCode::unsupported,
               "the pickle names the global " + global_name(module, name) + ", which lists of weights do not need; nothing was executed",
               {},
               "save only the weights: torch.save(model.state_dict(), path); if you did not make this file, do not load it elsewhere"};
}

const Global& global(std::uint32_t number) { return kGlobals[number]; }

}  // namespace plimsoll::torch
