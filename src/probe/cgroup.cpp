#include "probe/cgroup.h"

#include <algorithm>
#include <optional>

#include "probe/fields.h"

namespace plimsoll::probe {
namespace {

constexpr std::size_t kLongestPath = 4096;

struct Mount {
  bool unified = false;
  std::string root;  ///< the directory of the hierarchy that is seen at `point`
  std::string point;
};

// mountinfo writes blanks and backslashes as \ooo.
std::string unescape(std::string_view text) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  while (!text.empty()) {
    if (text.size() >= 4 && text[0] == '\\' && is_octal(text[1]) && is_octal(text[2]) && is_octal(text[3])) {
      out += static_cast<char>((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
      text.remove_prefix(4);
    } else {
      out += text[0];
      text.remove_prefix(1);
    }
  }
  return out;
}

bool contains(const std::vector<std::string_view>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// A line is "id parent major:minor root point options [tags...] - type source super-options".
std::optional<Mount> parse_mount(std::string_view line, std::string_view controller) {
  const auto fields = split(line, ' ');
  const auto dash = std::find(fields.begin(), fields.end(), "-");
  if (dash - fields.begin() < 6 || fields.end() - dash < 4) return std::nullopt;
  const std::string_view type = dash[1];
  const bool unified = type == "cgroup2";
  if (!unified && (type != "cgroup" || !contains(split(dash[3], ','), controller))) return std::nullopt;
  return Mount{unified, unescape(fields[3]), unescape(fields[4])};
}

std::vector<Mount> find_mounts(Os& os, std::string_view controller) {
  std::vector<Mount> mounts;
  const auto text = os.read_text("/proc/self/mountinfo", kLargestTable);
  if (!text.ok()) return mounts;
  for (const std::string_view line : split(*text, '\n')) {
    if (auto mount = parse_mount(line, controller)) mounts.push_back(std::move(*mount));
  }
  return mounts;
}

// A line is "hierarchy:controllers:path"; the unified hierarchy is "0::path". The path itself may contain colons.
std::optional<std::string> group_path(std::string_view table, std::string_view controller, bool unified) {
  for (const std::string_view line : split(table, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool wanted = unified ? line.substr(0, first) == "0" && controllers.empty() : contains(split(controllers, ','), controller);
    const std::string_view path = line.substr(second + 1);
    if (wanted && path.starts_with('/') && path.size() <= kLongestPath) return std::string(path);
  }
  return std::nullopt;
}

// Where `path` lies below `root`: "" or "/a/b"; nothing when it does not, or would climb out through "..".
std::optional<std::string> below(const std::string& path, const std::string& root) {
  std::string rest = path;
  if (root != "/") {
    if (path != root && !path.starts_with(root + "/")) return std::nullopt;
    rest = path.substr(root.size());
  }
  if (rest == "/") rest.clear();
  if (contains(split(rest, '/'), "..")) return std::nullopt;
  return rest;
}

GroupChain chain_of(const Mount& mount, std::string rest) {
  GroupChain chain{mount.unified, {}};
  const std::string point = mount.point == "/" ? "" : mount.point;
  while (!rest.empty()) {
    chain.directories.push_back(point + rest);
    rest.resize(rest.rfind('/'));
  }
  chain.directories.push_back(mount.point);
  return chain;
}

// Of several mounts of one hierarchy, the one that shows most of what lies above this process.
std::optional<GroupChain> find_chain(const std::vector<Mount>& mounts, bool unified, const std::string& path) {
  std::optional<GroupChain> longest;
  std::optional<GroupChain> fallback;
  for (const Mount& mount : mounts) {
    if (mount.unified != unified) continue;
    if (auto rest = below(path, mount.root)) {
      GroupChain chain = chain_of(mount, std::move(*rest));
      if (!longest || chain.directories.size() > longest->directories.size()) longest = std::move(chain);
    } else if (!fallback) {
      fallback = chain_of(mount, "");
    }
  }
  return longest ? longest : fallback;
}

}  // namespace

std::vector<GroupChain> find_group_chains(Os& os, std::string_view controller) {
  std::vector<GroupChain> chains;
  const std::vector<Mount> mounts = find_mounts(os, controller);
  const auto table = os.read_text("/proc/self/cgroup", kLargestTable);
  if (mounts.empty() || !table.ok()) return chains;
  for (const bool unified : {false, true}) {
    const auto path = group_path(*table, controller, unified);
    if (!path) continue;
    if (auto chain = find_chain(mounts, unified, *path)) chains.push_back(std::move(*chain));
  }
  return chains;
}

}  // namespace plimsoll::probe
