#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/os.h>

#include "checkpoint/tensor_info.h"
#include "checkpoint/tensor_table.h"
#include "hub/opening.h"
#include "memory/ledger.h"

namespace plimsoll {

/// The name of the file that Checkpoint::open opens first: the one with the weights, or their index. Where there is none, the first that
/// it looks for.
std::string_view weights_file(Folder& folder);

/// The tensors of a model directory. Opening one reads headers, never weights. Immutable and move-only; any number of threads may
/// use it at once. Its files stay open, so that they remain the ones that were checked.
class Checkpoint {
 public:
  /// Opens the first of these in `directory`: `model.safetensors`, the shards of `model.safetensors.index.json`, `pytorch_model.bin`, the
  /// shards of `pytorch_model.bin.index.json`. The table of tensors is charged to `ledger` under `tables`, and so is, meanwhile, what
  /// reading a .bin takes; it and `os` must outlive the checkpoint. Transient heap: one JSON reader (64 KiB and a few times the longest
  /// name). Fails with
  /// - `not_found` naming the folder and what was looked for, or the shards that are not there;
  /// - `unsupported` naming an unknown dtype, or what a .bin has beside tensors;
  /// - `corrupt_file` naming file and byte offset, tensor or key, or a file that is more than the opening has left;
  /// - `io`, `out_of_memory` as the system does.
  static Result<Checkpoint> open(Os& os, Ledger& ledger, const std::string& directory);
  /// The same of a folder that is open, as a part of `opening`; `cancelled` as that is.
  static Result<Checkpoint> open(Os& os, Ledger& ledger, Folder& folder, Opening& opening);

  /// All tensors: by the folder's files (name), then by offset; those that are not row-major after a file's others.
  std::span<const TensorInfo> tensors() const { return table_.tensors(); }
  /// The tensor of that name, or null. Binary search.
  const TensorInfo* find(std::string_view name) const { return table_.find(name); }

  /// What the table of them takes of the ledger.
  Bytes table_bytes() const { return table_.size(); }

  /// The folder's files, and behind them one StridedFile for each tensor that is not row-major.
  std::size_t file_count() const { return files_.size(); }
  File& file(std::uint32_t index) const { return *files_[index]; }

  /// Fills `out` from byte `offset` of the tensor's data. `internal` when that passes its end; `io` or `corrupt_file`
  /// (truncated in the meantime) as File::read.
  Status read(const TensorInfo& tensor, std::uint64_t offset, std::span<std::byte> out) const;

 private:
  Status open_shards(Folder& folder, const std::string& index_path, const std::vector<std::string>& shards);
  Status build_table(Os& os, Ledger& ledger, bool pickled, Opening& opening);

  CheckpointFiles files_;
  TensorTable table_;
};

}  // namespace plimsoll
