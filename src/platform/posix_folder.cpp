#include "platform/posix_folder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "platform/posix_beneath.h"
#include "platform/posix_open.h"

namespace plimsoll {
namespace {

Error leads_out(const std::string& root, const std::string& path) {
  return Error{ErrorCode::not_found, "a link leads out of " + root + ", where a model's files are", path,
               "put the file itself in the link's place, or give the folder where all of them are"};
}

Error leads_nowhere(const std::string& path) {
  return Error{ErrorCode::not_found, "a link to a file that is not there", path,
               "download the model again, or put the file itself in the link's place"};
}

Error no_folder(int code, const std::string& path) {
  if (code != ENOENT && code != ENOTDIR) return cannot_open(code, path);
  return Error{ErrorCode::not_found, "there is no such folder", path, "give the folder of a model"};
}

class PosixFolder final : public Folder {
 public:
  PosixFolder(FolderChain folders, std::string root, std::string path, Gate& gate)
      : folders_(std::move(folders)), root_(std::move(root)), path_(std::move(path)), gate_(gate) {}

  const std::string& path() const override { return path_; }

  Result<std::unique_ptr<File>> open(const std::string& name) override {
    const std::string path = joined(path_, name);
    if (!gate_.admit(Acquisition::open, "Folder::open")) return cannot_open(EMFILE, path);
    Descriptor fd = open_beneath(folders_, name, kReadFlags);
    if (fd.get() < 0) {
      const int code = errno;
      if (code == EXDEV) return leads_out(root_, path);
      return code == ENOENT && lists(name) ? leads_nowhere(path) : cannot_open(code, path);
    }
    return regular_file(std::move(fd), path, gate_);
  }

  bool has(const std::string& name) override {
    struct stat info {};
    return look_at(name, info, 0) && !S_ISDIR(info.st_mode);
  }

  bool lists(const std::string& name) override {
    struct stat info {};
    return look_at(name, info, AT_SYMLINK_NOFOLLOW) || errno == EACCES;
  }

  std::string first_name(std::string_view suffix) override {
    std::string first;
    visit_names(gate_, folders_.back()->get(), ".", [&](std::string_view name) {
      if (name.ends_with(suffix) && (first.empty() || name < first)) first = name;
    });
    return first;
  }

 private:
  // With "./", for the system takes a name that begins with "/" from elsewhere.
  bool look_at(const std::string& name, struct stat& info, int flags) const {
    return ::fstatat(folders_.back()->get(), ("./" + name).c_str(), &info, flags) == 0;
  }

  FolderChain folders_;
  std::string root_;
  std::string path_;
  Gate& gate_;
};

}  // namespace

Result<std::unique_ptr<Folder>> posix_open_folder(Gate& gate, const std::string& root, const std::string& inside) {
  const std::string path = inside.empty() ? root : joined(root, inside);
  if (!gate.admit(Acquisition::open, "Os::open_folder")) return cannot_open(EMFILE, path);
  FolderChain folders;
  Descriptor opened(::open(root.c_str(), kFolderFlags));
  folders.push_back(std::make_shared<const Descriptor>(std::move(opened)));
  if (folders.back()->get() < 0) return no_folder(errno, path);
  if (!enter_beneath(folders, inside)) return errno == EXDEV ? leads_out(root, path) : no_folder(errno, path);
  return std::unique_ptr<Folder>(std::make_unique<PosixFolder>(std::move(folders), root, path, gate));
}

}  // namespace plimsoll
