#pragma once

#include <cstdint>
#include <vector>

#include "model/binding.h"
#include "model/program.h"

namespace plimsoll {

/// A program in which each run of blocks that are alike is one block: what a block takes, which values stages hand on and how high a
/// stage's values are packed is the same as in the whole, however many layers that has. Values and weights have numbers of their own, and
/// no names.
struct Abridged {
  Program program;
  Binding binding;                 ///< of its weights; nothing else
  std::vector<std::int32_t> runs;  ///< by block of the whole: the block that stands for it
};

/// Blocks are alike that follow each other, have the same ops on weights of the same shapes and types, use the same values besides their
/// own, of which each has as many and in the same order, and with neither of which a value begins or ends that other blocks use.
Abridged abridge(const Program& program, const Binding& binding);

}  // namespace plimsoll
