#include "checkpoint/checkpoint.h"

#include <array>
#include <utility>

#include "checkpoint/safetensors_header.h"
#include "checkpoint/shard_index.h"
#include "checkpoint/torch/torch_file.h"
#include "hub/model_file.h"

namespace plimsoll {
namespace {

/// A way in which folders hold weights, in one file or in shards that an index names.
struct Format {
  std::string_view single;
  std::string_view index;
  std::string_view suffix;
  bool pickled;
};

// The first that is there is read.
constexpr std::array<Format, 2> kFormats = {{
    {"model.safetensors", "model.safetensors.index.json", ".safetensors", false},
    {"pytorch_model.bin", "pytorch_model.bin.index.json", ".bin", true},
}};

constexpr std::size_t kMostNamed = 5;  // shards, in an error
// Every open file has its path in the heap, which no plan counts.
constexpr std::size_t kMostPathBytes = std::size_t{1} << 20U;

Error nothing_there(Folder& folder) {
  if (const std::string name = folder.first_name(".gguf"); !name.empty()) {
    return Error{ErrorCode::unsupported, "GGUF files are not read yet", folder.path() + "/" + name,
                 "use the model's .safetensors or .bin files"};
  }
  for (const Format& format : kFormats) {
    for (const std::string_view name : {format.single, format.index})
      if (Status why = explain_missing(folder, std::string(name)); !why.ok()) return std::move(why).error();
  }
  std::string names;
  for (const Format& format : kFormats)
    names += (names.empty() ? "no " : ", ") + std::string(format.single) + ", " + std::string(format.index);
  return Error{ErrorCode::not_found, names, folder.path(), "give the folder of a model with its weights; a download may be incomplete"};
}

struct Found {
  const Format* format = nullptr;  ///< null: there are no weights
  std::string_view name;           ///< of the file, or of the index
};

Found find_weights(Folder& folder) {
  for (const Format& format : kFormats) {
    for (const std::string_view name : {format.single, format.index})
      if (folder.has(std::string(name))) return {&format, name};
  }
  return {};
}

}  // namespace

std::string_view weights_file(Folder& folder) {
  const Found found = find_weights(folder);
  return found.format != nullptr ? found.name : kFormats.front().single;
}

Result<Checkpoint> Checkpoint::open(Os& os, Ledger& ledger, const std::string& directory) {
  PLIMSOLL_TRY(const auto folder, open_model_folder(os, directory));
  Opening opening;
  return open(os, ledger, *folder, opening);
}

Result<Checkpoint> Checkpoint::open(Os& os, Ledger& ledger, Folder& folder, Opening& opening) {
  const auto [format, name] = find_weights(folder);
  if (format == nullptr) return nothing_there(folder);
  Checkpoint checkpoint;
  PLIMSOLL_TRY(auto file, folder.open(std::string(name)));
  if (name == format->single) {
    checkpoint.files_.push_back(std::move(file));
    PLIMSOLL_CHECK(checkpoint.build_table(os, ledger, format->pickled, opening));
    return checkpoint;
  }
  PLIMSOLL_TRY(const auto shards, read_shard_names(*file, format->suffix, opening));
  PLIMSOLL_CHECK(checkpoint.open_shards(folder, file->path(), shards));
  PLIMSOLL_CHECK(checkpoint.build_table(os, ledger, format->pickled, opening));
  PLIMSOLL_CHECK(check_weight_map(os, ledger, *file, shards, checkpoint.table_, opening.cancel()));
  return checkpoint;
}

// Asks whether a shard is there only when it could not be opened, and of a few: the system follows its links to their end each time.
Status Checkpoint::open_shards(Folder& folder, const std::string& index_path, const std::vector<std::string>& shards) {
  std::string missing;
  std::size_t count = 0;
  std::size_t path_bytes = 0;
  for (const std::string& shard : shards) {
    auto file = folder.open(shard);
    if (file.ok()) {
      path_bytes += (*file)->path().size();
      if (path_bytes > kMostPathBytes)
        return Error{ErrorCode::unsupported,
                     "the paths of " + std::to_string(shards.size()) + " shards are more than " + format_bytes(Bytes{kMostPathBytes}),
                     index_path, "move the model to a folder with a shorter path"};
      files_.push_back(std::move(file).value());
      continue;
    }
    if (folder.has(shard)) return std::move(file).error();
    if (++count > kMostNamed) break;
    missing += (count == 1 ? "" : ", ") + printable(shard, 120);
  }
  if (count == 0) return {};
  if (count > kMostNamed) missing += " and more";
  return Error{ErrorCode::not_found, "shards that the index names are not there: " + missing, index_path, "download the model again"};
}

// Every header is read twice, and counts once.
Status Checkpoint::build_table(Os& os, Ledger& ledger, bool pickled, Opening& opening) {
  Opening current = opening;
  const HeaderReader read = [&](File& file, HeaderSink& sink) {
    return pickled ? torch::read_torch_file(os, ledger, file, sink, current) : read_safetensors_header(file, sink, current);
  };
  const auto shards = static_cast<std::uint32_t>(files_.size());
  HeaderCounter counter;
  for (std::uint32_t i = 0; i < shards; ++i) PLIMSOLL_CHECK(read(*files_[i], counter));
  PLIMSOLL_TRY(table_, TensorTable::create(os, ledger, counter.counts()));
  std::swap(current, opening);
  for (std::uint32_t i = 0; i < shards; ++i) {
    PLIMSOLL_TRY(const auto tensors, table_.add_file(files_, i, read));
    if (!pickled) PLIMSOLL_CHECK(check_safetensors_layout(*files_[i], tensors));
  }
  return table_.finish(files_);
}

Status Checkpoint::read(const TensorInfo& tensor, std::uint64_t offset, std::span<std::byte> out) const {
  if (tensor.file >= files_.size() || offset > tensor.bytes || out.size() > tensor.bytes - offset) {
    return Error{ErrorCode::internal, "a read outside of a tensor", std::string(tensor.name), "please report this"};
  }
  return files_[tensor.file]->read(out, tensor.offset + offset);
}

}  // namespace plimsoll
