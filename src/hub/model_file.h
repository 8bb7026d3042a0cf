#pragma once

#include <memory>
#include <string>

#include <plimsoll/os.h>

namespace plimsoll {

/// Opens `name` in a model's folder `directory`; every file of a model is opened by this. Links are followed as long as they stay inside
/// the folder or, where it is a snapshot of a Hub cache (models--.../snapshots/COMMIT, also by another name), inside the cached model,
/// whose snapshots are links to its blobs. Otherwise `not_found`, as for what is no regular file (Os::open_beneath).
/// The folder itself may be reached through links. docs/decisions/0009-containment.md says why.
Result<std::unique_ptr<File>> open_model_file(Os& os, const std::string& directory, const std::string& name);

/// For a file that the folder should have, and has not as a regular file: why it cannot be had although something of its name is there (a
/// link to nothing, a folder), or although nobody can tell (the folder may not be looked into). ok() where it is just not there.
Status explain_missing(Os& os, const std::string& directory, const std::string& name);

/// `folder` as it is reached now: without the links on the way to it, so that its files come from one folder, whoever changes a link while
/// they are opened. As given where there are none, and where it is a snapshot that is a link out of its cached model, which
/// `open_model_file` refuses.
std::string pinned_folder(Os& os, const std::string& folder);

}  // namespace plimsoll
