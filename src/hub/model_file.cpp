#include "hub/model_file.h"

#include <filesystem>
#include <string_view>
#include <system_error>

namespace plimsoll {
namespace {

/// "…/models--org--name/snapshots/COMMIT" as its first part, and the rest; both empty for any other path.
struct Snapshot {
  std::string model;
  std::string inside;
};

Snapshot split_snapshot(std::string_view path) {
  while (path.ends_with('/') || path.ends_with("/.")) path.remove_suffix(1);
  const std::size_t commit = path.rfind('/');
  if (commit == std::string_view::npos || commit == 0) return {};
  const std::size_t snapshots = path.rfind('/', commit - 1);
  if (snapshots == std::string_view::npos || path.substr(snapshots, commit - snapshots) != "/snapshots") return {};
  const std::string_view model = path.substr(0, snapshots);
  const std::string_view name = path.substr(commit + 1);
  if (!model.substr(model.rfind('/') + 1).starts_with("models--") || name == "." || name == "..") return {};
  return {std::string(model), std::string(path.substr(snapshots + 1))};
}

}  // namespace

Result<std::unique_ptr<Folder>> open_model_folder(Os& os, const std::string& directory) {
  Snapshot snapshot = split_snapshot(directory);
  if (snapshot.model.empty()) snapshot = split_snapshot(os.real_path(directory));
  if (snapshot.model.empty()) return os.open_folder(directory, "");
  return os.open_folder(snapshot.model, snapshot.inside);
}

Status explain_missing(Folder& folder, const std::string& name) {
  const bool is_listed = folder.lists(name);
  auto opened = folder.open(name);
  if (opened.ok()) return {};
  if (opened.error().code == ErrorCode::not_found && !is_listed) return {};
  return std::move(opened).error();
}

std::string pinned_folder(Os& os, const std::string& folder) {
  std::error_code failed;
  std::string plain = std::filesystem::absolute(folder, failed).lexically_normal().string();
  while (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  std::string real = os.real_path(folder);
  if (failed || real == plain) return folder;
  const std::string model = split_snapshot(folder).model;
  return model.empty() || split_snapshot(real).model == os.real_path(model) ? real : folder;
}

}  // namespace plimsoll
