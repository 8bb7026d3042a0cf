#include "checkpoint/torch/zip_directory.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/checked.h"
#include "base/letters.h"
#include "checkpoint/file_fault.h"
#include "checkpoint/torch/crc32.h"
#include "checkpoint/torch/limits.h"
#include "checkpoint/torch/little_endian.h"

namespace plimsoll::torch {
namespace {

constexpr std::uint64_t kLocalSignature = 0x04034b50;
constexpr std::uint64_t kCentralSignature = 0x02014b50;
constexpr std::uint64_t kEndSignature = 0x06054b50;
constexpr std::uint64_t kEnd64Signature = 0x06064b50;
constexpr std::uint64_t kLocatorSignature = 0x07064b50;
constexpr std::uint64_t kLocalBytes = 30;
constexpr std::uint64_t kCentralBytes = 46;
constexpr std::uint64_t kEndBytes = 22;
constexpr std::uint64_t kEnd64Bytes = 56;
constexpr std::uint64_t kLocatorBytes = 20;
constexpr std::uint64_t kAll16 = 0xFFFF;
constexpr std::uint64_t kAll32 = 0xFFFFFFFF;
constexpr std::uint64_t kZip64Extra = 1;
// A data descriptor follows (3), names are UTF-8 (11); 1 and 2 are hints for compressors. Everything else changes what bytes mean.
constexpr std::uint64_t kHarmlessFlags = 1U << 3U | 1U << 11U | 1U << 1U | 1U << 2U;
constexpr std::uint64_t kEncrypted = 1;

/// Where the central directory is.
struct Place {
  std::uint64_t entries = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// The end record's figures, and where each one stands there.
struct Figure {
  std::size_t at = 0;
  std::size_t size = 0;
  std::size_t at64 = 0;
  std::size_t size64 = 0;
};
// This disk, the directory's disk, entries on this disk, entries, bytes, offset.
constexpr std::array<Figure, 6> kFigures = {{{4, 2, 16, 4}, {6, 2, 20, 4}, {8, 2, 24, 8}, {10, 2, 32, 8}, {12, 4, 40, 8}, {16, 4, 48, 8}}};

using Figures = std::array<std::uint64_t, kFigures.size()>;

// The figures of the zip64 end record, where there is one.
Result<std::optional<Figures>> read_end64(File& file, std::uint64_t end) {
  if (end < kLocatorBytes + kEnd64Bytes) return std::optional<Figures>();
  std::array<std::byte, kEnd64Bytes + kLocatorBytes> bytes{};
  const std::uint64_t first = end - bytes.size();
  PLIMSOLL_CHECK(file.read(bytes, first));
  const auto locator = std::span(bytes).last<kLocatorBytes>();
  if (little_endian(locator, 0, 4) != kLocatorSignature) return std::optional<Figures>();
  const std::string where = at_byte(file, end - kLocatorBytes);
  if (little_endian(locator, 4, 4) != 0 || little_endian(locator, 16, 4) > 1)
    return Error{ErrorCode::unsupported, "the archive is divided over several disks", where};
  if (little_endian(locator, 8, 8) != first || little_endian(bytes, 0, 4) != kEnd64Signature ||
      little_endian(bytes, 4, 8) != kEnd64Bytes - 12) {
    return corrupt("the archive's zip64 end record is not where its locator says", where);
  }
  Figures figures{};
  for (std::size_t i = 0; i < figures.size(); ++i) figures[i] = little_endian(bytes, kFigures[i].at64, kFigures[i].size64);
  return std::optional(figures);
}

Result<Place> find_directory(File& file) {
  if (file.size() < kEndBytes)
    return corrupt("the file has " + std::to_string(file.size()) + " bytes, too few for an archive", file.path());
  const std::uint64_t end = file.size() - kEndBytes;
  std::array<std::byte, kEndBytes> bytes{};
  PLIMSOLL_CHECK(file.read(bytes, end));
  if (little_endian(bytes, 0, 4) != kEndSignature || little_endian(bytes, 20, 2) != 0)
    return corrupt("the file does not end with an archive's end record: it is incomplete, or something follows", at_byte(file, end));
  PLIMSOLL_TRY(const std::optional<Figures> figures64, read_end64(file, end));
  Figures figures{};
  for (std::size_t i = 0; i < figures.size(); ++i) {
    figures[i] = little_endian(bytes, kFigures[i].at, kFigures[i].size);
    const bool elsewhere = figures[i] == (kFigures[i].size == 2 ? kAll16 : kAll32);
    if (elsewhere && !figures64) return corrupt("the archive's zip64 end record is missing", at_byte(file, end));
    if (figures64 && !elsewhere && figures[i] != (*figures64)[i])
      return corrupt("the archive's two end records contradict each other", at_byte(file, end));
    if (figures64) figures[i] = (*figures64)[i];
  }
  if (figures[0] != 0 || figures[1] != 0 || figures[2] != figures[3])
    return Error{ErrorCode::unsupported, "the archive is divided over several disks", at_byte(file, end)};
  const Place place{figures[3], figures[5], figures[4]};
  const auto last = checked_add(place.offset, place.size);
  if (!last || *last != end - (figures64 ? kEnd64Bytes + kLocatorBytes : 0))
    return corrupt("the archive's directory of " + std::to_string(place.size) + " bytes from byte " + std::to_string(place.offset) +
                       " does not end where its end record begins",
                   at_byte(file, end));
  if (place.entries > place.size / kCentralBytes)
    return corrupt("a directory of " + std::to_string(place.size) + " bytes cannot hold " + std::to_string(place.entries) + " entries",
                   at_byte(file, end));
  return place;
}

bool plain_name(std::string_view name) {
  if (name.empty() || name.front() == '/') return false;
  const auto bad = [](char c) { return c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::any_of(name.begin(), name.end(), bad)) return false;
  while (!name.empty()) {
    const std::size_t slash = std::min(name.find('/'), name.size());
    const std::string_view part = name.substr(0, slash);
    if (part == "." || part == "..") return false;
    name.remove_prefix(std::min(slash + 1, name.size()));
  }
  return true;
}

/// Goes through the directory's records.
class DirectoryParser {
 public:
  DirectoryParser(File& file, const Place& place, std::span<const std::byte> bytes) : file_(file), place_(place), bytes_(bytes) {}

