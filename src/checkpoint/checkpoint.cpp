#include "checkpoint/checkpoint.h"

#include <utility>

#include "checkpoint/shard_index.h"

namespace plimsoll {
namespace {

constexpr std::string_view kSingle = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";
constexpr std::string_view kTorch = "pytorch_model.bin";
constexpr std::string_view kTorchIndex = "pytorch_model.bin.index.json";

constexpr std::string_view kConvertTorch =
    "convert it once, in that folder: python3 -c \"import torch, safetensors.torch as s; s.save_file({k: v.clone() for k, v in "
    "torch.load('pytorch_model.bin', map_location='cpu', weights_only=True).items()}, 'model.safetensors', {'format': 'pt'})\"";
constexpr std::string_view kConvertShards =
    "convert it once, in that folder: python3 -c \"from transformers import AutoModel; "
    "AutoModel.from_pretrained('.').save_pretrained('.')\"";

std::string in(const std::string& directory, std::string_view name) {
  return directory.ends_with('/') ? directory + std::string(name) : directory + "/" + std::string(name);
}

Error nothing_there(Os& os, const std::string& directory) {
  if (!os.is_directory(directory)) return Error{ErrorCode::not_found, "there is no such folder", directory, "give the folder of a model"};
  for (const auto& [name, advice] : {std::pair(kTorch, kConvertTorch), std::pair(kTorchIndex, kConvertShards)}) {
    if (os.is_file(in(directory, name))) {
      return Error{ErrorCode::unsupported, "only .safetensors weights are read so far, not .bin", in(directory, name), std::string(advice)};
    }
  }
  for (const std::string& name : os.list_directory(directory)) {
    if (!name.ends_with(".gguf")) continue;
    return Error{ErrorCode::unsupported, "GGUF files are not read yet", in(directory, name), "use the model's .safetensors files"};
  }
  return Error{ErrorCode::not_found, "no " + std::string(kSingle) + ", " + std::string(kIndex) + " or " + std::string(kTorch), directory,
               "give the folder of a model with its weights; a download may be incomplete"};
}

Status check_present(Os& os, const std::string& directory, const std::string& index_path, const std::vector<std::string>& shards) {
  std::string missing;
  std::size_t count = 0;
  for (const std::string& shard : shards) {
    if (!os.is_file(in(directory, shard)) && ++count <= 5) missing += (count == 1 ? "" : ", ") + printable(shard, 120);
  }
  if (count == 0) return {};
  if (count > 5) missing += " and " + std::to_string(count - 5) + " more";
  return Error{ErrorCode::not_found, "shards that the index names are not there: " + missing, index_path, "download the model again"};
}

}  // namespace

Result<Checkpoint> Checkpoint::open(Os& os, Ledger& ledger, const std::string& directory) {
  if (const std::string path = in(directory, kSingle); os.is_file(path)) return open_single(os, ledger, path);
  if (const std::string path = in(directory, kIndex); os.is_file(path)) return open_sharded(os, ledger, directory, path);
  return nothing_there(os, directory);
}

Result<Checkpoint> Checkpoint::open_single(Os& os, Ledger& ledger, const std::string& path) {
  Checkpoint checkpoint;
  PLIMSOLL_TRY(auto file, os.open(path));
  checkpoint.files_.push_back(std::move(file));
  PLIMSOLL_CHECK(checkpoint.build_table(os, ledger));
  return checkpoint;
}

Result<Checkpoint> Checkpoint::open_sharded(Os& os, Ledger& ledger, const std::string& directory, const std::string& index_path) {
  PLIMSOLL_TRY(const auto index, os.open(index_path));
  PLIMSOLL_TRY(const auto shards, read_shard_names(*index));
  PLIMSOLL_CHECK(check_present(os, directory, index_path, shards));
  Checkpoint checkpoint;
  for (const std::string& shard : shards) {
    PLIMSOLL_TRY(auto file, os.open(in(directory, shard)));
    checkpoint.files_.push_back(std::move(file));
  }
  PLIMSOLL_CHECK(checkpoint.build_table(os, ledger));
  PLIMSOLL_CHECK(check_weight_map(os, ledger, *index, shards, checkpoint.table_));
  return checkpoint;
}

Status Checkpoint::build_table(Os& os, Ledger& ledger) {
  HeaderCounter counter;
  for (const auto& file : files_) PLIMSOLL_CHECK(read_safetensors_header(*file, counter));
  PLIMSOLL_TRY(table_, TensorTable::create(os, ledger, counter.counts()));
  for (std::uint32_t i = 0; i < files_.size(); ++i) PLIMSOLL_CHECK(table_.add_file(*files_[i], i));
  return table_.finish(files_);
}

Result<FileExtent> Checkpoint::rows(const TensorInfo& tensor, std::int64_t first, std::int64_t last) const {
  const auto fail = [&](const char* what) { return Error{ErrorCode::internal, what, std::string(tensor.name), "please report this"}; };
  if (tensor.shape.empty() || first < 0 || first > last || last > tensor.shape[0]) return fail("rows outside of a tensor");
  if (first == last) return FileExtent{tensor.file, tensor.offset, 0};
  const auto count = static_cast<std::uint64_t>(tensor.shape[0]);
  if (tensor.bytes % count != 0) return fail("rows of a tensor that are no whole bytes");
  const std::uint64_t row_bytes = tensor.bytes / count;
  return FileExtent{tensor.file, tensor.offset + static_cast<std::uint64_t>(first) * row_bytes,
                    static_cast<std::uint64_t>(last - first) * row_bytes};
}

Status Checkpoint::read(const TensorInfo& tensor, std::uint64_t offset, std::span<std::byte> out) const {
  if (tensor.file >= files_.size() || offset > tensor.bytes || out.size() > tensor.bytes - offset) {
    return Error{ErrorCode::internal, "a read outside of a tensor", std::string(tensor.name), "please report this"};
  }
  return files_[tensor.file]->read(out, tensor.offset + offset);
}

TypeBytes Checkpoint::bytes_by_type() const {
  TypeBytes bytes{};
  for (const TensorInfo& tensor : tensors()) bytes[static_cast<std::size_t>(tensor.type)] += tensor.bytes;
  return bytes;
}

std::optional<FileType> Checkpoint::main_type() const {
  const TypeBytes bytes = bytes_by_type();
  std::optional<FileType> best;
  for (std::size_t i = 0; i < kFileTypes; ++i) {
    const auto type = static_cast<FileType>(i);
    if (!is_floating(type) || bytes[i] == 0) continue;
    if (!best || std::pair(bytes[i], file_type_bits(type)) > std::pair(bytes[static_cast<std::size_t>(*best)], file_type_bits(*best)))
      best = type;
  }
  return best;
}

}  // namespace plimsoll
