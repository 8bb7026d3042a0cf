#include "checkpoint/torch/state_dict.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/checked.h"
#include "checkpoint/file_fault.h"

namespace plimsoll::torch {
namespace {

constexpr std::size_t kShownKey = 80;

/// A tensor's numbers, taken out of the pickle.
struct Sizes {
  std::array<std::int64_t, kMaxRank> shape{};
  std::array<std::int64_t, kMaxRank> strides{};
  std::size_t rank = 0;

  std::span<const std::int64_t> all() const { return std::span(shape).first(rank); }
};

Sizes sizes_of(const PickleValues& values, const TensorRecord& tensor) {
  Sizes sizes;
  const auto shape = values.items(tensor.shape);
  const auto strides = values.items(tensor.strides);
  sizes.rank = shape.size();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    sizes.shape[i] = static_cast<std::int64_t>(shape[i].number);
    sizes.strides[i] = static_cast<std::int64_t>(strides[i].number);
  }
  return sizes;
}

// Where there is one element only, its stride says nothing.
bool row_major(const Sizes& sizes) {
  std::int64_t expected = 1;
  for (std::size_t i = sizes.rank; i-- > 0;) {
    if (sizes.shape[i] != 1 && sizes.strides[i] != expected) return false;
    expected *= sizes.shape[i];
  }
  return true;
}

Status give_tensor(PickleValues& values, std::string_view name, const TensorRecord& tensor, const File& file, HeaderSink& sink) {
  const Sizes sizes = sizes_of(values, tensor);
  const std::uint64_t element = file_type_bits(tensor.type) / 8;
  std::optional<std::uint64_t> bytes = element;
  for (const std::int64_t size : sizes.all()) bytes = bytes ? checked_mul(*bytes, static_cast<std::uint64_t>(size)) : bytes;
  if (!bytes) return corrupt("its shape multiplied out does not fit 64 bits");
  if (*bytes > file.size()) {
    return Error{ErrorCode::unsupported,
                 "it repeats its elements: " + std::to_string(*bytes) + " bytes out of a file of " + std::to_string(file.size()),
                 {},
                 "save it with .contiguous()"};
  }
  const StorageRecord& storage = values.storage(tensor.storage);
  HeaderEntry entry{name, tensor.type, sizes.all(), storage.place, *bytes};
  if (*bytes != 0) {
    entry.offset += storage.view_offset + tensor.first * element;
    if (!row_major(sizes)) entry.strides = std::span(sizes.strides).first(sizes.rank);
  }
  return sink.on_tensor(entry);
}

bool has_tensor(const PickleValues& values, const Value& dict) {
  for (Link at = values.first(dict); at != kNoLink; at = values.node(at).next) {
    if (values.node(at).value.kind == Kind::tensor) return true;
  }
  return false;
}

// Looks no further: many members may be the same long dict.
bool begins_with_tensor(const PickleValues& values, const Value& value) {
  return value.kind == Kind::dict && values.first(value) != kNoLink && values.node(values.first(value)).value.kind == Kind::tensor;
}

// Fit to stand in a line of code that somebody may paste.
bool plain_key(std::string_view key) {
  const auto plain = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  };
  return !key.empty() && key.size() <= kShownKey && std::ranges::all_of(key, plain);
}

// Says where the tensors are, if they are one level down.
Error no_tensors(const PickleValues& values, const Value& root, const File& file) {
  for (Link at = values.first(root); at != kNoLink; at = values.node(at).next) {
    const Node& node = values.node(at);
    if (node.key.kind != Kind::text || !begins_with_tensor(values, node.value)) continue;
    const std::string_view key = values.text(node.key);
    const std::string code = ": torch.save(torch.load(path, weights_only=True)[\"" + std::string(key) + "\"], \"pytorch_model.bin\")";
    return Error{ErrorCode::unsupported,
                 "a checkpoint of a training run, whose weights are one level down, under \"" + printable(key, kShownKey) + "\"",
                 file.path(), "save only them, as pytorch_model.bin" + (plain_key(key) ? code : std::string())};
  }
  return Error{ErrorCode::unsupported, "the file holds no tensors at its top level", file.path(),
               "save only the weights: torch.save(model.state_dict(), path)"};
}

