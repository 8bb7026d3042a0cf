#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "checkpoint/torch/pickle_values.h"

namespace plimsoll::torch {

/// A pickle in memory, and what errors call it: `name` at byte `offset` + the instruction's own.
struct PickleText {
  std::span<const std::byte> bytes;
  std::string_view name;
  std::uint64_t offset = 0;
};

/// Runs one whole pickle of protocol 2 on data alone and gives the value that it leaves. The instructions are those of `Opcode`, the
/// globals those of globals.h: nothing is imported, looked up or called. Every operand's kind is checked. Bounds: 2^20 values on the stack,
/// 4096 marks, 2^20 places of the memo, numbered as they are filled (so never more than there are PUTs), and those of `values`; stack and
/// memo are arenas tagged `tables`, given back at the end. No recursion; time is linear in the pickle, but for what OrderedDicts of lists
/// copy, which `values` bounds. Fails with `corrupt_file` (wrong kinds, nothing to pop, bytes after the end), `unsupported` (any other
/// instruction, global, protocol, or a bound), naming the byte, and `out_of_memory`.
Result<Value> run_pickle(Os& os, Ledger& ledger, const PickleText& pickle, PickleValues& values);

/// That `what` is of another protocol than the one that is read.
Error other_protocol(std::string what);

}  // namespace plimsoll::torch
