#include "checkpoint/torch/pickle_machine.h"

#include <string>

#include "checkpoint/file_fault.h"
#include "checkpoint/torch/little_endian.h"
#include "checkpoint/torch/pickle_reader.h"
#include "checkpoint/torch/rebuild.h"

namespace plimsoll::torch {
namespace {

constexpr std::uint64_t kStackLimit = std::uint64_t{1} << 20U;
constexpr std::uint64_t kMarkLimit = 4096;
constexpr std::uint64_t kMemoLimit = std::uint64_t{1} << 20U;
constexpr std::uint32_t kProtocol = 2;

class PickleMachine {
 public:
  PickleMachine(Os& os, Ledger& ledger, std::span<const std::byte> bytes, PickleValues& values)
      : values_(values),
        bytes_(bytes),
        reader_(bytes),
        stack_(os, ledger, MemoryTag::tables, kStackLimit, "values on the stack of a pickle"),
        marks_(os, ledger, MemoryTag::tables, kMarkLimit, "marks on the stack of a pickle"),
        memo_(os, ledger, MemoryTag::tables, kMemoLimit, "places in the memo of a pickle") {}

  Result<Value> run() {
    while (true) {
      at_ = reader_.position();
      PLIMSOLL_TRY(const Instruction instruction, reader_.next());
      opcode_ = instruction.opcode;
      if ((at_ == 0) != (opcode_ == Opcode::proto)) return corrupt("a pickle begins with its protocol, and only there");
      if (opcode_ == Opcode::stop) return finish();
      PLIMSOLL_CHECK(execute(instruction));
    }
  }

  /// Of the instruction that failed.
  std::uint64_t position() const { return at_; }

 private:
  Status execute(const Instruction& instruction) {
    switch (opcode_) {
      case Opcode::proto: return check_protocol(instruction.number);
      case Opcode::none: return push({Kind::none});
      case Opcode::newtrue: return push({Kind::boolean, 0, 1});
      case Opcode::newfalse: return push({Kind::boolean, 0, 0});
      case Opcode::binint: return push_integer(static_cast<std::int32_t>(instruction.number));
      case Opcode::binint1:
      case Opcode::binint2: return push_integer(instruction.number);
      case Opcode::long1: return push_long(instruction.text);
      case Opcode::binfloat:
      case Opcode::empty_set: return push({Kind::other});
      case Opcode::short_binstring:
      case Opcode::binunicode: return push(values_.make_text(instruction.text));
      case Opcode::global: return push_global(instruction);
      case Opcode::mark: return marks_.push_back(static_cast<std::uint32_t>(stack_.size()));
      case Opcode::empty_tuple: return make_tuple(stack_.size());
      case Opcode::tuple1: return make_tuple_of(1);
      case Opcode::tuple2: return make_tuple_of(2);
      case Opcode::tuple3: return make_tuple_of(3);
      case Opcode::tuple: return with_mark([this](std::size_t first) { return make_tuple(first); });
      case Opcode::empty_list: return push(values_.make_list());
      case Opcode::empty_dict: return push(values_.make_dict(false));
      case Opcode::append: return with_last(1, [this](std::size_t first) { return append(first); });
      case Opcode::appends: return with_mark([this](std::size_t first) { return append(first); });
      case Opcode::setitem: return with_last(2, [this](std::size_t first) { return set_items(first); });
      case Opcode::setitems: return with_mark([this](std::size_t first) { return set_items(first); });
      case Opcode::binget:
      case Opcode::long_binget: return get(instruction.number);
      case Opcode::binput:
      case Opcode::long_binput: return put(instruction.number);
      case Opcode::reduce: return apply(call_global);
      case Opcode::newobj: return apply(make_object);
      case Opcode::build: return build();
      case Opcode::binpersid: return persistent();
      case Opcode::stop: break;
    }
    return Error{ErrorCode::internal, "an instruction of pickles without a meaning", {}, "please report this"};
  }

  // What was pushed since the last mark; what lies below it is not there for anybody.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_[marks_.size() - 1]; }
  std::string name() const { return std::string(opcode_name(opcode_)); }
  Error too_few() const { return corrupt(name() + " finds too few values on the stack"); }
  Error wrong(const char* what, const Value& value) const {
    return corrupt(name() + " wants " + what + " and finds " + std::string(kind_name(value.kind)));
  }

  Status push(const Value& value) { return stack_.push_back(value); }
  Status push(Result<Value> value) {
    PLIMSOLL_CHECK(value);
    return push(*value);
  }
  Status push_integer(std::int64_t value) { return push({Kind::integer, 0, static_cast<std::uint64_t>(value)}); }

  Result<Value> pop() {
    if (stack_.size() == floor()) return too_few();
    const Value value = stack_.back();
    stack_.pop_back();
    return value;
  }

  Status check_protocol(std::uint32_t protocol) const {
    if (protocol == kProtocol) return {};
    return other_protocol("a pickle of protocol " + std::to_string(protocol));
  }

  Status push_long(std::string_view digits) {
    constexpr std::size_t kMost = sizeof(std::int64_t);
    if (digits.size() > kMost) return push({Kind::other});
    std::uint64_t number = little_endian(std::as_bytes(std::span(digits)), 0, digits.size());
    const bool negative = !digits.empty() && (static_cast<unsigned char>(digits.back()) & 0x80U) != 0;
    if (negative && digits.size() < kMost) number |= ~std::uint64_t{0} << 8 * digits.size();
    return push({Kind::integer, 0, number});
  }

