#include "hub/hub_cache.h"

#include <algorithm>
#include <climits>
#include <span>
#include <string_view>

#include "hub/model_file.h"

namespace plimsoll {
namespace {

constexpr std::size_t kIdPartLimit = 96;
constexpr std::size_t kRevisionLimit = 255;
constexpr std::size_t kRefFileLimit = 1024;
constexpr std::size_t kCommitDigits = 40;

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

bool is_id_part(std::string_view part) {
  if (part.empty() || part.size() > kIdPartLimit || !is_word(part.front()) || !is_word(part.back())) return false;
  return std::all_of(part.begin(), part.end(), [](char c) { return is_word(c) || c == '-' || c == '.'; });
}

bool is_hub_id(std::string_view id) {
  if (id.find("--") != std::string_view::npos || id.find("..") != std::string_view::npos || id.ends_with(".git")) return false;
  const auto slash = id.find('/');
  return is_id_part(id.substr(0, slash)) && (slash == std::string_view::npos || is_id_part(id.substr(slash + 1)));
}

bool is_commit(std::string_view text) {
  return text.size() == kCommitDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// One name inside a folder, which cannot lead out of it. Git allows no part of a branch to begin with a dot either.
bool is_safe_name(std::string_view name) {
  const auto bad = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '/' || c == '\\'; };
  return !name.empty() && name.size() <= kRevisionLimit && name.front() != '.' && name.find("..") == std::string_view::npos &&
         std::none_of(name.begin(), name.end(), bad);
}

bool is_safe_revision(std::string_view revision) {
  for (;;) {
    const auto slash = revision.find('/');
    if (!is_safe_name(revision.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    revision.remove_prefix(slash + 1);
  }
}

std::optional<std::string> nonempty(Os& os, const std::string& name) {
  auto value = os.environment(name);
  if (value && value->empty()) value.reset();
  return value;
}

// "$NAME" and "${NAME}", left alone when there is no such variable, as in Python's os.path.expandvars; but no more than is a path.
std::string expand_variables(Os& os, std::string_view path) {
  std::string out;
  while (!path.empty() && out.size() < PATH_MAX) {
    const auto dollar = path.find('$');
    out += path.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    path.remove_prefix(dollar);
    const bool braces = path.size() > 1 && path[1] == '{';
    const auto first = path.begin() + (braces ? 2 : 1);
    const auto last = braces ? std::find(first, path.end(), '}') : std::find_if_not(first, path.end(), is_word);
    const bool complete = first != last && (!braces || last != path.end());
    const auto value = complete ? os.environment(std::string(first, last)) : std::nullopt;
    const auto taken = complete ? static_cast<std::size_t>(last - path.begin()) + (braces ? 1 : 0) : 1;
    out += value ? *value : std::string(path.substr(0, taken));
    path.remove_prefix(taken);
  }
  return out;
}

/// What `variable` says, or a folder below it, as a path.
Result<std::string> expand(Os& os, std::string path, const std::string& variable) {
  if (path == "~" || path.starts_with("~/")) {
    if (const auto home = nonempty(os, "HOME")) path.replace(0, 1, *home);
  }
  std::string expanded = expand_variables(os, path);
  if (expanded.size() < PATH_MAX) return expanded;
  return Error{ErrorCode::not_found, "the Hub cache cannot be found: a path has fewer than " + std::to_string(PATH_MAX) + " bytes",
               variable, "set " + variable + " to a folder"};
}

/// A model in the cache, and what was asked for.
struct Cached {
  std::string id;
  std::string revision;
  std::string folder;  ///< .../models--organisation--name
};

Error not_cached(Os& os, const Cached& model) {
  std::string advice;
  const auto snapshots = os.open_folder(model.folder + "/snapshots", "");
  const std::string present = snapshots.ok() ? (*snapshots)->first_name("") : "";
  // No other stands in a command line that somebody may paste.
  if (is_commit(present) || is_id_part(present)) advice = "--revision " + present + " is here; otherwise ";
  advice += "get it with `hf download " + model.id + (model.revision == "main" ? "" : " --revision " + model.revision) +
            "` (older: huggingface-cli), or give the folder of a model";
  return Error{ErrorCode::not_found, "the model " + model.id + " is not in the Hub cache at revision " + model.revision, model.folder,
               advice};
}

/// The name of the snapshot that a ref gives; empty when there is no such ref.
Result<std::string> read_ref(Os& os, const Cached& model) {
  const std::string path = model.folder + "/refs/" + model.revision;
  if (!os.is_file(path)) return std::string();
  PLIMSOLL_TRY(const auto folder, os.open_folder(model.folder, ""));
  PLIMSOLL_TRY(const auto file, folder->open("refs/" + model.revision));
  std::string text(static_cast<std::size_t>(std::min<std::uint64_t>(file->size(), kRefFileLimit)), '\0');
  PLIMSOLL_CHECK(file->read(std::as_writable_bytes(std::span(text)), 0));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  if (is_commit(text) || is_safe_name(text)) return text;
  return Error{ErrorCode::corrupt_file, "a ref holds \"" + printable(text, 60) + "\", which is no commit", path,
               "delete the file and download the model again"};
}

Result<std::string> find_snapshot(Os& os, const Cached& model) {
  std::string snapshot = model.revision;
  if (!is_commit(snapshot)) {
    PLIMSOLL_TRY(std::string commit, read_ref(os, model));
    if (!commit.empty()) snapshot = std::move(commit);
  }
  const std::string folder = model.folder + "/snapshots/" + snapshot;
  if (is_safe_name(snapshot) && os.is_directory(folder)) return folder;
  return not_cached(os, model);
}

Error no_such_model(Os& os, const std::string& model) {
  if (os.is_file(model)) return Error{ErrorCode::not_found, "this is a file, not a model", model, "give the folder that holds it"};
  return Error{ErrorCode::not_found, "there is no such folder, and it is no Hub id", model,
               "give the folder of a model, or an id such as google-bert/bert-base-uncased"};
}

}  // namespace

Result<std::string> hub_cache_directory(Os& os) {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const auto path = nonempty(os, name)) return expand(os, *path, name);
  }
  if (const auto path = nonempty(os, "HF_HOME")) return expand(os, *path + "/hub", "HF_HOME");
  if (const auto path = nonempty(os, "XDG_CACHE_HOME")) return expand(os, *path + "/huggingface/hub", "XDG_CACHE_HOME");
  if (const auto path = nonempty(os, "HOME")) return *path + "/.cache/huggingface/hub";
  return Error{ErrorCode::not_found, "the Hub cache cannot be found", "environment", "set HF_HUB_CACHE or HOME"};
}

Result<std::string> locate_model(Os& os, const std::string& model, const std::string& revision) {
  if (model.empty()) return Error{ErrorCode::usage, "no model is named", "MODEL", "give the folder of a model or a Hub id"};
  if (model.find('\0') == std::string::npos && os.is_directory(model)) return pinned_folder(os, model);
  if (!is_hub_id(model)) return no_such_model(os, model);
  if (!revision.empty() && !is_safe_revision(revision)) {
    return Error{ErrorCode::usage, "\"" + printable(revision, 80) + "\" can be no revision", "--revision",
                 "give a branch, a tag or a commit"};
  }
  PLIMSOLL_TRY(const std::string cache, hub_cache_directory(os));
  std::string folder = model;
  if (const auto slash = folder.find('/'); slash != std::string::npos) folder.replace(slash, 1, "--");
  auto snapshot = find_snapshot(os, Cached{model, revision.empty() ? "main" : revision, cache + "/models--" + folder});
  if (!snapshot.ok() && snapshot.error().code == ErrorCode::not_found && os.is_file(model)) return no_such_model(os, model);
  return snapshot;
}

}  // namespace plimsoll
