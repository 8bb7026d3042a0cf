#pragma once

#include "rows/row_source.h"
#include "session/context.h"

namespace plimsoll::cli {

/// Notes on standard error, for the first row of `rows`, that what is read as texts looks like JSON Lines, or begins like an archive or
/// another encoding.
void hint_at_form(Context& context, const RowSource& rows, const Row& row);

}  // namespace plimsoll::cli
