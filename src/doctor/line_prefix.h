#pragma once

#include <cstddef>
#include <string_view>

namespace plimsoll::doctor {

/// What loggers and launchers put before a line, such as "[rank6]: ", "(EngineCore pid=71) ERROR 10-25 13:08:43 [core.py:708] ",
/// "worker-1  | ", "[1,3]<stderr>:", "Nov  2 08:15:43 gpu01 trainer[4411]: " or a time.
/// A number is none behind a line `above` that was broken before it: "... on device" and "0: cudaMalloc failed". Where the line above had
/// such a number itself, lines are numbered, and `above` is to be left out.
struct LinePrefix {
  std::size_t size = 0;     ///< of all of it
  std::string_view writer;  ///< whose line it is, as far as it says so: "rank6", "EngineCore pid=71"; or empty
};
LinePrefix find_prefix(std::string_view line, std::string_view above = {});

}  // namespace plimsoll::doctor
