#pragma once

#include <memory>
#include <string>

#include <plimsoll/os.h>

namespace plimsoll {

/// Opens a model's folder; every file of a model is opened through the one that this gives, so that all are of one folder, whoever renames
/// folders meanwhile. Links in it are followed as long as they stay inside the folder or, where it is a snapshot of a Hub cache
/// (models--.../snapshots/COMMIT, also by another name), inside the cached model, whose snapshots are links to its blobs.
/// The folder itself may be reached through links. docs/decisions/0009-containment.md says why.
Result<std::unique_ptr<Folder>> open_model_folder(Os& os, const std::string& directory);

/// For a file that the folder should have, and has not as a regular file: why it cannot be had although something of its name is there (a
/// link to nothing, a folder), or although nobody can tell (the folder may not be looked into). ok() where it is just not there.
Status explain_missing(Folder& folder, const std::string& name);

/// `folder` as it is reached now: without the links on the way to it, so that what is said of it stays true, whoever changes a link. As
/// given where there are none, and where it is a snapshot that is a link out of its cached model, which `open_model_folder` refuses.
std::string pinned_folder(Os& os, const std::string& folder);

}  // namespace plimsoll
