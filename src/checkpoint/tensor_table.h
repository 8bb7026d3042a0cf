#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <plimsoll/os.h>

#include "checkpoint/header_sink.h"
#include "checkpoint/tensor_info.h"
#include "memory/arena.h"

namespace plimsoll {

/// Shared with a thread that is stuck in a read of one.
using CheckpointFiles = std::vector<std::shared_ptr<File>>;

/// Gives a sink the tensors of one file.
using HeaderReader = std::function<Status(File& file, HeaderSink& sink)>;

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
  /// `unsupported` when it would take more than 128 MiB, whatever the ledger has; `out_of_memory`.
  static Result<TensorTable> create(Os& os, Ledger& ledger, const TableCounts& counts);

  /// Adds the tensors that `read` finds in file number `shard`, checks that no metadata key is repeated, and gives them, sorted by offset.
  /// A tensor that is not row-major gets a file of its own behind the others of `files`, a StridedFile; `unsupported` if there are more
  /// than 4096 of them. Call in order of `shard`, before which all files of the folder are in `files`.
  Result<std::span<const TensorInfo>> add_file(CheckpointFiles& files, std::uint32_t shard, const HeaderReader& read);

  /// Call after the last file, with all of them: checks that no name is repeated.
  Status finish(const CheckpointFiles& files);

  /// By shard, then by file and offset.
  std::span<const TensorInfo> tensors() const { return tensors_; }
  const TensorInfo* find(std::string_view name) const;
  Bytes size() const { return arena_.size(); }

 private:
  class Filler;

  Arena arena_;
  std::span<TensorInfo> tensors_;
  std::span<std::int64_t> sizes_;
  std::span<std::string_view> metadata_;
  std::span<std::uint32_t> by_name_;  ///< indices into tensors_
  std::span<char> text_;
  std::size_t filled_ = 0;
  std::uint32_t strided_ = 0;
  std::size_t sizes_used_ = 0;
  std::size_t metadata_used_ = 0;
  std::size_t text_used_ = 0;
};

}  // namespace plimsoll
