#include "rows/same_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
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

/// Whether `file` is one of a model's folder, whatever links lead to either: those of the Hub's cache are kept under other names elsewhere.
bool is_in_model(const Place& file, const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (is_of_model(entry->path().filename()) && same(place_of(entry->path().string(), -1), file)) return true;
  return false;
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

/// What is read beside the texts is not written over either: a run that could never be repeated.
Status refuse_read_file(const Options& options, Os& os, const Place& written, std::string_view what, const std::string& flag) {
  if (!written.file && written.path.empty()) return {};
  std::vector<ModelRequest> models = {options.model};
  for (const std::string& name : options.fallbacks) models.push_back({name, "", "", false});
  for (const ModelRequest& model : models) {
    const auto folder = find_model_folder(os, model);
    if (folder.ok() && is_in_model(written, *folder))
      return refusal(fmt::format("a file of the model and the {} are the same file", what), flag);
  }
  const DeviceMap& map = options.policy.device_map;
  if (map.kind == DeviceMap::Kind::modules && same(place_of(map.source, -1), written))
    return refusal(fmt::format("the device map and the {} are the same file", what), flag);
  for (const std::string& sim : options.sims) {
    const std::string script = script_of(sim);
    if (!script.empty() && same(place_of(script, -1), written))
      return refusal(fmt::format("the script of --sim and the {} are the same file", what), flag);
  }
  return {};
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
  if (same(input, messages)) return refusal("the texts and the messages are the same file", std::string(kStandardError));
  PLIMSOLL_CHECK(refuse_read_file(options, os, messages, "messages", std::string(kStandardError)));
  if (same(input, output)) return refusal("the texts and the results are the same file", "--output");
  PLIMSOLL_CHECK(refuse_read_file(options, os, output, "results", "--output"));
  // A file that is named is complete before it gets its name, and messages would be lost with what it takes the place of.
  if (!output.descriptor && same(output, messages)) return refusal("the results and the messages are the same file", "--output");
  if (options.report.empty()) return {};
  const Place report = place_of(options.report, STDOUT_FILENO);
  PLIMSOLL_CHECK(refuse_read_file(options, os, report, "report", "--report"));
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
