#include "rows/replaced_rows.h"

#include <fmt/format.h>

#include "rows/row_source.h"
#include "text/counted.h"

namespace plimsoll::cli {

void ReplacedRows::warn(Console& console) const {
  if (count_ == 0) return;
  console.note(fmt::format("warning: {} had bytes that are not UTF-8, read as U+FFFD: {}{}", counted(count_, "row"),
                           count_ == 1 ? "" : "the first is ", row_name(index_, line_)));
}

}  // namespace plimsoll::cli
