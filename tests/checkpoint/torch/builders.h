#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/torch/crc32.h"

namespace plimsoll::testing {

/// `value` in `size` bytes, lowest first.
inline std::string little(std::uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += i < 8 ? static_cast<char>(value >> (8 * i) & 0xFFU) : '\0';
  return bytes;
}

/// Pieces of pickles of protocol 2, each of which leaves one value on the stack.
namespace pickle {

using namespace std::string_literals;

inline std::string whole(const std::string& value) { return "\x80\x02" + value + "."; }
inline std::string text(const std::string& value) { return "X" + little(value.size(), 4) + value; }
inline std::string integer(std::int64_t value) {
  if (value >= -0x80000000LL && value <= 0x7FFFFFFFLL) return "J" + little(static_cast<std::uint64_t>(value), 4);
  return "\x8a\x08" + little(static_cast<std::uint64_t>(value), 8);
}
inline std::string named(const std::string& module, const std::string& name) { return "c" + module + "\n" + name + "\n"; }
inline std::string tuple(const std::vector<std::string>& items) {
  std::string all = "(";
  for (const std::string& item : items) all += item;
  return all + "t";
}
inline std::string counts(const std::vector<std::int64_t>& numbers) {
  std::vector<std::string> items;
  for (const std::int64_t number : numbers) items.push_back(integer(number));
  return tuple(items);
}
inline std::string call(const std::string& callee, const std::vector<std::string>& arguments) { return callee + tuple(arguments) + "R"; }
inline std::string ordered_dict() { return call(named("collections", "OrderedDict"), {}); }
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string all = "}(";
  for (const auto& [key, value] : members) all += text(key) + value;
  return all + "u";
}
inline std::string list(const std::vector<std::string>& items) {
  std::string all = "](";
  for (const std::string& item : items) all += item;
  return all + "e";
}
inline std::string storage(const std::string& type, const std::string& key, std::int64_t elements) {
  return tuple({text("storage"), named("torch", type), text(key), text("cpu"), integer(elements)}) + "Q";
}
inline std::string rebuild(const std::string& function) { return named("torch._utils", function); }
inline std::string tensor(const std::string& storage, std::int64_t offset, const std::vector<std::int64_t>& shape,
                          const std::vector<std::int64_t>& strides) {
  return call(rebuild("_rebuild_tensor_v2"), {storage, integer(offset), counts(shape), counts(strides), "\x89", ordered_dict()});
}

}  // namespace pickle

/// A zip archive, and where the records of each entry begin in it.
struct ZipText {
  std::string bytes;
  std::vector<std::size_t> local;
  std::vector<std::size_t> central;
  std::size_t end64 = 0;
  std::size_t end = 0;

  /// Writes over a field of `size` bytes.
  ZipText with(std::size_t at, std::uint64_t value, int size) const {
    ZipText changed = *this;
    changed.bytes.replace(at, static_cast<std::size_t>(size), little(value, size));
    return changed;
  }
};

using Entries = std::vector<std::pair<std::string, std::string>>;

/// An archive of stored entries as torch.save writes it: data descriptors, and a zip64 end record unless told otherwise.
inline ZipText zip_file(const Entries& entries, bool zip64 = true) {
  ZipText zip;
  std::string directory;
  std::vector<std::size_t> central;
  for (const auto& [name, data] : entries) {
    const std::uint32_t crc = torch::crc32(std::as_bytes(std::span(data)));
    const std::size_t local = zip.bytes.size();
    zip.local.push_back(local);
    const std::string padding = "FB" + little(5, 2) + "ZZZZZ";
    zip.bytes +=
        "PK\x03\x04" + little(0, 2) + little(0x808, 2) + little(0, 2 + 4 + 12) + little(name.size(), 2) + little(padding.size(), 2);
    zip.bytes.append(name).append(padding).append(data);
    zip.bytes += "PK\x07\x08" + little(crc, 4) + little(data.size(), 4) + little(data.size(), 4);
    central.push_back(directory.size());
    directory += "PK\x01\x02" + little(0, 4) + little(0x808, 2) + little(0, 2 + 4) + little(crc, 4) + little(data.size(), 4) +
                 little(data.size(), 4) + little(name.size(), 2) + little(0, 2 + 2 + 2 + 2 + 4) + little(local, 4) + name;
  }
  const std::size_t first = zip.bytes.size();
  for (const std::size_t at : central) zip.central.push_back(first + at);
  zip.bytes += directory;
  zip.end64 = zip.bytes.size();
  if (zip64) {
    zip.bytes += "PK\x06\x06" + little(44, 8) + little(0, 4) + little(0, 8) + little(entries.size(), 8) + little(entries.size(), 8) +
                 little(directory.size(), 8) + little(first, 8);
    zip.bytes += "PK\x06\x07" + little(0, 4) + little(zip.end64, 8) + little(1, 4);
  }
  zip.end = zip.bytes.size();
  zip.bytes += "PK\x05\x06" + little(0, 4) + little(entries.size(), 2) + little(entries.size(), 2) + little(directory.size(), 4) +
               little(first, 4) + little(0, 2);
  return zip;
}

/// A file of torch.save: the pickle of `object`, and the bytes of each storage.
inline Entries torch_entries(const std::string& object, const Entries& storages) {
  Entries entries = {{"m/data.pkl", pickle::whole(object)}, {"m/byteorder", "little"}};
  for (const auto& [key, data] : storages) entries.emplace_back("m/data/" + key, data);
  entries.emplace_back("m/version", "3\n");
  return entries;
}

/// The older form. `counts` are elements of each storage.
struct LegacyStorage {
  std::string key;
  std::uint64_t elements = 0;
  std::string data;
};

inline std::string legacy_magic() { return "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."; }

inline std::string legacy_file(const std::string& object, const std::vector<LegacyStorage>& storages, std::int64_t protocol = 1001,
                               const std::string& little_endian = "\x88") {
  std::string file = legacy_magic() + pickle::whole(pickle::integer(protocol));
  file += pickle::whole(pickle::dict({{"protocol_version", pickle::integer(1001)}, {"little_endian", little_endian}}));
  std::vector<std::string> keys;
  for (const LegacyStorage& storage : storages) keys.push_back(pickle::text(storage.key));
  file += pickle::whole(object) + pickle::whole(pickle::list(keys));
  for (const LegacyStorage& storage : storages) file += little(storage.elements, 8) + storage.data;
  return file;
}

/// `size` bytes 0, 1, 2, ...
inline std::string counting(std::size_t size) {
  std::string data(size, '\0');
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>(i);
  return data;
}

}  // namespace plimsoll::testing
