#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "checkpoint/torch/globals.h"
#include "memory/arena_list.h"

namespace plimsoll::torch {

/// What a value of a pickle is. There are no objects, only these.
enum class Kind : std::uint8_t {
  unset,  ///< a place of the memo that nothing was put into
  none,
  boolean,
  integer,
  text,
  tuple,
  list,
  dict,
  global,
  storage,
  tensor,
  other,  ///< something that tensors do not need, of which nothing is kept: a real or a larger number, a set, a device
};

std::string_view kind_name(Kind kind);

/// One value. What does not fit it lies in PickleValues.
struct Value {
  Kind kind = Kind::unset;
  std::uint32_t index = 0;   ///< of a text's first byte, a tuple's first item, or the number of the list, dict, global, storage, tensor
  std::uint64_t number = 0;  ///< the integer in two's complement; 0 or 1; the length of a text or tuple
};

/// The number of a node plus one.
using Link = std::uint32_t;
inline constexpr Link kNoLink = 0;

/// A list or a dict: a chain of nodes.
struct Chain {
  Link first = kNoLink;
  Link last = kNoLink;
  bool has_attributes = false;  ///< an OrderedDict, which BUILD may give attributes
};

struct Node {
  Value key;  ///< unset in lists
  Value value;
  Link next = kNoLink;
};

/// A persistent id: a run of elements in the file, or (in legacy files) a part of one.
struct StorageRecord {
  Value key;  ///< a text
  FileType type = FileType::u8;
  std::uint64_t bytes = 0;        ///< of the whole run, as declared
  std::uint64_t view_offset = 0;  ///< in bytes; with view_bytes within `bytes`
  std::uint64_t view_bytes = 0;
  Value view_key = {};      ///< of a part: a text
  std::uint64_t place = 0;  ///< of the whole run in the file; found by whoever reads it
};

/// A tensor. Shape, strides and offset are checked: what they span lies within the storage's view.
struct TensorRecord {
  std::uint32_t storage = 0;
  FileType type = FileType::f32;
  std::uint64_t first = 0;  ///< elements before the tensor's first
  Value shape;              ///< tuples of as many integers, none negative
  Value strides;
};

/// All that the values of one pickle consist of, in arenas tagged `tables`, at most 32 MiB of items and 16 MiB of each other kind. Grows
/// only. What is given by reference or span is good until the next value is made.
class PickleValues {
 public:
  /// `bytes`: the pickle, which texts refer to. All must outlive it.
  PickleValues(Os& os, Ledger& ledger, std::span<const std::byte> bytes);

  std::string_view text(const Value& value) const;
  std::span<const Value> items(const Value& tuple) const {
    return items_.all().subspan(tuple.index, static_cast<std::size_t>(tuple.number));
  }
  const Global& named(const Value& value) const { return global(value.index); }
  StorageRecord& storage(std::uint32_t number) { return storages_[number]; }
  std::span<StorageRecord> storages() { return storages_.all(); }
  const TensorRecord& tensor(const Value& value) const { return tensors_[value.index]; }
  bool has_attributes(const Value& dict) const { return chains_[dict.index].has_attributes; }

  /// A text that lies within the pickle.
  Value make_text(std::string_view text) const;
  Result<Value> make_tuple(std::span<const Value> items);
  Result<Value> make_list() { return make_chain(Kind::list, false); }
  Result<Value> make_dict(bool has_attributes) { return make_chain(Kind::dict, has_attributes); }
  Result<Value> make_storage(const StorageRecord& record);
  Result<Value> make_tensor(const TensorRecord& record);
  /// Adds to the end of a list (with an unset key) or dict. Whether the key was there before is not looked at.
  Status add(const Value& chain, const Value& key, const Value& value);

  /// The first node of a list or dict; each links to the next.
  Link first(const Value& chain) const { return chains_[chain.index].first; }
  /// Not kNoLink. Good until the next `add`.
  const Node& node(Link link) const { return nodes_[link - 1]; }

 private:
  Result<Value> make_chain(Kind kind, bool has_attributes);

  std::span<const std::byte> bytes_;
  ArenaList<Value> items_;
  ArenaList<Chain> chains_;
  ArenaList<Node> nodes_;
  ArenaList<StorageRecord> storages_;
  ArenaList<TensorRecord> tensors_;
};

}  // namespace plimsoll::torch
