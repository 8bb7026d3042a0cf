#include "checkpoint/torch/archive.h"

#include <algorithm>
#include <array>
#include <string>

#include "checkpoint/file_fault.h"
#include "checkpoint/torch/limits.h"
#include "checkpoint/torch/pickle_machine.h"
#include "checkpoint/torch/state_dict.h"
#include "checkpoint/torch/zip_directory.h"

namespace plimsoll::torch {
namespace {

constexpr std::string_view kPickle = "data.pkl";
// Entries that say how to read the others.
constexpr std::array<std::string_view, 5> kSpecial = {kPickle, "constants.pkl", "version", ".data/version", "byteorder"};
constexpr std::size_t kSmallEntry = 16;
constexpr int kNewestVersion = 10;  // the newest that PyTorch 2.x reads

// The text of a small entry without the line's end; empty when the archive has none of that name.
Result<std::string> small_entry(File& file, const ZipDirectory& directory, std::string_view name) {
  const ZipEntry* entry = directory.find(name);
  if (entry == nullptr) return std::string();
  if (entry->size > kSmallEntry)
    return Error{ErrorCode::corrupt_file, "the entry " + quoted(name) + " has " + std::to_string(entry->size) + " bytes", file.path()};
  std::string text(static_cast<std::size_t>(entry->size), '\0');
  const auto bytes = std::as_writable_bytes(std::span(text));
  PLIMSOLL_CHECK(file.read(bytes, entry->offset));
  PLIMSOLL_CHECK(check_crc(file, *entry, bytes));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

bool known_version(const std::string& text) {
  if (text.empty()) return true;
  if (text.size() > 2 || !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
  const int version = std::stoi(text);
  return version >= 1 && version <= kNewestVersion;
}

Status check_kind(File& file, const ZipDirectory& directory) {
  for (const std::string_view name : kSpecial) {
    const ZipEntry* entry = directory.find(name);
    if (entry != nullptr && entry->name != name)
      return corrupt("the archive has the entry " + quoted(entry->name) + ", which must be " + quoted(name), file.path());
  }
  const auto refuse = [&](const std::string& what, const char* advice) { return Error{ErrorCode::unsupported, what, file.path(), advice}; };
  if (directory.find("constants.pkl") != nullptr)
    return refuse("this is a TorchScript program, not a list of weights", "save the weights: torch.save(model.state_dict(), path)");
  const auto entries = directory.entries();
  const auto compressed = std::find_if(entries.begin(), entries.end(), [](const ZipEntry& entry) { return entry.method != 0; });
  if (compressed != entries.end()) {
    return refuse("the entry " + quoted(compressed->name) + " is compressed (method " + std::to_string(compressed->method) + ")",
                  "torch.save stores entries as they are: save the file again with it");
  }
  if (directory.find(kPickle) == nullptr) return corrupt("the archive has no entry data.pkl", file.path());
  for (const char* name : {"version", ".data/version"}) {
    PLIMSOLL_TRY(const std::string version, small_entry(file, directory, name));
    if (!known_version(version)) return refuse("the archive has the unknown version " + quoted(version), "a newer version may read it");
  }
  PLIMSOLL_TRY(const std::string order, small_entry(file, directory, "byteorder"));
  if (order.empty() || order == "little") return {};
  return refuse("the archive has the byte order " + quoted(order), "save it on a little-endian machine");
}

Status find_storages(Os& os, Ledger& ledger, const File& file, const ZipDirectory& directory, PickleValues& values) {
  PLIMSOLL_TRY(const auto sorted, sort_storages(os, ledger, file, values));
  for (const std::uint32_t number : sorted.all()) {
    StorageRecord& storage = values.storage(number);
    const std::string name = "data/" + std::string(values.text(storage.key));
    const ZipEntry* entry = directory.find(name);
    if (entry == nullptr) return corrupt("the archive lacks the storage " + quoted(name), file.path());
    // Bytes that make no whole element may follow.
    if (entry->size < storage.bytes || entry->size - storage.bytes >= file_type_bits(storage.type) / 8) {
      return corrupt("the storage " + quoted(name) + " has " + std::to_string(entry->size) + " bytes, but the pickle says " +
                         std::to_string(storage.bytes),
                     file.path());
    }
    storage.place = entry->offset;
  }
  return {};
}

}  // namespace

Status read_archive(Os& os, Ledger& ledger, File& file, HeaderSink& sink, Opening& opening) {
  PLIMSOLL_TRY(const ZipDirectory directory, ZipDirectory::read(os, ledger, file, opening));
  PLIMSOLL_CHECK(check_kind(file, directory));
  const ZipEntry& pickle = *directory.find(kPickle);
  if (pickle.size > kPickleLimit) {
    return Error{ErrorCode::unsupported, "a pickle of " + std::to_string(pickle.size) + " bytes, more than any real one", file.path()};
  }
  PLIMSOLL_CHECK(opening.take(Opening::kPickleCost * pickle.size, file));
  PLIMSOLL_TRY(const Arena arena, Arena::create(os, ledger, MemoryTag::tables, Bytes{pickle.size}));
  const auto bytes = arena.bytes().first(static_cast<std::size_t>(pickle.size));
  PLIMSOLL_CHECK(file.read(bytes, pickle.offset));
  PLIMSOLL_CHECK(check_crc(file, pickle, bytes));
  PickleValues values(os, ledger, bytes);
  PLIMSOLL_TRY(const Value root, run_pickle(os, ledger, {bytes, file.path(), pickle.offset}, values));
  PLIMSOLL_CHECK(find_storages(os, ledger, file, directory, values));
  return give_tensors(values, root, file, sink);
}

}  // namespace plimsoll::torch
