#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <plimsoll/os.h>

namespace plimsoll::probe {

/// Longer lines are passed over. The longest that is of use here names two paths of 4096 bytes, each byte written as four.
inline constexpr std::size_t kLongestLine = std::size_t{64} << 10U;

/// Hands each line of a text file of any length to `visit`, without its end, and keeps no more than one line. Fails like Os::read_text;
/// lines may have been visited then.
Status for_each_line(Os& os, const std::string& path, const std::function<void(std::string_view)>& visit);

}  // namespace plimsoll::probe