  Result<ZipEntry> next() {
    if (kCentralBytes > bytes_.size() - at_ || little_endian(bytes_, at_, 4) != kCentralSignature)
      return corrupt("the archive's directory ends early", where());
    const auto field = [&](std::size_t offset, std::size_t size) { return little_endian(bytes_, at_ + offset, size); };
    const std::size_t name_bytes = field(28, 2);
    const std::size_t extra_bytes = field(30, 2);
    const std::size_t comment_bytes = field(32, 2);
    if (name_bytes + extra_bytes + comment_bytes > bytes_.size() - at_ - kCentralBytes)
      return corrupt("the archive's directory ends early", where());
    const auto rest = bytes_.subspan(at_ + kCentralBytes);
    const std::string_view name(reinterpret_cast<const char*>(rest.data()), name_bytes);
    PLIMSOLL_CHECK(check_flags(name, field(8, 2)));
    const std::uint64_t method = field(10, 2);
    std::array<std::uint64_t, 3> numbers = {field(24, 4), field(20, 4), field(42, 4)};  // size, stored size, offset of the local header
    if (field(34, 2) != 0) return Error{ErrorCode::unsupported, "the archive is divided over several disks", where()};
    PLIMSOLL_CHECK(read_zip64(rest.subspan(name_bytes, extra_bytes), numbers));
    if (method == 0 && numbers[0] != numbers[1]) return corrupt("the entry " + quoted(name) + " is stored, but has two sizes", where());
    ZipEntry entry{name, numbers[2], 0, numbers[1], static_cast<std::uint32_t>(field(16, 4)), static_cast<std::uint16_t>(method)};
    PLIMSOLL_CHECK(check_name(entry));
    PLIMSOLL_CHECK(find_bytes(entry, name));
    at_ += kCentralBytes + name_bytes + extra_bytes + comment_bytes;
    return entry;
  }

