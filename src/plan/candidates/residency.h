#pragma once

#include <cstdint>
#include <vector>

#include "model/binding.h"
#include "model/program.h"

namespace plimsoll {

/// True of a matrix that the files hold: it can pass through slots in each pass. Vectors, gathered tables and weights that are
/// initialised (there is no file to read them from) stay.
bool can_stream(const Weight& weight, const std::vector<BoundPart>& parts);

/// The table whose rows can be fetched from its file in each pass: the word embeddings, or kNone.
WeightId gatherable_table(const Program& program, const Binding& binding);

/// Blocks with matrices that can stream, the one that stays longest first. A plan keeps a prefix of this list, so that giving up
/// one more block frees the end of the arena and moves nothing; and whatever the prefix, the blocks left out are spread evenly
/// over the network (the order is van der Corput's, by reversed bits of the block's number), so that their reads are hidden
/// behind the work of those that stay.
std::vector<std::int64_t> residency_order(const Program& program, const Binding& binding);

/// By block: whether it is in that list.
std::vector<bool> streamable_blocks(const Program& program, const Binding& binding);

/// Brings numbers of blocks into that order.
void sort_by_residency(std::vector<std::int64_t>& blocks);

}  // namespace plimsoll
