#include "checkpoint/shard_index.h"

#include <algorithm>

#include "checkpoint/file_fault.h"
#include "json/json_reader.h"

namespace plimsoll {
namespace {

constexpr std::size_t kNameLimit = 255;
constexpr std::size_t kNamesListed = 5;

Error bad_index(std::string what) { return Error{ErrorCode::corrupt_file, std::move(what), {}, "download or save the index again"}; }

Status check_shard_name(std::string_view name, std::string_view suffix) {
  const auto bad = [](char c) { return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (name.empty() || name.size() > kNameLimit || name.find("..") != std::string_view::npos || std::any_of(name.begin(), name.end(), bad)) {
    return bad_index("the index names the shard " + quoted(name) + ", which is no plain file name");
  }
  if (!name.ends_with(suffix))
    return bad_index("the index names the shard " + quoted(name) + ", which is no " + std::string(suffix) + " file");
  return {};
}

/// Walks an index file and hands on each pair of `weight_map`; skips everything else.
class IndexParser : public JsonHandler {
 public:
  Status on_null() override { return misplaced(); }
  Status on_bool(bool /*value*/) override { return misplaced(); }
  Status on_integer(std::int64_t /*value*/) override { return misplaced(); }
  Status on_unsigned(std::uint64_t /*value*/) override { return misplaced(); }
  Status on_number(double /*value*/) override { return misplaced(); }
  Status begin_array() override {
    PLIMSOLL_CHECK(misplaced());
    return enter();
  }
  Status end_array() override { return leave(); }
  Status end_object() override { return leave(); }

  Status begin_object() override {
    const bool is_map = depth_ == 1 && in_map_;
    if (depth_ > 0 && !is_map) PLIMSOLL_CHECK(misplaced());
    return enter();
  }

  Status on_key(std::string_view name) override {
    if (depth_ == 1) {
      in_map_ = name == "weight_map";
      if (in_map_ && map_seen_) return bad_index("weight_map appears twice in the index");
      map_seen_ = map_seen_ || in_map_;
    } else if (in_map_) {
      tensor_ = name;
    }
    return {};
  }

  Status on_string(std::string_view value) override {
    if (!in_map_ || depth_ != 2) return misplaced();
    return on_pair(tensor_, value);
  }

 private:
  virtual Status on_pair(std::string_view tensor, std::string_view shard) = 0;

  Status misplaced() const {
    if (depth_ == 0) return bad_index("an index is a JSON object with a weight_map");
    if (in_map_) return bad_index("weight_map holds something other than pairs of tensor and shard");
    return {};
  }
  Status enter() { return ++depth_, Status{}; }
  Status leave() { return --depth_, Status{}; }

  std::size_t depth_ = 0;
  bool in_map_ = false;
  bool map_seen_ = false;
  std::string tensor_;
};

class ShardNames final : public IndexParser {
 public:
  explicit ShardNames(std::string_view suffix) : suffix_(suffix) {}
  std::vector<std::string> take() { return std::move(names_); }

 private:
  Status on_pair(std::string_view /*tensor*/, std::string_view shard) override {
    PLIMSOLL_CHECK(check_shard_name(shard, suffix_));
    const auto at = std::lower_bound(names_.begin(), names_.end(), shard);
    if (at != names_.end() && *at == shard) return {};
    if (names_.size() == kMaxShards) return bad_index("the index names more than " + std::to_string(kMaxShards) + " shards");
    names_.emplace(at, shard);
    return {};
  }

  std::string_view suffix_;
  std::vector<std::string> names_;
};

/// The first few of a list of names, and how many more there are.
class NameList {
 public:
  void add(std::string_view name) {
    if (++count_ <= kNamesListed) text_ += (count_ == 1 ? "" : ", ") + printable(name, 80);
  }
  bool empty() const { return count_ == 0; }
  std::string text() const { return count_ <= kNamesListed ? text_ : text_ + " and " + std::to_string(count_ - kNamesListed) + " more"; }

 private:
  std::size_t count_ = 0;
  std::string text_;
};

class WeightMapCheck final : public IndexParser {
 public:
  WeightMapCheck(const std::vector<std::string>& shards, const TensorTable& table, std::span<std::byte> marks)
      : shards_(shards), table_(table), marks_(marks) {}

  std::string disagreement() const {
    const auto tensors = table_.tensors();
    NameList unlisted;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (marks_[i] == std::byte{0}) unlisted.add(tensors[i].name);
    }
    std::string text;
    if (!missing_.empty()) text += "; not in the shard that it names: " + missing_.text();
    if (!unlisted.empty()) text += "; in a shard but not in the index: " + unlisted.text();
    return text;
  }

 private:
  Status on_pair(std::string_view name, std::string_view shard) override {
    const TensorInfo* tensor = table_.find(name);
    if (tensor == nullptr || shards_[tensor->shard] != shard) {
      missing_.add(name);
      return {};
    }
    std::byte& mark = marks_[static_cast<std::size_t>(tensor - table_.tensors().data())];
    if (mark != std::byte{0}) return bad_index("the tensor " + quoted(name) + " appears twice in the index");
    mark = std::byte{1};
    return {};
  }

  const std::vector<std::string>& shards_;
  const TensorTable& table_;
  std::span<std::byte> marks_;
  NameList missing_;
};

}  // namespace

Result<std::vector<std::string>> read_shard_names(File& index, std::string_view suffix, Opening& opening) {
  PLIMSOLL_CHECK(opening.take(index.size(), index));
  ShardNames names(suffix);
  PLIMSOLL_CHECK(read_json(index, 0, index.size(), {.cancel = opening.cancel()}, names));
  std::vector<std::string> shards = names.take();
  if (shards.empty())
    return Error{ErrorCode::corrupt_file, "the index has no weight_map, or an empty one", index.path(), "download or save the index again"};
  return shards;
}

Status check_weight_map(Os& os, Ledger& ledger, File& index, const std::vector<std::string>& shards, const TensorTable& table,
                        const CancelToken* cancel) {
  PLIMSOLL_TRY(const Arena marks, Arena::create(os, ledger, MemoryTag::tables, Bytes{table.tensors().size()}));
  WeightMapCheck check(shards, table, marks.bytes());
  PLIMSOLL_CHECK(read_json(index, 0, index.size(), {.cancel = cancel}, check));
  const std::string text = check.disagreement();
  if (text.empty()) return {};
  return Error{ErrorCode::corrupt_file, "the index and its shards disagree" + text, index.path(),
               "download the index and all shards again"};
}

}  // namespace plimsoll