  bool done() const { return at_ == bytes_.size(); }
  std::string where() const { return at_byte(file_, place_.offset + at_); }

 private:
  Status check_flags(std::string_view name, std::uint64_t flags) const {
    if ((flags & kEncrypted) != 0) return Error{ErrorCode::unsupported, "the entry " + quoted(name) + " is encrypted", where()};
    if ((flags & ~kHarmlessFlags) != 0)
      return Error{ErrorCode::unsupported, "the entry " + quoted(name) + " has the unknown flags " + std::to_string(flags), where()};
    return {};
  }

  // Replaces those of `numbers` that say that they stand in the zip64 field, in its order.
  Status read_zip64(std::span<const std::byte> extra, std::array<std::uint64_t, 3>& numbers) const {
    const auto absent = std::count(numbers.begin(), numbers.end(), kAll32);
    bool seen = false;
    while (!extra.empty()) {
      if (extra.size() < 4 || little_endian(extra, 2, 2) > extra.size() - 4) return corrupt("an entry's extra field ends early", where());
      const auto data = extra.subspan(4, little_endian(extra, 2, 2));
      if (little_endian(extra, 0, 2) == kZip64Extra) {
        if (seen) return corrupt("an entry has two zip64 fields", where());
        seen = true;
        if (data.size() != 8 * static_cast<std::size_t>(absent))
          return corrupt("an entry's zip64 field does not have the numbers that the entry leaves to it", where());
        std::size_t at = 0;
        for (std::uint64_t& number : numbers) {
          if (number != kAll32) continue;
          number = little_endian(data, at, 8);
          at += 8;
        }
      }
      extra = extra.subspan(4 + data.size());
    }
    if (!seen && absent != 0) return corrupt("an entry's zip64 field is missing", where());
    return {};
  }

  // All names begin with the same folder, which is taken off.
  Status check_name(ZipEntry& entry) {
    if (!plain_name(entry.name)) return corrupt("the archive has the entry " + quoted(entry.name) + ", which is no plain name", where());
    const std::size_t slash = entry.name.find('/');
    if (slash == std::string_view::npos) return corrupt("the entry " + quoted(entry.name) + " lies in no folder", where());
    if (top_.empty()) top_ = entry.name.substr(0, slash + 1);
    if (!entry.name.starts_with(top_))
      return corrupt("the entry " + quoted(entry.name) + " is not in the folder of the others, " + quoted(top_), where());
    entry.name.remove_prefix(top_.size());
    return {};
  }

  // The local header agrees in what finding the bytes needs.
  Status find_bytes(ZipEntry& entry, std::string_view full_name) const {
    const auto what = [&] { return "the entry " + quoted(full_name); };
    const auto beyond = [&] { return corrupt(what() + " lies outside of the archive's data", where()); };
    if (entry.header > place_.offset || place_.offset - entry.header < kLocalBytes + full_name.size()) return beyond();
    std::array<std::byte, kLocalBytes> header{};
    PLIMSOLL_CHECK(file_.read(header, entry.header));
    std::vector<char> name(full_name.size());  // at most 64 KiB
    PLIMSOLL_CHECK(file_.read(std::as_writable_bytes(std::span(name)), entry.header + kLocalBytes));
    if (little_endian(header, 0, 4) != kLocalSignature || little_endian(header, 8, 2) != entry.method ||
        little_endian(header, 26, 2) != full_name.size() || !std::equal(name.begin(), name.end(), full_name.begin())) {
      return corrupt(what() + " and its local header disagree", at_byte(file_, entry.header));
    }
    entry.offset = entry.header + kLocalBytes + full_name.size() + little_endian(header, 28, 2);
    if (entry.offset > place_.offset || entry.size > place_.offset - entry.offset) return beyond();
    return {};
  }

