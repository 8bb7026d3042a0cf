#pragma once

namespace plimsoll::cli {

/// Whether `fd` has something to read, found out without taking any of it: a regular file with bytes ahead, or a pipe or socket in
/// which bytes arrive within `patience_ms`. False for terminals and devices, for a pipe that stays silent, and for one that
/// closes empty.
bool input_is_waiting(int fd, int patience_ms);

}  // namespace plimsoll::cli
