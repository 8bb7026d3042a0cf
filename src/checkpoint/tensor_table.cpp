#include "checkpoint/tensor_table.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <tuple>

#include "checkpoint/file_fault.h"
#include "checkpoint/strided_file.h"

namespace plimsoll {
namespace {

// More than a million tensors; the largest real checkpoints have fewer than a hundred thousand.
constexpr std::uint64_t kTableLimit = std::uint64_t{128} << 20U;
// Each is an object on the heap; checkpoints that were converted from TensorFlow have a few hundred.
constexpr std::uint32_t kStridedLimit = 4096;

template <typename T>
std::span<T> carve(std::span<std::byte>& rest, std::uint64_t count) {
  const auto n = static_cast<std::size_t>(count);
  auto* first = reinterpret_cast<T*>(rest.data());
  std::uninitialized_value_construct_n(first, n);
  rest = rest.subspan(n * sizeof(T));
  return {first, n};
}

Error changed(const std::string& path) {
  return Error{ErrorCode::corrupt_file, "the file changed while its header was read", path, "wait until it is complete and try again"};
}

}  // namespace

Status HeaderCounter::on_tensor(const HeaderEntry& entry) {
  ++counts_.tensors;
  counts_.sizes += entry.shape.size();
  counts_.text_bytes += entry.name.size();
  return {};
}

Status HeaderCounter::on_metadata(std::string_view key) {
  ++counts_.metadata_keys;
  counts_.text_bytes += key.size();
  return {};
}

Result<TensorTable> TensorTable::create(Os& os, Ledger& ledger, const TableCounts& counts) {
  // No overflow: every count is less than the bytes of the headers.
  const std::uint64_t size = counts.tensors * (sizeof(TensorInfo) + sizeof(std::uint32_t)) + counts.sizes * sizeof(std::int64_t) +
                             counts.metadata_keys * sizeof(std::string_view) + counts.text_bytes;
  if (size > kTableLimit) {
    return Error{ErrorCode::unsupported,
                 "the headers list " + std::to_string(counts.tensors) + " tensors and need a table of " + format_bytes(Bytes{size}),
                 {},
                 "at most " + format_bytes(Bytes{kTableLimit}) + " can be listed"};
  }
  TensorTable table;
  PLIMSOLL_TRY(table.arena_, Arena::create(os, ledger, MemoryTag::tables, Bytes{size}));
  std::span<std::byte> rest = table.arena_.bytes();
  table.tensors_ = carve<TensorInfo>(rest, counts.tensors);
  table.sizes_ = carve<std::int64_t>(rest, counts.sizes);
  table.metadata_ = carve<std::string_view>(rest, counts.metadata_keys);
  table.by_name_ = carve<std::uint32_t>(rest, counts.tensors);
  table.text_ = carve<char>(rest, counts.text_bytes);
  return table;
}

/// Appends one file's entries, refusing more than were counted.
class TensorTable::Filler final : public HeaderSink {
 public:
  Filler(TensorTable& table, CheckpointFiles& files, std::uint32_t shard)
      : table_(table), files_(files), path_(files[shard]->path()), shard_(shard) {}

  Status on_tensor(const HeaderEntry& entry) override {
    if (table_.filled_ == table_.tensors_.size() || entry.shape.size() > table_.sizes_.size() - table_.sizes_used_) return changed(path_);
    PLIMSOLL_TRY(const std::string_view name, keep(entry.name));
    const auto shape = table_.sizes_.subspan(table_.sizes_used_, entry.shape.size());
    std::copy(entry.shape.begin(), entry.shape.end(), shape.begin());
    table_.sizes_used_ += shape.size();
    TensorInfo info{name, shape, entry.offset, entry.bytes, shard_, entry.type, static_cast<std::uint16_t>(shard_)};
    if (!entry.strides.empty()) PLIMSOLL_CHECK(put_in_order(entry, info));
    table_.tensors_[table_.filled_++] = info;
    return {};
  }

  Status on_metadata(std::string_view key) override {
    if (table_.metadata_used_ == table_.metadata_.size()) return changed(path_);
    PLIMSOLL_TRY(table_.metadata_[table_.metadata_used_], keep(key));
    ++table_.metadata_used_;
    return {};
  }

 private:
  Result<std::string_view> keep(std::string_view text) {
    if (text.size() > table_.text_.size() - table_.text_used_) return changed(path_);
    const auto place = table_.text_.subspan(table_.text_used_, text.size());
    std::copy(text.begin(), text.end(), place.begin());
    table_.text_used_ += text.size();
    return std::string_view(place.data(), place.size());
  }

  Status put_in_order(const HeaderEntry& entry, TensorInfo& info) {
    if (table_.strided_++ == kStridedLimit) {
      return Error{ErrorCode::unsupported, "more than " + std::to_string(kStridedLimit) + " tensors that are not row-major", path_,
                   "save them with .contiguous()"};
    }
    info.file = static_cast<std::uint32_t>(files_.size());
    info.offset = 0;
    files_.push_back(std::make_shared<StridedFile>(files_[shard_], entry));
    return {};
  }

  TensorTable& table_;
  CheckpointFiles& files_;
  const std::string path_;
  std::uint32_t shard_;
};

Result<std::span<const TensorInfo>> TensorTable::add_file(CheckpointFiles& files, std::uint32_t shard, const HeaderReader& read) {
  const std::size_t first = filled_;
  const std::size_t first_key = metadata_used_;
  Filler filler(*this, files, shard);
  PLIMSOLL_CHECK(read(*files[shard], filler));

  const auto keys = metadata_.subspan(first_key, metadata_used_ - first_key);
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice != keys.end()) return corrupt("__metadata__ has the key " + quoted(*twice) + " twice", files[shard]->path());

  const auto tensors = tensors_.subspan(first, filled_ - first);
  const auto place = [](const TensorInfo& t) { return std::tuple(t.file, t.offset, t.bytes, t.name); };
  std::sort(tensors.begin(), tensors.end(), [&](const TensorInfo& a, const TensorInfo& b) { return place(a) < place(b); });
  return std::span<const TensorInfo>(tensors);
}

Status TensorTable::finish(const CheckpointFiles& files) {
  if (filled_ != tensors_.size()) return changed(files.size() == 1 ? files.front()->path() : files.front()->path() + " or another shard");
  std::iota(by_name_.begin(), by_name_.end(), 0U);
  std::sort(by_name_.begin(), by_name_.end(), [&](std::uint32_t a, std::uint32_t b) { return tensors_[a].name < tensors_[b].name; });
  const auto same_name = [&](std::uint32_t a, std::uint32_t b) { return tensors_[a].name == tensors_[b].name; };
  const auto twice = std::adjacent_find(by_name_.begin(), by_name_.end(), same_name);
  if (twice == by_name_.end()) return {};
  const TensorInfo& one = tensors_[*twice];
  const TensorInfo& other = tensors_[*std::next(twice)];
  const std::string& path = files[one.shard]->path();
  return corrupt("the tensor " + printable(one.name, 120) + " appears twice",
                 one.shard == other.shard ? path : path + " and " + files[other.shard]->path());
}

const TensorInfo* TensorTable::find(std::string_view name) const {
  const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                   [&](std::uint32_t i, std::string_view wanted) { return tensors_[i].name < wanted; });
  return at != by_name_.end() && tensors_[*at].name == name ? &tensors_[*at] : nullptr;
}

}  // namespace plimsoll
