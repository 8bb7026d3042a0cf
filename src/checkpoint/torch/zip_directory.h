#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <plimsoll/os.h>

#include "hub/opening.h"
#include "memory/arena.h"

namespace plimsoll::torch {

/// One file in an archive.
struct ZipEntry {
  std::string_view name;     ///< without the archive's one top folder
  std::uint64_t header = 0;  ///< where its local header begins
  std::uint64_t offset = 0;  ///< where its bytes begin
  std::uint64_t size = 0;    ///< of them; the file's own where it is stored as it is
  std::uint32_t crc = 0;
  std::uint16_t method = 0;  ///< of compression; 0: stored as it is. Nothing here can read any other
};

/// The central directory of a zip archive as torch.save writes it, checked: one disk, no comment, nothing before or behind what the end
/// record says; no entry encrypted; all under one top folder, with a plain relative name that no other has, in whatever
/// case (PyTorch's reader looks for names in any), its local header in agreement, its bytes before the directory and not shared with
/// another. As in every zip reader the directory rules: sizes and checksums of local headers and data descriptors are not looked at.
/// Immutable. Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
class ZipDirectory {
 public:
  /// Reads the directory and 30 bytes (and the name) of each entry, into one arena tagged `tables` of exactly the size that the end record
  /// and the file's own size allow. Fails with `corrupt_file` (file and byte offset), `unsupported` (encrypted, divided, or a
  /// directory of more than kDirectoryLimit), `io`, `out_of_memory`, and as `opening`. `ledger` must outlive it.
  static Result<ZipDirectory> read(Os& os, Ledger& ledger, File& file, Opening& opening);

  /// By name, in lower case.
  std::span<const ZipEntry> entries() const { return entries_; }
  /// The entry of that name, in whatever case, or null. Binary search.
  const ZipEntry* find(std::string_view name) const;

 private:
  Arena arena_;
  std::span<ZipEntry> entries_;
};

/// True when a file that begins with these bytes is meant to be an archive.
bool looks_like_zip(std::span<const std::byte> first_bytes);

/// Whether `bytes` are what the archive's checksum of `entry` says; `corrupt_file` otherwise.
Status check_crc(const File& file, const ZipEntry& entry, std::span<const std::byte> bytes);

}  // namespace plimsoll::torch
