#include "rows/same_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include <plimsoll/model.h>

#include "process/descriptors.h"
#include "process/file_system.h"

namespace plimsoll::cli {
namespace {

/// A regular file as the system knows it; or, where there is none yet, the path that it would have.
struct Place {
  std::optional<struct stat> file;
  std::string path;
  std::optional<int> descriptor;  ///< the process's own that it is
};

Place described(struct stat info, std::optional<int> descriptor) {
  return S_ISREG(info.st_mode) ? Place{info, {}, descriptor} : Place{{}, {}, descriptor};
}

Place place_of(const std::string& path, int standard) {
  struct stat info {};
  const auto fd = path.empty() || path == "-" ? std::optional(standard) : named_descriptor(path);
  if (fd) return ::fstat(*fd, &info) == 0 ? described(info, fd) : Place{{}, {}, fd};
  if (::stat(path.c_str(), &info) == 0) return described(info, {});
  std::error_code error;
  const std::string whole = std::filesystem::weakly_canonical(std::filesystem::absolute(resolved_path(path), error), error).string();
  return {std::nullopt, error ? path : whole, {}};
}

bool same(const Place& a, const Place& b) {
  if (a.file && b.file) return a.file->st_dev == b.file->st_dev && a.file->st_ino == b.file->st_ino;
  return !a.path.empty() && a.path == b.path;
}

/// Whether `name` is that of a file which models are made of.
bool is_of_model(const std::filesystem::path& name) {
  static constexpr std::array<std::string_view, 9> kNames = {"vocab.txt",
                                                             "vocab.json",
                                                             "config.json",
                                                             "tokenizer.json",
                                                             "tokenizer_config.json",
                                                             "special_tokens_map.json",
                                                             "added_tokens.json",
                                                             "model.safetensors.index.json",
                                                             "pytorch_model.bin.index.json"};
  const std::string extension = name.extension().string();
  return std::ranges::find(kNames, name.string()) != kNames.end() || extension == ".safetensors" || extension == ".bin";
}

Error cannot_list(const std::string& folder) {
  return Error{ErrorCode::io, std::string("cannot be listed: ") + std::strerror(errno), folder, "try again"};
}

/// Visits the paths of a model's files in `folder`. Not by std::filesystem, which ends the process where its iterator finds no memory.
/// Nothing where no folder can be read; fails with out_of_memory and io.
template <typename Visit>
Status visit_model_files(const std::string& folder, Visit visit) {
  const auto close = [](DIR* directory) { ::closedir(directory); };
  const std::unique_ptr<DIR, decltype(close)> directory(::opendir(folder.c_str()), close);
  if (directory == nullptr) {
    if (errno == ENOMEM) return heap_exhausted();
    if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) return {};
    return cannot_list(folder);
  }
  for (errno = 0; const dirent* entry = ::readdir(directory.get()); errno = 0)
    if (is_of_model(entry->d_name)) visit(folder + "/" + entry->d_name);
  return errno == 0 ? Status() : cannot_list(folder);
}

Error refusal(std::string what, const std::string& flag) {
  return Error{ErrorCode::usage, std::move(what), flag, "give " + flag + " a file of its own"};
}

/// The script of events that a simulated device is given; empty where it has none.
std::string script_of(std::string_view sim) {
  static constexpr std::string_view kKey = "script=";
  while (!sim.empty()) {
    const std::string_view field = sim.substr(0, sim.find(','));
    if (field.starts_with(kKey)) return std::string(field.substr(kKey.size()));
    sim.remove_prefix(std::min(sim.size(), field.size() + 1));
  }
  return {};
}

/// What a command writes.
struct Written {
  Place place;
  std::string_view what;
  std::string_view flag;
  std::string_view read_as = {};  ///< what it is that it would be written over; empty: nothing
};

void look_for(std::span<Written> all, const std::string& path, std::string_view read_as) {
  const Place read = place_of(path, -1);
  for (Written& written : all)
    if (same(read, written.place)) written.read_as = read_as;
}

/// What is read beside the texts is not written over either, whatever links lead to it (those of the Hub's cache keep files under other
/// names elsewhere): a run that could never be repeated.
Status refuse_read_files(const Options& options, Os& os, std::span<Written> all) {
  if (std::ranges::none_of(all, [](const Written& written) { return written.place.file || !written.place.path.empty(); })) return {};
  std::vector<ModelRequest> models = {options.model};
  for (const std::string& name : options.fallbacks) models.push_back({name, "", "", false});
  for (const ModelRequest& model : models) {
    const Result<std::string> folder = find_model_folder(os, model);
    if (!folder.ok()) {
      // What is no model is told when it is opened; what passes must not hide one.
      if (folder.error().code == ErrorCode::out_of_memory || folder.error().code == ErrorCode::io) return folder.error();
      continue;
    }
    PLIMSOLL_CHECK(visit_model_files(*folder, [all](const std::string& path) { look_for(all, path, "a file of the model"); }));
  }
  const DeviceMap& map = options.policy.device_map;
  if (map.kind == DeviceMap::Kind::modules) look_for(all, map.source, "the device map");
  for (const std::string& sim : options.sims)
    if (const std::string script = script_of(sim); !script.empty()) look_for(all, script, "the script of --sim");
  const auto found = std::ranges::find_if(all, [](const Written& written) { return !written.read_as.empty(); });
  if (found == all.end()) return {};
  return refusal(fmt::format("{} and the {} are the same file", found->read_as, found->what), std::string(found->flag));
}

}  // namespace

Status refuse_same_file(const Options& options, Os& os) {
  const bool takes_texts = (options.command->bit & (kRun | kPlan | kTokenize)) != 0;
  if (!takes_texts) return {};
  // `plan` looks at standard input without taking anything from it.
  const bool reads = options.texts.empty() && (!options.input.empty() || options.command->bit != kPlan);
  const Place input = reads ? place_of(options.input, STDIN_FILENO) : Place{};
  const Place output = place_of(options.output, STDOUT_FILENO);
  const Place messages = place_of("", STDERR_FILENO);
  const Place report = options.report.empty() ? Place{} : place_of(options.report, STDOUT_FILENO);
  // Messages first, for what is refused is told there.
  if (same(input, messages)) return refusal("the texts and the messages are the same file", std::string(kStandardError));
  std::array<Written, 3> written = {
      {{messages, "messages", kStandardError}, {output, "results", "--output"}, {report, "report", "--report"}}};
  PLIMSOLL_CHECK(refuse_read_files(options, os, written));
  if (same(input, output)) return refusal("the texts and the results are the same file", "--output");
  // A file that is named is complete before it gets its name, and messages would be lost with what it takes the place of.
  if (!output.descriptor && same(output, messages)) return refusal("the results and the messages are the same file", "--output");
  if (same(input, report)) return refusal("the texts and the report are the same file", "--report");
  if (!report.descriptor && same(report, messages)) return refusal("the report and the messages are the same file", "--report");
  // A pipe, a socket or a terminal may be read and written; two things that are written to it get mixed up.
  const bool one_stream = output.descriptor && output.descriptor == report.descriptor;
  if (same(output, report) || one_stream) return refusal("the results and the report are the same file", "--report");
  return {};
}

void leave_standard_error() {
  const bool is_same = same(place_of("", STDOUT_FILENO), place_of("", STDERR_FILENO));
  if (const int fd = is_same ? ::open("/dev/null", O_WRONLY | O_CLOEXEC) : STDOUT_FILENO; fd >= 0) ::dup2(fd, STDERR_FILENO);
}

}  // namespace plimsoll::cli
