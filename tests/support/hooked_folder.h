#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <plimsoll/os.h>

namespace plimsoll::testing {

/// A folder whose files are opened as a test says, all else being a real one's.
class HookedFolder final : public Folder {
 public:
  using Open = std::function<Result<std::unique_ptr<File>>(Folder& real, const std::string& name)>;
  HookedFolder(std::unique_ptr<Folder> real, Open open) : real_(std::move(real)), open_(std::move(open)) {}

  const std::string& path() const override { return real_->path(); }
  Result<std::unique_ptr<File>> open(const std::string& name) override { return open_(*real_, name); }
  bool has(const std::string& name) override { return real_->has(name); }
  bool lists(const std::string& name) override { return real_->lists(name); }
  std::string first_name(std::string_view suffix) override { return real_->first_name(suffix); }

 private:
  std::unique_ptr<Folder> real_;
  Open open_;
};

/// Gives what `opened` has, its files opened by `open`.
inline Result<std::unique_ptr<Folder>> hooked(Result<std::unique_ptr<Folder>> opened, HookedFolder::Open open) {
  if (!opened.ok()) return opened;
  return std::unique_ptr<Folder>(std::make_unique<HookedFolder>(std::move(opened).value(), std::move(open)));
}

}  // namespace plimsoll::testing
