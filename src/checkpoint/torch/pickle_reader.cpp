#include "checkpoint/torch/pickle_reader.h"

#include <algorithm>
#include <array>
#include <string>

#include "checkpoint/file_fault.h"
#include "checkpoint/torch/little_endian.h"

namespace plimsoll::torch {
namespace {

constexpr std::size_t kLineLimit = 255;

/// How an instruction's argument is written.
enum class Argument : std::uint8_t { none, number, text, two_lines };

struct Row {
  Opcode opcode;
  std::string_view name;
  Argument argument = Argument::none;
  std::size_t size = 0;  ///< bytes of the number, or of the text's length
};

constexpr std::array<Row, 34> kRows = {{
    {Opcode::mark, "MARK"},
    {Opcode::empty_tuple, "EMPTY_TUPLE"},
    {Opcode::stop, "STOP"},
    {Opcode::binfloat, "BINFLOAT", Argument::text, 0},
    {Opcode::binint, "BININT", Argument::number, 4},
    {Opcode::binint1, "BININT1", Argument::number, 1},
    {Opcode::binint2, "BININT2", Argument::number, 2},
    {Opcode::none, "NONE"},
    {Opcode::binpersid, "BINPERSID"},
    {Opcode::reduce, "REDUCE"},
    {Opcode::short_binstring, "SHORT_BINSTRING", Argument::text, 1},
    {Opcode::binunicode, "BINUNICODE", Argument::text, 4},
    {Opcode::empty_list, "EMPTY_LIST"},
    {Opcode::append, "APPEND"},
    {Opcode::build, "BUILD"},
    {Opcode::global, "GLOBAL", Argument::two_lines},
    {Opcode::appends, "APPENDS"},
    {Opcode::binget, "BINGET", Argument::number, 1},
    {Opcode::long_binget, "LONG_BINGET", Argument::number, 4},
    {Opcode::binput, "BINPUT", Argument::number, 1},
    {Opcode::long_binput, "LONG_BINPUT", Argument::number, 4},
    {Opcode::setitem, "SETITEM"},
    {Opcode::tuple, "TUPLE"},
    {Opcode::setitems, "SETITEMS"},
    {Opcode::empty_dict, "EMPTY_DICT"},
    {Opcode::proto, "PROTO", Argument::number, 1},
    {Opcode::newobj, "NEWOBJ"},
    {Opcode::tuple1, "TUPLE1"},
    {Opcode::tuple2, "TUPLE2"},
    {Opcode::tuple3, "TUPLE3"},
    {Opcode::newtrue, "NEWTRUE"},
    {Opcode::newfalse, "NEWFALSE"},
    {Opcode::long1, "LONG1", Argument::text, 1},
    {Opcode::empty_set, "EMPTY_SET"},
}};
constexpr std::size_t kFloatBytes = 8;

// For each byte the number of its row plus one: a pickle may be millions of instructions.
constexpr std::array<std::uint8_t, 256> number_rows() {
  std::array<std::uint8_t, 256> numbers{};
  for (std::size_t i = 0; i < kRows.size(); ++i) numbers[static_cast<std::size_t>(kRows[i].opcode)] = static_cast<std::uint8_t>(i + 1);
  return numbers;
}
constexpr std::array<std::uint8_t, 256> kRowNumbers = number_rows();

const Row* find_row(Opcode opcode) {
  const std::uint8_t number = kRowNumbers[static_cast<std::size_t>(opcode)];
  return number != 0 ? &kRows[number - 1] : nullptr;
}

Error ends_early() { return corrupt("the pickle ends early"); }

}  // namespace

std::string_view opcode_name(Opcode opcode) {
  const Row* row = find_row(opcode);
  return row != nullptr ? row->name : "unknown";
}

Result<std::string_view> PickleReader::take(std::size_t& at, std::uint64_t size) {
  if (size > bytes_.size() - at) {
    wanted_ = at + size;
    return ends_early();
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at, static_cast<std::size_t>(size));
  at += text.size();
  return text;
}

Result<std::string_view> PickleReader::take_line(std::size_t& at) {
  const auto rest = bytes_.subspan(at, std::min(bytes_.size() - at, kLineLimit + 1));
  const auto end = std::find(rest.begin(), rest.end(), std::byte{'\n'});
  if (end == rest.end() && rest.size() > kLineLimit) {
    return Error{ErrorCode::corrupt_file, "the name of a global has more than " + std::to_string(kLineLimit) + " bytes"};
  }
  const auto length = static_cast<std::size_t>(end - rest.begin());
  PLIMSOLL_TRY(const std::string_view line, take(at, length + 1));
  return line.substr(0, length);
}

Status PickleReader::read_argument(Instruction& instruction, std::size_t& at) {
  const Row& row = *find_row(instruction.opcode);
  std::uint64_t number = 0;
  if (row.size != 0) {
    PLIMSOLL_TRY(const std::string_view digits, take(at, row.size));
    number = little_endian(std::as_bytes(std::span(digits)), 0, row.size);
  }
  switch (row.argument) {
    case Argument::none: break;
    case Argument::number: instruction.number = static_cast<std::uint32_t>(number); break;
    case Argument::text: {
      PLIMSOLL_TRY(instruction.text, take(at, row.size != 0 ? number : kFloatBytes));
      break;
    }
    case Argument::two_lines: {
      PLIMSOLL_TRY(instruction.text, take_line(at));
      PLIMSOLL_TRY(instruction.name, take_line(at));
      break;
    }
  }
  return {};
}

Result<Instruction> PickleReader::next() {
  wanted_ = 0;
  std::size_t at = at_;
  PLIMSOLL_TRY(const std::string_view code, take(at, 1));
  Instruction instruction;
  instruction.opcode = static_cast<Opcode>(code.front());
  if (find_row(instruction.opcode) == nullptr) {
    return Error{ErrorCode::unsupported,
                 "the pickle has the instruction " + std::to_string(static_cast<unsigned char>(code.front())) +
                     ", which lists of weights do not need",
                 {},
                 "save only the weights, with torch.save's own protocol: torch.save(model.state_dict(), path)"};
  }
  PLIMSOLL_CHECK(read_argument(instruction, at));
  at_ = at;
  return instruction;
}

}  // namespace plimsoll::torch
