#include "checkpoint/torch/legacy.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "checkpoint/file_fault.h"
#include "checkpoint/torch/limits.h"
#include "checkpoint/torch/little_endian.h"
#include "checkpoint/torch/pickle_machine.h"
#include "checkpoint/torch/pickle_reader.h"
#include "checkpoint/torch/state_dict.h"

namespace plimsoll::torch {
namespace {

// PROTO 2, LONG1 of ten bytes 0x1950a86a20f9469cfc6c, STOP.
constexpr std::array<unsigned char, 15> kMagic = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
constexpr std::uint64_t kProtocol = 1001;
constexpr std::size_t kFirstRead = 4096;

struct LoadedPickle {
  ArenaList<std::byte> bytes;
  PickleValues values;
  Value root;
  std::uint64_t end = 0;  ///< in the file
};

// Where a pickle ends is known only once its instructions were gone through: more is read as they ask for it.
Result<ArenaList<std::byte>> read_pickle(Os& os, Ledger& ledger, File& file, std::uint64_t offset) {
  ArenaList<std::byte> bytes(os, ledger, MemoryTag::tables, kPickleLimit, "bytes in a pickle");
  const std::uint64_t left = file.size() - offset;
  std::size_t at = 0;
  while (true) {
    PickleReader reader(bytes.all(), at);
    Result<Instruction> instruction = reader.next();
    at = reader.position();
    if (instruction.ok()) {
      if (instruction->opcode != Opcode::stop) continue;
      bytes.shrink(at);
      return bytes;
    }
    if (reader.wanted() == 0 || reader.wanted() > left) {
      instruction.error().where = at_byte(file, offset + at);
      return std::move(instruction).error();
    }
    const std::size_t before = bytes.size();
    const std::uint64_t more = std::max<std::uint64_t>({reader.wanted(), kFirstRead, std::min<std::uint64_t>(2 * before, kPickleLimit)});
    PLIMSOLL_CHECK(bytes.resize(static_cast<std::size_t>(std::min(more, left))));
    PLIMSOLL_CHECK(file.read(bytes.all().subspan(before), offset + before));
  }
}

Result<LoadedPickle> load_pickle(Os& os, Ledger& ledger, File& file, std::uint64_t offset, Opening& opening) {
  PLIMSOLL_TRY(ArenaList<std::byte> bytes, read_pickle(os, ledger, file, offset));
  PLIMSOLL_CHECK(opening.take(Opening::kPickleCost * bytes.size(), file));
  const std::uint64_t end = offset + bytes.size();
  PickleValues values(os, ledger, bytes.all());
  PLIMSOLL_TRY(const Value root, run_pickle(os, ledger, {bytes.all(), file.path(), offset}, values));
  return LoadedPickle{std::move(bytes), std::move(values), root, end};
}

bool is_protocol(const Value& value) { return value.kind == Kind::integer && value.number == kProtocol; }

// Gives where the object's pickle begins.
Result<std::uint64_t> check_machine(Os& os, Ledger& ledger, File& file, Opening& opening) {
  PLIMSOLL_TRY(const LoadedPickle protocol, load_pickle(os, ledger, file, kMagic.size(), opening));
  if (!is_protocol(protocol.root))
    return Error{ErrorCode::unsupported, "a file of another protocol than " + std::to_string(kProtocol), at_byte(file, kMagic.size())};
  PLIMSOLL_TRY(const LoadedPickle facts, load_pickle(os, ledger, file, protocol.end, opening));
  const std::string where = at_byte(file, protocol.end);
  if (facts.root.kind != Kind::dict) return corrupt("the facts about the machine are " + std::string(kind_name(facts.root.kind)), where);
  bool little_endian_machine = false;
  for (Link at = facts.values.first(facts.root); at != kNoLink; at = facts.values.node(at).next) {
    const Node& node = facts.values.node(at);
    const std::string_view key = node.key.kind == Kind::text ? facts.values.text(node.key) : std::string_view();
    if (key == "little_endian") little_endian_machine = node.value.kind == Kind::boolean && node.value.number == 1;
    if (key == "protocol_version" && !is_protocol(node.value)) return corrupt("the file has two protocols", where);
  }
  if (little_endian_machine) return facts.end;
  return Error{ErrorCode::unsupported, "the file was not written by a little-endian machine", where, "save it on one"};
}

/// Goes through the storages behind the pickles, in the order of the list of keys.
class StorageWalk {
 public:
  StorageWalk(File& file, PickleValues& values, std::span<const std::uint32_t> sorted, std::uint64_t first)
      : file_(file), values_(values), sorted_(sorted), at_(first) {}

