#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "checkpoint/safetensors_header.h"
#include "checkpoint/tensor_info.h"
#include "memory/arena.h"

namespace plimsoll {

/// How much a table will hold.
struct TableCounts {
  std::uint64_t tensors = 0;
  std::uint64_t sizes = 0;  ///< of all shapes together
  std::uint64_t metadata_keys = 0;
  std::uint64_t text_bytes = 0;  ///< of all names and metadata keys
};

/// Adds up what the headers hold.
class HeaderCounter final : public HeaderSink {
 public:
  Status on_tensor(const HeaderEntry& entry) override;
  Status on_metadata(std::string_view key) override;
  const TableCounts& counts() const { return counts_; }

 private:
  TableCounts counts_;
};

/// The entries of all headers, in one arena tagged `tables` of exactly the size that the counts make (60 bytes a tensor, 8 a
/// dimension, 16 a metadata key, and the text). Filled once, then only read.
class TensorTable {
 public:
  TensorTable() = default;
  /// `unsupported` when it would take more than 256 MiB, whatever the ledger has; `out_of_memory`.
  static Result<TensorTable> create(Os& os, Ledger& ledger, const TableCounts& counts);

  /// Adds the header of `file`, and checks what takes all of its entries: its data begins at the first byte after the
  /// header, has no holes or overlaps, and ends with the file; no metadata key is repeated. Call in order of `index`.
  Status add_file(File& file, std::uint32_t index);

  /// Call after the last file, with all of them: checks that no name is repeated.
  Status finish(std::span<const std::shared_ptr<File>> files);

  /// By file, then by offset.
  std::span<const TensorInfo> tensors() const { return tensors_; }
  const TensorInfo* find(std::string_view name) const;

 private:
  class Filler;

  Arena arena_;
  std::span<TensorInfo> tensors_;
  std::span<std::int64_t> sizes_;
  std::span<std::string_view> metadata_;
  std::span<std::uint32_t> by_name_;  ///< indices into tensors_
  std::span<char> text_;
  std::size_t filled_ = 0;
  std::size_t sizes_used_ = 0;
  std::size_t metadata_used_ = 0;
  std::size_t text_used_ = 0;
};

}  // namespace plimsoll
