#pragma once

#include "context.h"
#include "row_source.h"

namespace plimsoll::cli {

/// Notes on standard error, for the first row, that an input which is read as plain text looks like JSON Lines.
void hint_at_jsonl(Context& context, const Row& row);

}  // namespace plimsoll::cli
