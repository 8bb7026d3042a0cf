#include "checkpoint/torch/rebuild.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>

#include "base/checked.h"
#include "checkpoint/file_fault.h"
#include "checkpoint/header_sink.h"

namespace plimsoll::torch {
namespace {

// Those of torch.save are numbers.
constexpr std::uint64_t kKeyLimit = 255;
// Of a tensor: they are looked at, and many tensors may have the same.
constexpr std::size_t kMostAttributes = 64;
constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();

bool is_count(const Value& value) { return value.kind == Kind::integer && value.number <= kLargest; }

// None of the arguments that change nothing about the data may be something else than usual.
bool harmless(const Value& value) { return value.kind == Kind::none || value.kind == Kind::boolean || value.kind == Kind::dict; }

std::uint64_t element_size(FileType type) { return file_type_bits(type) / 8; }

Status check_counts(const PickleValues& values, const Value& tuple, const char* what) {
  if (tuple.kind != Kind::tuple) return corrupt(std::string(what) + " of a tensor is " + std::string(kind_name(tuple.kind)));
  const auto items = values.items(tuple);
  if (items.size() > kMaxRank) return Error{ErrorCode::unsupported, "a tensor has more than " + std::to_string(kMaxRank) + " dimensions"};
  if (std::all_of(items.begin(), items.end(), is_count)) return {};
  return corrupt(std::string(what) + " of a tensor holds something other than counts");
}

// Elements up to the end of the last one that the tensor spans; nothing where that overflows.
std::optional<std::uint64_t> spanned(std::uint64_t first, std::span<const Value> shape, std::span<const Value> strides) {
  if (std::any_of(shape.begin(), shape.end(), [](const Value& size) { return size.number == 0; })) return 0;
  std::optional<std::uint64_t> end = checked_add(first, std::uint64_t{1});
  for (std::size_t i = 0; i < shape.size() && end; ++i) {
    const auto step = checked_mul(shape[i].number - 1, strides[i].number);
    end = step ? checked_add(*end, *step) : std::nullopt;
  }
  return end;
}

// `arguments`: storage, offset, shape, strides, ...
Result<Value> make_tensor(PickleValues& values, std::span<const Value> arguments, std::optional<FileType> dtype) {
  if (arguments[0].kind != Kind::storage) return corrupt("a tensor is made of " + std::string(kind_name(arguments[0].kind)));
  if (!is_count(arguments[1])) return corrupt("the offset of a tensor is no count");
  PLIMSOLL_CHECK(check_counts(values, arguments[2], "the shape"));
  PLIMSOLL_CHECK(check_counts(values, arguments[3], "the strides"));
  if (arguments[2].number != arguments[3].number) return corrupt("a tensor has as many strides as dimensions, but here they differ");
  const StorageRecord& storage = values.storage(arguments[0].index);
  TensorRecord tensor{arguments[0].index, dtype.value_or(storage.type), arguments[1].number, arguments[2], arguments[3]};
  const auto end = spanned(tensor.first, values.items(tensor.shape), values.items(tensor.strides));
  const auto end_byte = end ? checked_mul(*end, element_size(tensor.type)) : std::nullopt;
  if (!end_byte || *end_byte > storage.view_bytes)
    return corrupt("a tensor spans more than its storage, which has " + std::to_string(storage.view_bytes) + " bytes");
  return values.make_tensor(tensor);
}

Result<Value> rebuild_tensor(PickleValues& values, const Global& callee, std::span<const Value> arguments) {
  const bool typed = callee.kind == GlobalKind::rebuild_tensor_v3;
  const std::size_t least = callee.kind == GlobalKind::rebuild_tensor ? 4 : typed ? 7 : 6;
  const std::size_t most = least == 4 ? 4 : least + 1;
  const std::string name = global_name(callee.module, callee.name);
  if (arguments.size() < least || arguments.size() > most) return corrupt(name + " has " + std::to_string(arguments.size()) + " arguments");
  std::optional<FileType> dtype;
  for (std::size_t i = 4; i < arguments.size(); ++i) {
    if (typed && i == 6) {
      if (arguments[i].kind != Kind::global || values.named(arguments[i]).kind != GlobalKind::dtype)
        return corrupt("the dtype of a tensor is " + std::string(kind_name(arguments[i].kind)));
      dtype = values.named(arguments[i]).type;
    } else if (!harmless(arguments[i])) {
      return corrupt(name + " has " + std::string(kind_name(arguments[i].kind)) + " as argument " + std::to_string(i + 1));
    } else if (arguments[i].kind == Kind::dict && values.first(arguments[i]) != kNoLink) {
      // Such as that of a negative view: the storage holds other numbers than the tensor.
      return Error{ErrorCode::unsupported, "a tensor with metadata", {}, "save it again, as tensor.clone() or as model.safetensors"};
    }
  }
  return make_tensor(values, arguments, dtype);
}

// The tensor that a Parameter is.
Result<Value> unwrap(const Global& callee, std::span<const Value> arguments) {
  const bool good = !arguments.empty() && arguments.size() <= 3 && arguments[0].kind == Kind::tensor &&
                    std::all_of(arguments.begin() + 1, arguments.end(), harmless);
  if (!good) return corrupt(global_name(callee.module, callee.name) + " is not given a tensor");
  return arguments[0];
}

// Attributes that somebody gave a tensor say nothing about it, unless one is a tensor: it could be its data.
bool plain_attributes(const PickleValues& values, const Value& dict) {
  if (dict.kind != Kind::dict) return dict.kind == Kind::none;
  std::size_t count = 0;
  for (Link at = values.first(dict); at != kNoLink; at = values.node(at).next) {
    if (++count > kMostAttributes || values.node(at).value.kind == Kind::tensor) return false;
  }
  return true;
}

// A dict, or a tuple of that and another for slots.
Status check_state(const PickleValues& values, const Value& state) {
  const bool pair = state.kind == Kind::tuple && state.number == 2;
  const bool plain = pair ? std::ranges::all_of(values.items(state), [&](const Value& part) { return plain_attributes(values, part); })
                          : plain_attributes(values, state);
  if (plain) return {};
  return Error{ErrorCode::unsupported, "a tensor with attributes other than a few plain values", {}, "save it again, as tensor.clone()"};
}

Result<Value> rebuild_with_state(PickleValues& values, const Global& callee, std::span<const Value> arguments) {
  if (arguments.size() != 4)
    return corrupt(global_name(callee.module, callee.name) + " has " + std::to_string(arguments.size()) + " arguments");
  PLIMSOLL_CHECK(check_state(values, arguments[3]));
  return unwrap(callee, arguments.first(3));
}

bool rebuilds_tensor(GlobalKind kind) {
  return kind == GlobalKind::rebuild_tensor || kind == GlobalKind::rebuild_tensor_v2 || kind == GlobalKind::rebuild_tensor_v3;
}

// `arguments`: a function, the class of what it gives, its arguments, attributes.
Result<Value> rebuild_from_type(PickleValues& values, const Global& callee, std::span<const Value> arguments) {
  const auto is_global = [&](std::size_t i, auto good) {
    return arguments[i].kind == Kind::global && good(values.named(arguments[i]).kind);
  };
  const bool good = arguments.size() == 4 && is_global(0, rebuilds_tensor) && arguments[2].kind == Kind::tuple &&
                    is_global(1, [](GlobalKind kind) { return kind == GlobalKind::tensor || kind == GlobalKind::parameter; });
  if (!good) return corrupt(global_name(callee.module, callee.name) + " does not rebuild a tensor");
  PLIMSOLL_CHECK(check_state(values, arguments[3]));
  return rebuild_tensor(values, values.named(arguments[0]), values.items(arguments[2]));
}

// The two items of a list or tuple; nothing for anything else.
std::optional<std::array<Value, 2>> pair_of(const PickleValues& values, const Value& value) {
  std::array<Value, 2> pair{};
  if (value.kind == Kind::tuple && value.number == 2) {
    std::copy_n(values.items(value).begin(), 2, pair.begin());
    return pair;
  }
  if (value.kind != Kind::list) return std::nullopt;
  std::size_t count = 0;
  for (Link at = values.first(value); at != kNoLink; at = values.node(at).next) {
    if (count == 2) return std::nullopt;
    pair[count++] = values.node(at).value;
  }
  return count == 2 ? std::optional(pair) : std::nullopt;
}

// Python 2 writes OrderedDict([[key, value], ...]), later ones OrderedDict() and the items afterwards.
Result<Value> make_ordered_dict(PickleValues& values, std::span<const Value> arguments) {
  PLIMSOLL_TRY(const Value dict, values.make_dict(true));
  if (arguments.empty()) return dict;
  if (arguments.size() > 1 || arguments[0].kind != Kind::list) return corrupt("an OrderedDict is not made of a list of pairs");
  for (Link at = values.first(arguments[0]); at != kNoLink; at = values.node(at).next) {
    const auto pair = pair_of(values, values.node(at).value);
    if (!pair || !can_be_key((*pair)[0])) return corrupt("an OrderedDict is not made of a list of pairs");
    PLIMSOLL_CHECK(values.add(dict, (*pair)[0], (*pair)[1]));
  }
  return dict;
}

Status check_key(const Value& key) {
  if (key.number <= kKeyLimit) return {};
  return corrupt("the key of a storage has " + std::to_string(key.number) + " bytes");
}

// The part of a storage that a legacy file's view is.
Status set_view(const PickleValues& values, const Value& view, StorageRecord& storage) {
  if (view.kind == Kind::none) return {};
  if (view.kind != Kind::tuple || view.number != 3) return corrupt("the view of a storage is " + std::string(kind_name(view.kind)));
  const auto items = values.items(view);
  if (items[0].kind != Kind::text || !is_count(items[1]) || !is_count(items[2])) return corrupt("the view of a storage is none");
  PLIMSOLL_CHECK(check_key(items[0]));
  const auto offset = checked_mul(items[1].number, element_size(storage.type));
  const auto bytes = checked_mul(items[2].number, element_size(storage.type));
  if (!offset || !bytes || *offset > storage.bytes || *bytes > storage.bytes - *offset)
    return corrupt("the view of a storage goes beyond its " + std::to_string(storage.bytes) + " bytes");
  storage.view_offset = *offset;
  storage.view_bytes = *bytes;
  storage.view_key = items[0];
  return {};
}

}  // namespace

bool can_be_key(const Value& value) { return value.kind != Kind::list && value.kind != Kind::dict && value.kind != Kind::unset; }

Result<Value> call_global(PickleValues& values, const Value& callee, const Value& arguments) {
  if (callee.kind != Kind::global) return corrupt("REDUCE calls " + std::string(kind_name(callee.kind)));
  if (arguments.kind != Kind::tuple) return corrupt("REDUCE has " + std::string(kind_name(arguments.kind)) + " as its arguments");
  const Global& named = values.named(callee);
  const auto items = values.items(arguments);
  switch (named.kind) {
    case GlobalKind::ordered_dict: return make_ordered_dict(values, items);
    case GlobalKind::rebuild_tensor:
    case GlobalKind::rebuild_tensor_v2:
    case GlobalKind::rebuild_tensor_v3: return rebuild_tensor(values, named, items);
    case GlobalKind::rebuild_parameter:
    case GlobalKind::parameter: return unwrap(named, items);
    case GlobalKind::rebuild_parameter_with_state: return rebuild_with_state(values, named, items);
    case GlobalKind::rebuild_from_type: return rebuild_from_type(values, named, items);
    case GlobalKind::size:
      if (items.size() == 1 && items[0].kind == Kind::tuple) return items[0];
      return corrupt("a torch.Size is not made of a tuple");
    case GlobalKind::device: return Value{Kind::other};
    case GlobalKind::tensor:
    case GlobalKind::storage:
    case GlobalKind::dtype: break;
  }
  return corrupt("REDUCE calls " + global_name(named.module, named.name) + ", which is no function");
}

Result<Value> make_object(PickleValues& values, const Value& callee, const Value& arguments) {
  if (callee.kind != Kind::global) return corrupt("NEWOBJ makes an object of " + std::string(kind_name(callee.kind)));
  if (arguments.kind != Kind::tuple) return corrupt("NEWOBJ has " + std::string(kind_name(arguments.kind)) + " as its arguments");
  const Global& named = values.named(callee);
  if (named.kind == GlobalKind::ordered_dict && arguments.number == 0) return values.make_dict(true);
  if (named.kind == GlobalKind::parameter) return unwrap(named, values.items(arguments));
  return corrupt("NEWOBJ makes an object of " + global_name(named.module, named.name));
}

Result<Value> load_persistent(PickleValues& values, const Value& id) {
  if (id.kind != Kind::tuple) return corrupt("a persistent id is " + std::string(kind_name(id.kind)));
  const auto items = values.items(id);
  if (items.size() != 5 && items.size() != 6) return corrupt("a persistent id has " + std::to_string(items.size()) + " items");
  if (items[0].kind != Kind::text || values.text(items[0]) != "storage") return corrupt("a persistent id is not that of a storage");
  if (items[1].kind != Kind::global || values.named(items[1]).kind != GlobalKind::storage)
    return corrupt("the class of a storage is " + std::string(kind_name(items[1].kind)));
  if (items[2].kind != Kind::text || items[3].kind != Kind::text) return corrupt("the key and the device of a storage must be texts");
  PLIMSOLL_CHECK(check_key(items[2]));
  if (!is_count(items[4])) return corrupt("the size of a storage is no count");
  StorageRecord storage{items[2], values.named(items[1]).type};
  const auto bytes = checked_mul(items[4].number, element_size(storage.type));
  if (!bytes) return corrupt("the size of a storage does not fit 64 bits");
  storage.bytes = storage.view_bytes = *bytes;
  if (items.size() == 6) PLIMSOLL_CHECK(set_view(values, items[5], storage));
  return values.make_storage(storage);
}

}  // namespace plimsoll::torch
