#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <plimsoll/result.h>

namespace plimsoll {

/// `corrupt_file` when a file that should hold weights begins as the text does that Git LFS leaves in their place.
inline Status refuse_lfs_pointer(std::span<const std::byte> first_bytes, const std::string& path) {
  // Eight characters are enough: as a length they would be 2.3 * 10^18, and they are no magic number of anybody.
  constexpr std::string_view kBegin = "version ";
  const auto begin = std::as_bytes(std::span(kBegin));
  if (first_bytes.size() < begin.size() || !std::equal(begin.begin(), begin.end(), first_bytes.begin())) return {};
  return Error{ErrorCode::corrupt_file, "this is a Git LFS pointer, not the weights themselves", path + " at byte 0",
               "run `git lfs pull` in that folder, or download the file again"};
}

}  // namespace plimsoll
