#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <plimsoll/result.h>

namespace plimsoll::torch {

/// The 34 instructions of pickles that PyTorch's own reader of weights runs (torch/_weights_only_unpickler.py). No others exist here.
enum class Opcode : std::uint8_t {
  mark = '(',
  empty_tuple = ')',
  stop = '.',
  binfloat = 'G',
  binint = 'J',
  binint1 = 'K',
  binint2 = 'M',
  none = 'N',
  binpersid = 'Q',
  reduce = 'R',
  short_binstring = 'U',
  binunicode = 'X',
  empty_list = ']',
  append = 'a',
  build = 'b',
  global = 'c',
  appends = 'e',
  binget = 'h',
  long_binget = 'j',
  binput = 'q',
  long_binput = 'r',
  setitem = 's',
  tuple = 't',
  setitems = 'u',
  empty_dict = '}',
  proto = 0x80,
  newobj = 0x81,
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  newtrue = 0x88,
  newfalse = 0x89,
  long1 = 0x8a,
  empty_set = 0x8f,
};

/// "SETITEMS", "LONG1": the name that Python's pickletools gives it.
std::string_view opcode_name(Opcode opcode);

struct Instruction {
  Opcode opcode = Opcode::stop;
  std::uint32_t number = 0;  ///< the protocol, the place in the memo, or the bits of an integer
  std::string_view text;     ///< a string; the bytes of a number; the module of a global
  std::string_view name;     ///< of a global
};

/// Takes a pickle apart, instruction by instruction; knows nothing of what they do. Never reads beyond `bytes`, allocates nothing.
class PickleReader {
 public:
  /// `bytes` must outlive the reader and what it gives.
  explicit PickleReader(std::span<const std::byte> bytes, std::size_t first = 0) : bytes_(bytes), at_(first) {}

  /// Fails with `corrupt_file` where the bytes end first or a global's name is longer than 255 bytes, and with `unsupported` at any
  /// other instruction. The error's `where` is empty; after one the position is that of the instruction that failed.
  Result<Instruction> next();

  /// Where the next instruction begins.
  std::size_t position() const { return at_; }
  /// After a `next` that the bytes were too few for: how many there would have to be at least. Zero otherwise.
  std::uint64_t wanted() const { return wanted_; }

 private:
  Result<std::string_view> take(std::size_t& at, std::uint64_t size);
  Result<std::string_view> take_line(std::size_t& at);
  Status read_argument(Instruction& instruction, std::size_t& at);

  std::span<const std::byte> bytes_;
  std::size_t at_;
  std::uint64_t wanted_ = 0;
};

}  // namespace plimsoll::torch
