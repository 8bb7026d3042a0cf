#pragma once

#include <string>

#include <plimsoll/os.h>

namespace plimsoll {

/// The cache that huggingface_hub would use: `$HF_HUB_CACHE`, else `$HUGGINGFACE_HUB_CACHE`, else `$HF_HOME/hub`, else
/// `${XDG_CACHE_HOME:-~/.cache}/huggingface/hub`. As there, "~" and "$NAME" or "${NAME}" are expanded; unlike there, "~user"
/// is not, and an empty variable counts as unset. It need not exist. `not_found` when none of these nor HOME is set.
Result<std::string> hub_cache_directory(Os& os);

/// The folder that holds the files of `model`: `model` itself if it is a folder (where links to it lead now: `pinned_folder`), else the
/// cached snapshot of the Hub id (`name` or `organisation/name`) at `revision` (a branch, tag or commit; empty means "main"). Nothing is
/// downloaded or written.
///
/// As in huggingface_hub: a commit of 40 hex digits names its snapshot; any other revision is looked up in `refs`,
/// then taken as the name of a snapshot. Without either it is not found, even if there is exactly one snapshot: a model
/// never stands in for the revision that was asked for. The error names the snapshots that could be asked for.
///
/// Fails with `not_found`, naming the folder looked in and how to get the model; with `usage` for an empty model or a
/// revision that can be none; with `corrupt_file` for a ref that names no commit. Ids follow huggingface_hub's rules
/// (letters, digits, "-", "_", "."; no ".." or "--"; at most 96 characters a part), so none reaches outside the cache.
Result<std::string> locate_model(Os& os, const std::string& model, const std::string& revision);

}  // namespace plimsoll
