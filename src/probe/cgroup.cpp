#include "probe/cgroup.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include <plimsoll/error.h>

#include "probe/fields.h"
#include "probe/lines.h"

namespace plimsoll::probe {
namespace {

// With a mount point before it and a file behind it, it still can be opened.
constexpr std::size_t kLongestPath = 4000;

struct Mount {
  bool unified = false;
  std::string root;  ///< the directory of the hierarchy that is seen at `point`
  std::string point;
};

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
  return Mount{unified, unescaped(fields[3]), unescaped(fields[4])};
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

// How many groups `path` leads down, each ".." one up.
std::ptrdiff_t depth_of(std::string_view path) {
  std::ptrdiff_t depth = 0;
  for (const std::string_view part : split(path, '/')) depth += part == ".." ? -1 : part.empty() ? 0 : 1;
  return depth;
}

// Of the groups `depth` below `top`, the one that lists this process: "/a/b". Nothing if it cannot be found, or there are very many.
std::optional<std::string> search_below(Os& os, const std::string& top, std::ptrdiff_t depth) {
  static constexpr std::size_t kMostGroups = 1024;
  static constexpr std::ptrdiff_t kDeepest = 64;
  const auto status = os.read_text("/proc/self/status", kLargestTable);
  const auto self = status.ok() ? find_number(*status, "Pid") : std::nullopt;
  if (!self || depth < 0 || depth > kDeepest) return std::nullopt;
  std::vector<std::string> level = {""};
  for (; depth > 0; --depth) {
    std::vector<std::string> below;
    for (const std::string& group : level) {
      for (const std::string& name : os.list_directory(top + group)) {
        std::string inner = group;
        inner.append("/").append(name);
        if (os.is_directory(top + inner)) below.push_back(std::move(inner));
        if (below.size() > kMostGroups) return std::nullopt;
      }
    }
    level = std::move(below);
  }
  for (const std::string& group : level) {
    const auto members = os.read_text(top + group + "/cgroup.procs", kLargestTable);
    if (members.ok() && contains(split(*members, '\n'), std::to_string(*self))) return group;
  }
  return std::nullopt;
}

/// Where this process is in one hierarchy. Of several mounts of it, the one that shows most of what lies above the process: of those that
/// another mount does not cover.
class ChainFinder {
  static constexpr std::size_t kMostMounts = 16;

 public:
  ChainFinder(bool unified, std::string path) : unified_(unified), path_(std::move(path)) {}

  void add(const Mount& mount) {
    if (mount.unified != unified_) return;
    if (auto rest = below(path_, mount.root)) {
      if (seen_.size() == kMostMounts)
        seen_.erase(std::ranges::min_element(seen_, {}, [](const GroupChain& chain) { return chain.directories.size(); }));
      seen_.push_back(chain_of(mount, std::move(*rest)));
    } else if (!elsewhere_) {
      elsewhere_ = mount;
    }
  }

  /// Adds its chain, if there is one; gives why some of it may be missing, or "".
  std::string take(Os& os, std::vector<GroupChain>& chains) {
    if (!seen_.empty()) {
      const auto worth = [&](const GroupChain& chain) {
        return std::pair(os.is_file(chain.directories.front() + "/cgroup.procs"), chain.directories.size());
      };
      chains.push_back(*std::ranges::max_element(seen_, {}, worth));
      return {};
    }
    if (!elsewhere_) return path_ == "/" ? "" : "this process is in " + printable(path_) + ", and no file system shows the limits there";
    // Of a namespace that begins below what is mounted, mountinfo tells how deep: "/../..".
    const std::ptrdiff_t depth = depth_of(path_) - depth_of(elsewhere_->root);
    auto group = contains(split(elsewhere_->root, '/'), "..") ? search_below(os, elsewhere_->point, depth) : std::nullopt;
    chains.push_back(chain_of(*elsewhere_, group.value_or("")));
    return group ? "" : "the group of this process is not to be found below " + printable(elsewhere_->point);
  }

 private:
  bool unified_;
  std::string path_;
  std::vector<GroupChain> seen_;
  std::optional<Mount> elsewhere_;
};

constexpr const char* kGroups = "/proc/self/cgroup";
constexpr const char* kMounts = "/proc/self/mountinfo";

// Ok where there is no such file beside others about this process: then there are no groups.
Status unless_absent(Os& os, const char* path, Error error) {
  if (os.is_file("/proc/self/status") && error.code == ErrorCode::not_found && !os.is_file(path)) return {};
  return error;
}

}  // namespace

Result<GroupChains> read_group_chains(Os& os, std::string_view controller) {
  GroupChains found;
  auto table = os.read_text(kGroups, kLargestTable);
  if (!table.ok()) {
    PLIMSOLL_CHECK(unless_absent(os, kGroups, std::move(table).error()));
    return found;
  }
  std::vector<ChainFinder> finders;
  for (const bool unified : {false, true}) {
    auto path = group_path(*table, controller, unified);
    if (!path) continue;
    if (path->size() <= kLongestPath) finders.emplace_back(unified, std::move(*path));
    else found.unseen = "the path of this process's group is too long";
  }
  // A line at a time: there may be 100,000 mounts.
  Status read = for_each_line(os, kMounts, [&](std::string_view line) {
    const auto mount = parse_mount(line, controller);
    if (!mount) return;
    for (ChainFinder& finder : finders) finder.add(*mount);
  });
  if (!read.ok()) {
    PLIMSOLL_CHECK(unless_absent(os, kMounts, std::move(read).error()));
    return found;
  }
  for (ChainFinder& finder : finders) {
    std::string unseen = finder.take(os, found.chains);
    // A controller that is listed in version 1 is not in the unified hierarchy.
    if (&finder == &finders.front() && found.unseen.empty()) found.unseen = std::move(unseen);
  }
  return found;
}

std::optional<std::string> group_path(std::string_view table, std::string_view controller, bool unified) {
  // A line is "hierarchy:controllers:path"; the unified hierarchy is "0::path". The path itself may contain colons.
  for (const std::string_view line : split(table, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool wanted = unified ? line.substr(0, first) == "0" && controllers.empty() : contains(split(controllers, ','), controller);
    const std::string_view path = line.substr(second + 1);
    if (wanted && path.starts_with('/')) return std::string(path);
  }
  return std::nullopt;
}

std::vector<GroupChain> find_group_chains(Os& os, std::string_view controller) {
  auto found = read_group_chains(os, controller);
  return found.ok() ? std::move(found->chains) : std::vector<GroupChain>();
}

}  // namespace plimsoll::probe