// PyTorch has views and storages in one list, and takes the first of a key for all. `sorted`: all storages, by key.
Status check_views(Os& os, Ledger& ledger, const File& file, PickleValues& values, std::span<const std::uint32_t> sorted) {
  const auto storages = values.storages();
  ArenaList<std::uint32_t> views(os, ledger, MemoryTag::tables, storages.size(), "views of storages");
  for (const std::uint32_t i : sorted)
    if (storages[i].view_key.kind == Kind::text) PLIMSOLL_CHECK(views.push_back(i));
  const auto key = [&](std::uint32_t i) { return values.text(storages[i].key); };
  const auto view_key = [&](std::uint32_t i) { return values.text(storages[i].view_key); };
  const auto all = views.all();
  std::ranges::sort(all, {}, view_key);
  const auto differ = [&](std::uint32_t a, std::uint32_t b) {
    return view_key(a) == view_key(b) &&
           (key(a) != key(b) || storages[a].view_offset != storages[b].view_offset || storages[a].view_bytes != storages[b].view_bytes);
  };
  auto twice = std::adjacent_find(all.begin(), all.end(), differ);
  if (twice == all.end())
    twice = std::ranges::find_if(all, [&](std::uint32_t i) { return std::ranges::binary_search(sorted, view_key(i), {}, key); });
  if (twice == all.end()) return {};
  return corrupt("the view " + quoted(view_key(*twice)) + " is described in two ways", file.path());
}

}  // namespace

Result<ArenaList<std::uint32_t>> sort_storages(Os& os, Ledger& ledger, const File& file, PickleValues& values) {
  const auto storages = values.storages();
  ArenaList<std::uint32_t> sorted(os, ledger, MemoryTag::tables, storages.size(), "storages");
  PLIMSOLL_CHECK(sorted.resize(storages.size()));
  for (std::size_t i = 0; i < storages.size(); ++i) sorted[i] = static_cast<std::uint32_t>(i);
  const auto key = [&](std::uint32_t i) { return values.text(storages[i].key); };
  const auto all = sorted.all();
  std::sort(all.begin(), all.end(), [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  const auto differ = [&](std::uint32_t a, std::uint32_t b) {
    return key(a) == key(b) && (storages[a].type != storages[b].type || storages[a].bytes != storages[b].bytes);
  };
  const auto twice = std::adjacent_find(all.begin(), all.end(), differ);
  if (twice != all.end()) {
    return corrupt("the storage " + quoted(key(*twice)) + " is described in two ways", file.path());
  }
  PLIMSOLL_CHECK(check_views(os, ledger, file, values, all));
  return sorted;
}

Status give_tensors(PickleValues& values, const Value& root, const File& file, HeaderSink& sink) {
  if (root.kind != Kind::dict) {
    return Error{ErrorCode::corrupt_file, "the file holds " + std::string(kind_name(root.kind)) + ", not a dict of tensors", file.path(),
                 "save only the weights: torch.save(model.state_dict(), path)"};
  }
  if (!has_tensor(values, root)) return no_tensors(values, root, file);
  for (Link at = values.first(root); at != kNoLink; at = values.node(at).next) {
    const Node& node = values.node(at);
    if (node.value.kind != Kind::tensor) continue;
    if (node.key.kind != Kind::text)
      return Error{ErrorCode::corrupt_file, "a tensor has " + std::string(kind_name(node.key.kind)) + " as its name", file.path()};
    const std::string_view name = values.text(node.key);
    Status given = give_tensor(values, name, values.tensor(node.value), file, sink);
    if (given.ok()) continue;
    if (given.error().where.empty()) given.error().where = file.path() + ": tensor " + printable(name, 120);
    return given;
  }
  return {};
}

}  // namespace plimsoll::torch