  Status push_global(const Instruction& instruction) {
    PLIMSOLL_TRY(const std::uint32_t number, find_global(instruction.text, instruction.name));
    return push({Kind::global, number});
  }

  Status make_tuple(std::size_t first) {
    PLIMSOLL_TRY(const Value tuple, values_.make_tuple(stack_.all().subspan(first)));
    stack_.shrink(first);
    return push(tuple);
  }

  Status make_tuple_of(std::size_t count) {
    if (stack_.size() - floor() < count) return too_few();
    return make_tuple(stack_.size() - count);
  }

  // Does `work` with what lies above the last mark, which goes.
  template <typename Work>
  Status with_mark(Work work) {
    if (marks_.empty()) return corrupt(name() + " finds no mark on the stack");
    const std::size_t first = marks_.back();
    marks_.pop_back();
    return work(first);
  }

  template <typename Work>
  Status with_last(std::size_t count, Work work) {
    if (stack_.size() - floor() < count) return too_few();
    return work(stack_.size() - count);
  }

  // The container that the values from `first` on are put into lies below them.
  Result<Value> target(std::size_t first, Kind kind, const char* what) {
    if (first == floor()) return too_few();
    const Value container = stack_[first - 1];
    if (container.kind != kind) return wrong(what, container);
    return container;
  }

  Status append(std::size_t first) {
    PLIMSOLL_TRY(const Value list, target(first, Kind::list, "a list"));
    for (const Value& value : stack_.all().subspan(first)) PLIMSOLL_CHECK(values_.add(list, Value{}, value));
    stack_.shrink(first);
    return {};
  }

  Status set_items(std::size_t first) {
    PLIMSOLL_TRY(const Value dict, target(first, Kind::dict, "a dict"));
    const auto pairs = stack_.all().subspan(first);
    if (pairs.size() % 2 != 0) return corrupt(name() + " has a key without a value");
    for (std::size_t i = 0; i < pairs.size(); i += 2) {
      if (!can_be_key(pairs[i])) return wrong("a key", pairs[i]);
      PLIMSOLL_CHECK(values_.add(dict, pairs[i], pairs[i + 1]));
    }
    stack_.shrink(first);
    return {};
  }

  Status get(std::uint32_t place) {
    if (place >= memo_.size() || memo_[place].kind == Kind::unset) return corrupt(name() + " of a place that nothing was put into");
    return push(memo_[place]);
  }

  // Writers number places from 0, or (Python 2) from 1.
  Status put(std::uint32_t place) {
    if (stack_.size() == floor()) return too_few();
    if (place > memo_.size() + 1) return corrupt(name() + " numbers places of the memo out of order");
    if (place >= memo_.size()) PLIMSOLL_CHECK(memo_.resize(place + std::size_t{1}));
    memo_[place] = stack_.back();
    return {};
  }

  Status apply(Result<Value> (*function)(PickleValues&, const Value&, const Value&)) {
    PLIMSOLL_TRY(const Value arguments, pop());
    PLIMSOLL_TRY(const Value callee, pop());
    return push(function(values_, callee, arguments));
  }

  // Attributes of an OrderedDict (a state_dict has _metadata) say nothing about tensors.
  Status build() {
    PLIMSOLL_TRY(const Value state, pop());
    if (stack_.size() == floor()) return too_few();
    const Value& target = stack_.back();
    if (target.kind != Kind::dict || !values_.has_attributes(target)) return wrong("an OrderedDict", target);
    if (state.kind != Kind::dict) return wrong("a dict of attributes", state);
    return {};
  }

  Status persistent() {
    PLIMSOLL_TRY(const Value id, pop());
    return push(load_persistent(values_, id));
  }

  Result<Value> finish() {
    PLIMSOLL_TRY(const Value value, pop());
    if (!stack_.empty() || !marks_.empty()) return corrupt("the pickle ends with more than one value");
    if (reader_.position() != bytes_.size()) return corrupt("the pickle is followed by something else");
    return value;
  }

  PickleValues& values_;
  std::span<const std::byte> bytes_;
  PickleReader reader_;
  ArenaList<Value> stack_;
  ArenaList<std::uint32_t> marks_;
  ArenaList<Value> memo_;
  std::uint64_t at_ = 0;
  Opcode opcode_ = Opcode::stop;
};

}  // namespace

Result<Value> run_pickle(Os& os, Ledger& ledger, const PickleText& pickle, PickleValues& values) {
  PickleMachine machine(os, ledger, pickle.bytes, values);
  Result<Value> value = machine.run();
  if (!value.ok() && value.error().where.empty() && value.error().code != ErrorCode::out_of_memory) {
    value.error().where = std::string(pickle.name) + " at byte " + std::to_string(pickle.offset + machine.position());
  }
  return value;
}

Error other_protocol(std::string what) {
  return {ErrorCode::unsupported,
          std::move(what),
          {},
          "torch.save writes protocol " + std::to_string(kProtocol) + " unless told otherwise: save the file again with it"};
}

}  // namespace plimsoll::torch
