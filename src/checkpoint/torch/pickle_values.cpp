#include "checkpoint/torch/pickle_values.h"

#include <algorithm>
#include <array>

namespace plimsoll::torch {
namespace {

// Of a tensor there are some 16 items and three nodes.
constexpr std::uint64_t kItemBytes = std::uint64_t{32} << 20U;
constexpr std::uint64_t kBytesEach = std::uint64_t{16} << 20U;
constexpr MemoryTag kTag = MemoryTag::tables;

}  // namespace

std::string_view kind_name(Kind kind) {
  static constexpr std::array<std::string_view, 12> kNames = {"nothing", "None",   "a boolean", "an integer", "a text",   "a tuple",
                                                              "a list",  "a dict", "a global",  "a storage",  "a tensor", "another value"};
  return kNames[static_cast<std::size_t>(kind)];
}

PickleValues::PickleValues(Os& os, Ledger& ledger, std::span<const std::byte> bytes)
    : bytes_(bytes),
      items_(os, ledger, kTag, kItemBytes / sizeof(Value), "items of tuples in a pickle"),
      chains_(os, ledger, kTag, kBytesEach / sizeof(Chain), "lists and dicts in a pickle"),
      nodes_(os, ledger, kTag, kBytesEach / sizeof(Node), "items of lists and dicts in a pickle"),
      storages_(os, ledger, kTag, kBytesEach / sizeof(StorageRecord), "storages in a pickle"),
      tensors_(os, ledger, kTag, kBytesEach / sizeof(TensorRecord), "tensors in a pickle") {}

std::string_view PickleValues::text(const Value& value) const {
  return {reinterpret_cast<const char*>(bytes_.data()) + value.index, static_cast<std::size_t>(value.number)};
}

Value PickleValues::make_text(std::string_view text) const {
  const auto index = text.data() - reinterpret_cast<const char*>(bytes_.data());
  return {Kind::text, static_cast<std::uint32_t>(index), text.size()};
}

Result<Value> PickleValues::make_tuple(std::span<const Value> items) {
  const std::size_t first = items_.size();
  PLIMSOLL_CHECK(items_.resize(first + items.size()));
  std::copy(items.begin(), items.end(), items_.all().subspan(first).begin());
  return Value{Kind::tuple, static_cast<std::uint32_t>(first), items.size()};
}

Result<Value> PickleValues::make_chain(Kind kind, bool has_attributes) {
  PLIMSOLL_CHECK(chains_.push_back({kNoLink, kNoLink, has_attributes}));
  return Value{kind, static_cast<std::uint32_t>(chains_.size() - 1)};
}

Result<Value> PickleValues::make_storage(const StorageRecord& record) {
  PLIMSOLL_CHECK(storages_.push_back(record));
  return Value{Kind::storage, static_cast<std::uint32_t>(storages_.size() - 1)};
}

Result<Value> PickleValues::make_tensor(const TensorRecord& record) {
  PLIMSOLL_CHECK(tensors_.push_back(record));
  return Value{Kind::tensor, static_cast<std::uint32_t>(tensors_.size() - 1)};
}

Status PickleValues::add(const Value& chain, const Value& key, const Value& value) {
  PLIMSOLL_CHECK(nodes_.push_back({key, value}));
  const auto link = static_cast<Link>(nodes_.size());
  Chain& c = chains_[chain.index];
  if (c.last == kNoLink) c.first = link;
  else nodes_[c.last - 1].next = link;
  c.last = link;
  return {};
}

}  // namespace plimsoll::torch
