#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace plimsoll::cli {

/// "1 thread", "2 threads".
std::string counted(std::int64_t count, std::string_view noun);

}  // namespace plimsoll::cli
