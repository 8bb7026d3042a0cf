#include "probe/cgroup.h"

#include <algorithm>
#include <optional>

#include "probe/fields.h"
#include "probe/lines.h"

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

/// Where this process is in one hierarchy. Of several mounts of it, the one that shows most of what lies above the process.
class ChainFinder {
 public:
  ChainFinder(bool unified, std::string path) : unified_(unified), path_(std::move(path)) {}

  void add(const Mount& mount) {
    if (mount.unified != unified_) return;
    if (auto rest = below(path_, mount.root)) {
      GroupChain chain = chain_of(mount, std::move(*rest));
      if (!longest_ || chain.directories.size() > longest_->directories.size()) longest_ = std::move(chain);
    } else if (!fallback_) {
      fallback_ = chain_of(mount, "");
    }
  }
  std::optional<GroupChain> take() { return longest_ ? std::move(longest_) : std::move(fallback_); }

 private:
  bool unified_;
  std::string path_;
  std::optional<GroupChain> longest_;
  std::optional<GroupChain> fallback_;
};

constexpr const char* kGroups = "/proc/self/cgroup";
constexpr const char* kMounts = "/proc/self/mountinfo";

// Ok where there is no such file: then there are no groups.
Status unless_absent(Os& os, const char* path, Error error) {
  if (error.code == ErrorCode::not_found && !os.is_file(path)) return {};
  return error;
}

}  // namespace

Result<std::vector<GroupChain>> read_group_chains(Os& os, std::string_view controller) {
  std::vector<GroupChain> chains;
  auto table = os.read_text(kGroups, kLargestTable);
  if (!table.ok()) {
    PLIMSOLL_CHECK(unless_absent(os, kGroups, std::move(table).error()));
    return chains;
  }
  std::vector<ChainFinder> finders;
  for (const bool unified : {false, true}) {
    if (auto path = group_path(*table, controller, unified)) finders.emplace_back(unified, std::move(*path));
  }
  // A line at a time: there may be 100,000 mounts.
  Status read = for_each_line(os, kMounts, [&](std::string_view line) {
    const auto mount = parse_mount(line, controller);
    if (!mount) return;
    for (ChainFinder& finder : finders) finder.add(*mount);
  });
  if (!read.ok()) {
    PLIMSOLL_CHECK(unless_absent(os, kMounts, std::move(read).error()));
    return chains;
  }
  for (ChainFinder& finder : finders) {
    if (auto chain = finder.take()) chains.push_back(std::move(*chain));
  }
  return chains;
}

std::vector<GroupChain> find_group_chains(Os& os, std::string_view controller) {
  auto chains = read_group_chains(os, controller);
  return chains.ok() ? std::move(chains).value() : std::vector<GroupChain>();
}

}  // namespace plimsoll::probe
