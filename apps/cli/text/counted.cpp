#include "text/counted.h"

#include <fmt/format.h>

namespace plimsoll::cli {

std::string counted(std::int64_t count, std::string_view noun) { return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s"); }

}  // namespace plimsoll::cli