  File& file_;
  const Place& place_;
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  std::string_view top_;
};

// Whatever the case of ASCII letters, as miniz compares.
bool before(std::string_view a, std::string_view b) { return std::ranges::lexicographical_compare(a, b, {}, to_lower, to_lower); }

Status check_apart(const File& file, std::span<ZipEntry> entries) {
  std::sort(entries.begin(), entries.end(), [](const ZipEntry& a, const ZipEntry& b) { return a.header < b.header; });
  const auto overlap =
      std::adjacent_find(entries.begin(), entries.end(), [](const ZipEntry& a, const ZipEntry& b) { return b.header < a.offset + a.size; });
  if (overlap == entries.end()) return {};
  return corrupt("the entries " + quoted(overlap->name) + " and " + quoted(std::next(overlap)->name) + " share bytes",
                 at_byte(file, std::next(overlap)->header));
}

}  // namespace

Result<ZipDirectory> ZipDirectory::read(Os& os, Ledger& ledger, File& file, Opening& opening) {
  PLIMSOLL_TRY(const Place place, find_directory(file));
  if (place.size > kDirectoryLimit) {
    return Error{ErrorCode::unsupported, "the archive's directory has " + std::to_string(place.size) + " bytes, more than any real one",
                 file.path()};
  }
  // No overflow: 46 bytes of the directory at least for each entry.
  PLIMSOLL_CHECK(opening.take(Opening::kPickleCost * (place.size + place.entries * kLocalBytes), file));
  ZipDirectory directory;
  PLIMSOLL_TRY(directory.arena_, Arena::create(os, ledger, MemoryTag::tables, Bytes{place.entries * sizeof(ZipEntry) + place.size}));
  const auto count = static_cast<std::size_t>(place.entries);
  auto* first = reinterpret_cast<ZipEntry*>(directory.arena_.bytes().data());
  std::uninitialized_value_construct_n(first, count);
  directory.entries_ = {first, count};
  const auto bytes = directory.arena_.bytes().subspan(count * sizeof(ZipEntry), static_cast<std::size_t>(place.size));
  PLIMSOLL_CHECK(file.read(bytes, place.offset));
  DirectoryParser parser(file, place, bytes);
  for (ZipEntry& entry : directory.entries_) {
    PLIMSOLL_TRY(entry, parser.next());
  }
  if (!parser.done()) return corrupt("the archive's directory has more than its entries", parser.where());
  PLIMSOLL_CHECK(check_apart(file, directory.entries_));
  const auto by_name = [](const ZipEntry& a, const ZipEntry& b) { return before(a.name, b.name); };
  std::sort(directory.entries_.begin(), directory.entries_.end(), by_name);
  const auto same_name = [](const ZipEntry& a, const ZipEntry& b) { return !before(a.name, b.name); };
  const auto twice = std::adjacent_find(directory.entries_.begin(), directory.entries_.end(), same_name);
  if (twice != directory.entries_.end()) return corrupt("the archive has the entry " + quoted(twice->name) + " twice", file.path());
  return directory;
}

const ZipEntry* ZipDirectory::find(std::string_view name) const {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), name,
                                   [](const ZipEntry& entry, std::string_view wanted) { return before(entry.name, wanted); });
  return at != entries_.end() && !before(name, at->name) ? &*at : nullptr;
}

bool looks_like_zip(std::span<const std::byte> first_bytes) {
  return first_bytes.size() >= 4 && little_endian(first_bytes, 0, 4) == kLocalSignature;
}

Status check_crc(const File& file, const ZipEntry& entry, std::span<const std::byte> bytes) {
  // PyTorch leaves it out when told to (torch.serialization.set_crc32_options).
  if (entry.crc == 0 || crc32(bytes) == entry.crc) return {};
  return corrupt("the entry " + quoted(entry.name) + " does not have the checksum that the archive says", at_byte(file, entry.offset));
}

}  // namespace plimsoll::torch