  Status visit(std::string_view key) {
    auto record =
        std::lower_bound(sorted_.begin(), sorted_.end(), key, [&](std::uint32_t i, std::string_view wanted) { return key_of(i) < wanted; });
    const auto what = [&] { return "the storage " + quoted(key); };
    if (record == sorted_.end() || key_of(*record) != key) return corrupt(what() + " belongs to no tensor", file_.path());
    if (values_.storage(*record).place != 0) return corrupt(what() + " is listed twice", file_.path());
    const StorageRecord& storage = values_.storage(*record);
    std::array<std::byte, 8> count{};
    if (file_.size() - at_ < count.size()) return corrupt(what() + " is cut off", at_byte(file_, at_));
    PLIMSOLL_CHECK(file_.read(count, at_));
    const std::uint64_t elements = little_endian(count, 0, count.size());
    if (elements != storage.bytes / (file_type_bits(storage.type) / 8)) {
      return corrupt(what() + " has " + std::to_string(static_cast<std::int64_t>(elements)) + " elements, but the pickle says " +
                         std::to_string(storage.bytes) + " bytes",
                     at_byte(file_, at_));
    }
    at_ += count.size();
    if (storage.bytes > file_.size() - at_) return corrupt(what() + " is cut off", at_byte(file_, at_));
    const std::uint64_t bytes = storage.bytes;
    for (; record != sorted_.end() && key_of(*record) == key; ++record) values_.storage(*record).place = at_;
    at_ += bytes;
    return {};
  }

  Status finish() const {
    const auto missing = std::find_if(sorted_.begin(), sorted_.end(), [&](std::uint32_t i) { return values_.storage(i).place == 0; });
    if (missing != sorted_.end()) return corrupt("the storage " + quoted(key_of(*missing)) + " is not in the file's list", file_.path());
    if (at_ != file_.size()) return corrupt("the last storage is followed by something else", at_byte(file_, at_));
    return {};
  }

 private:
  std::string_view key_of(std::uint32_t number) const { return values_.text(values_.storage(number).key); }

  File& file_;
  PickleValues& values_;
  std::span<const std::uint32_t> sorted_;
  std::uint64_t at_;
};

Status find_storages(Os& os, Ledger& ledger, File& file, LoadedPickle& object, Opening& opening) {
  PLIMSOLL_TRY(const LoadedPickle keys, load_pickle(os, ledger, file, object.end, opening));
  if (keys.root.kind != Kind::list)
    return corrupt("the list of storages is " + std::string(kind_name(keys.root.kind)), at_byte(file, object.end));
  PLIMSOLL_TRY(const auto sorted, sort_storages(os, ledger, file, object.values));
  StorageWalk walk(file, object.values, sorted.all(), keys.end);
  for (Link at = keys.values.first(keys.root); at != kNoLink; at = keys.values.node(at).next) {
    const Value& key = keys.values.node(at).value;
    if (key.kind != Kind::text) return corrupt("the list of storages holds " + std::string(kind_name(key.kind)), at_byte(file, object.end));
    PLIMSOLL_CHECK(walk.visit(keys.values.text(key)));
  }
  return walk.finish();
}

}  // namespace

bool looks_like_legacy(std::span<const std::byte> first_bytes) {
  const auto magic = std::as_bytes(std::span(kMagic));
  return first_bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), first_bytes.begin());
}

Status refuse_other_protocols(std::span<const std::byte> first_bytes) {
  // The magic number behind the opcode of the protocol, in a frame from protocol 4 on; protocols 0 and 1 write it in digits.
  const auto digits = std::as_bytes(std::span(kMagic)).subspan(2, 8);
  const auto has = [&](std::size_t at, std::span<const std::byte> wanted) {
    return first_bytes.size() >= at + wanted.size() && std::equal(wanted.begin(), wanted.end(), first_bytes.subspan(at).begin());
  };
  static constexpr std::size_t kFrame = 11;  // opcodes of protocol and frame, and its length
  static constexpr std::string_view kInDigits = "L1195470371";
  const bool ours = first_bytes.size() > 1 && first_bytes[0] == std::byte{0x80} && first_bytes[1] > std::byte{2};
  const bool other = has(0, std::as_bytes(std::span(kInDigits))) || (ours && (has(2, digits) || has(kFrame, digits.first(4))));
  if (!other) return {};
  return other_protocol("a file of torch.save of pickle protocol " +
                        (ours ? std::to_string(std::to_integer<int>(first_bytes[1])) : std::string("0 or 1")));
}

Status read_legacy(Os& os, Ledger& ledger, File& file, HeaderSink& sink, Opening& opening) {
  PLIMSOLL_TRY(const std::uint64_t first, check_machine(os, ledger, file, opening));
  PLIMSOLL_TRY(LoadedPickle object, load_pickle(os, ledger, file, first, opening));
  PLIMSOLL_CHECK(find_storages(os, ledger, file, object, opening));
  return give_tensors(object.values, object.root, file, sink);
}

}  // namespace plimsoll::torch
