#include "probe/lines.h"

namespace plimsoll::probe {

Status for_each_line(Os& os, const std::string& path, const std::function<void(std::string_view)>& visit) {
  std::string line;
  bool too_long = false;
  PLIMSOLL_CHECK(os.read_parts(path, [&](std::string_view part) -> Status {
    while (!part.empty()) {
      const std::size_t end = part.find('\n');
      const std::string_view piece = part.substr(0, end);
      too_long = too_long || piece.size() > kLongestLine - line.size();
      if (!too_long) line += piece;
      if (end == std::string_view::npos) break;
      if (!too_long) visit(line);
      line.clear();
      too_long = false;
      part.remove_prefix(end + 1);
    }
    return {};
  }));
  if (!too_long && !line.empty()) visit(line);
  return {};
}

}  // namespace plimsoll::probe
