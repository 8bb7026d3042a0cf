#include "same_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <system_error>

#include "descriptors.h"

namespace plimsoll::cli {
namespace {

/// A regular file as the system knows it; or, where there is none yet, the path that it would have.
struct Place {
  std::optional<struct stat> file;
  std::string path;
};

Place described(struct stat info) { return S_ISREG(info.st_mode) ? Place{info, {}} : Place{}; }

Place place_of(const std::string& path, int standard) {
  struct stat info {};
  const auto fd = path.empty() || path == "-" ? std::optional(standard) : named_descriptor(path);
  if (fd) return ::fstat(*fd, &info) == 0 ? described(info) : Place{};
  if (::stat(path.c_str(), &info) == 0) return described(info);
  std::error_code error;
  const std::string whole = std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error).string();
  return {std::nullopt, error ? path : whole};
}

bool same(const Place& a, const Place& b) {
  if (a.file && b.file) return a.file->st_dev == b.file->st_dev && a.file->st_ino == b.file->st_ino;
  return !a.path.empty() && a.path == b.path;
}

Error refusal(std::string what, const std::string& flag) {
  return Error{ErrorCode::usage, std::move(what), flag, "give " + flag + " a name of its own"};
}

}  // namespace

Status refuse_same_file(const Options& options) {
  const bool takes_texts = (options.command->bit & (kRun | kPlan | kTokenize)) != 0;
  if (!takes_texts) return {};
  // `plan` looks at standard input without taking anything from it.
  const bool reads = options.texts.empty() && (!options.input.empty() || options.command->bit != kPlan);
  const Place input = reads ? place_of(options.input, STDIN_FILENO) : Place{};
  const Place output = place_of(options.output, STDOUT_FILENO);
  if (same(input, output)) return refusal("the texts and the results are the same file", "--output");
  if (options.report.empty()) return {};
  const Place report = place_of(options.report, STDOUT_FILENO);
  if (same(input, report)) return refusal("the texts and the report are the same file", "--report");
  if (same(output, report)) return refusal("the results and the report are the same file", "--report");
  return {};
}

}  // namespace plimsoll::cli
