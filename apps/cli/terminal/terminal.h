#pragma once

#include <cstddef>

namespace plimsoll::cli {

/// What a stream can show.
struct Terminal {
  bool interactive = false;  ///< a terminal, not a file or pipe
  bool colour = false;       ///< interactive, NO_COLOR unset, TERM not "dumb"
  bool unicode = false;      ///< the locale's encoding is UTF-8
  std::size_t columns = 80;
};

/// `fd`: 1 or 2. Reads NO_COLOR, TERM, COLUMNS, LC_ALL, LC_CTYPE and LANG. `most`: columns that are of use.
Terminal describe_terminal(int fd, std::size_t most = 160);

}  // namespace plimsoll::cli
