#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <plimsoll/os.h>

namespace plimsoll::testing {

/// A file of a FakeOs: a copy of the text at the time it was opened.
class FakeFile final : public File {
 public:
  FakeFile(std::string path, std::string text, Gate& gate) : path_(std::move(path)), text_(std::move(text)), gate_(gate) {}

  std::uint64_t size() const override { return text_.size(); }
  const std::string& path() const override { return path_; }
  Status read(std::span<std::byte> out, std::uint64_t offset) override {
    if (!gate_.admit(Acquisition::read, "FakeFile::read")) return Error{ErrorCode::io, "cannot read", path_, ""};
    if (offset > text_.size() || out.size() > text_.size() - offset)
      return Error{ErrorCode::corrupt_file, "the file ends early", path_, ""};
    if (!out.empty()) std::memcpy(out.data(), text_.data() + offset, out.size());
    return {};
  }

 private:
  std::string path_;
  std::string text_;
  Gate& gate_;
};

/// An operating system whose files, environment, processors, limits and clock are what a test says. Memory and threads are real. Every
/// acquisition passes `gate()`. Folders exist by having files in them.
class FakeOs final : public Os {
 public:
  std::map<std::string, std::string> files;  ///< path to contents
  std::map<std::string, std::string> variables;
  std::vector<int> cpus = {0, 1};
  std::map<int, Bytes> rlimits;
  std::chrono::nanoseconds clock{0};
  bool read_only = false;  ///< write_text fails
  std::optional<SystemMemory> system;

  FakeOs() : real_(make_os(gate_)) {}

  Gate& gate() override { return gate_; }

  Result<std::unique_ptr<File>> open(const std::string& path) override {
    PLIMSOLL_TRY(std::string text, find(path));
    return std::unique_ptr<File>(std::make_unique<FakeFile>(path, std::move(text), gate_));
  }

  Result<std::unique_ptr<Folder>> open_folder(const std::string& root, const std::string& inside) override {
    const std::string path = inside.empty() ? root : root + "/" + inside;
    if (!is_directory(path)) return Error{ErrorCode::not_found, "there is no such folder", path, "give the folder of a model"};
    return std::unique_ptr<Folder>(std::make_unique<FakeFolder>(*this, path));
  }

  Result<std::string> read_text(const std::string& path, std::size_t limit) override {
    PLIMSOLL_TRY(std::string text, find(path));
    if (!gate_.admit(Acquisition::read, "FakeOs::read_text")) return Error{ErrorCode::io, "cannot read", path, ""};
    if (text.size() > limit) return Error{ErrorCode::corrupt_file, "the file is too long", path, ""};
    return text;
  }

  bool is_directory(const std::string& path) override {
    const std::string prefix = path.ends_with('/') ? path : path + "/";
    return std::any_of(files.begin(), files.end(), [&](const auto& file) { return file.first.starts_with(prefix); });
  }

  bool is_file(const std::string& path) override { return files.contains(path); }

  std::vector<std::string> list_directory(const std::string& path) override {
    const std::string prefix = path.ends_with('/') ? path : path + "/";
    std::vector<std::string> names;
    for (const auto& [name, text] : files) {
      if (name.starts_with(prefix)) names.push_back(name.substr(prefix.size(), name.find('/', prefix.size()) - prefix.size()));
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }

  Status write_text(const std::string& path, std::string_view text) override {
    if (read_only || !gate_.admit(Acquisition::write, "FakeOs::write_text")) return Error{ErrorCode::io, "cannot write", path, ""};
    files[path] = std::string(text);
    return {};
  }

  Result<std::unique_ptr<Mapping>> map_memory(Bytes size) override { return real_->map_memory(size); }
  Result<std::unique_ptr<Thread>> start_thread(std::function<void()> body) override { return real_->start_thread(std::move(body)); }

  std::optional<std::string> environment(const std::string& name) override {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  }

  std::chrono::nanoseconds now() override { return clock; }
  std::vector<int> affinity() override { return cpus; }

  std::optional<Bytes> memory_rlimit(int resource) override {
    const auto found = rlimits.find(resource);
    if (found == rlimits.end()) return std::nullopt;
    return found->second;
  }
  std::optional<SystemMemory> system_memory() override { return system; }

 private:
  class FakeFolder final : public Folder {
   public:
    FakeFolder(FakeOs& os, std::string path) : os_(os), path_(std::move(path)) {}
    const std::string& path() const override { return path_; }
    Result<std::unique_ptr<File>> open(const std::string& name) override { return os_.open(path_ + "/" + name); }
    bool has(const std::string& name) override { return os_.is_file(path_ + "/" + name); }
    bool lists(const std::string& name) override { return has(name) || os_.is_directory(path_ + "/" + name); }
    std::string first_name(std::string_view suffix) override {
      for (const std::string& name : os_.list_directory(path_))
        if (name.ends_with(suffix)) return name;
      return {};
    }

   private:
    FakeOs& os_;
    std::string path_;
  };

  Result<std::string> find(const std::string& path) {
    if (!gate_.admit(Acquisition::open, "FakeOs::open")) return Error{ErrorCode::io, "cannot open: too many open files", path, ""};
    const auto found = files.find(path);
    if (found == files.end()) return Error{ErrorCode::not_found, "cannot open: no such file", path, ""};
    return found->second;
  }

  Gate gate_;
  std::unique_ptr<Os> real_;
};

}  // namespace plimsoll::testing
