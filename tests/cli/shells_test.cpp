// Completion as the shells themselves do it, where they are installed.
#include <filesystem>
#include <sstream>

#include <gtest/gtest.h>

#include "command.h"

namespace plimsoll::test {
namespace {

struct Case {
  const char* typed;
  const char* completed;
};

constexpr Case kCases[] = {
    {"plimsoll tok", "plimsoll tokenize"},
    {"plimsoll vers", "plimsoll version"},
    {"plimsoll --v", "plimsoll --version"},
    {"plimsoll help tok", "plimsoll help tokenize"},
    {"plimsoll run model --max-m", "plimsoll run model --max-memory"},
    {"plimsoll run model -q --no-p", "plimsoll run model -q --no-progress"},
    {"plimsoll run model --dtype bf", "plimsoll run model --dtype bfloat16"},
    {"plimsoll run model --dtype=bf", "plimsoll run model --dtype=bfloat16"},
    {"plimsoll run model --allow bfloat16,fl", "plimsoll run model --allow bfloat16,float16"},
    {"plimsoll run model --device cu", "plimsoll run model --device cuda:0"},
    {"plimsoll run model --device cuda:", "plimsoll run model --device cuda:0"},
    {"plimsoll run model --device sim:0", "plimsoll run model --device sim:0"},
    {"plimsoll run model --device=sim:", "plimsoll run model --device=sim:0"},
    {"plimsoll run model --input colon:f", "plimsoll run model --input colon:file"},
    {"plimsoll completion f", "plimsoll completion fish"},
    {"plimsoll run model --input only-f", "plimsoll run model --input only-file"},
    {"plimsoll run model --device-map seq", "plimsoll run model --device-map sequential"},
    {"plimsoll run model --device-map only-f", "plimsoll run model --device-map only-file"},
    {"plimsoll run only-d", "plimsoll run only-directory"},
    {"plimsoll doctor only-f", "plimsoll doctor only-file"},
    {"plimsoll devices --log", "plimsoll devices --log"},
    {"plimsoll devices only-f", "plimsoll devices only-f"},
    {"plimsoll plan run --log", "plimsoll plan run --log"},
    {"plimsoll run model -- --js", "plimsoll run model -- --js"},
};

/// A folder with something to complete in it.
class Shells : public ::testing::Test {
 protected:
  Shells() {
    folder_.write("only-file", "");
    folder_.write("colon:file", "");
    std::filesystem::create_directory(folder_ / "only-directory");
  }

  Finished in_folder(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder_.path()});
    return run(Start{arguments, {}, {"TERM=xterm", "ZDOTDIR=" + folder_.path(), "XDG_CONFIG_HOME=" + folder_.path()}, false, {}});
  }

  const Folder folder_;
};

/// Without what a shell puts behind a word so that more can follow.
std::string trimmed(std::string line) {
  while (!line.empty() && std::string_view(" \n=/,").find(line.back()) != std::string_view::npos) line.pop_back();
  return line;
}

// Types lines, each with the tabulator behind it, into an interactive shell that writes down what it made of them.
constexpr const char* kZshSettings = R"(
fpath=($ZDOTDIR $fpath)
autoload -U compinit
compinit -u -D
setopt no_beep
note() { print -r -- "$BUFFER" >> $ZDOTDIR/lines; BUFFER= }
zle -N note
bindkey '^T' note
)";
constexpr const char* kZshDriver = R"(
zmodload zsh/zpty zsh/zselect zsh/mapfile
zpty -b shell "zsh -i"
for line in "$@"; do
  before=$mapfile[$ZDOTDIR/lines]
  zpty -w -n shell "$line"$'\t\x14'
  for (( i = 0; i < 1000; i++ )); do
    zpty -r -t shell printed
    [[ $mapfile[$ZDOTDIR/lines] != $before ]] && break
    zselect -t 1
  done
done
zpty -d shell
)";

TEST_F(Shells, OfZsh) {
  if (!std::filesystem::exists("/usr/bin/zsh")) GTEST_SKIP() << "zsh is not installed";
  folder_.write("_plimsoll", run({"completion", "zsh"}).out);
  folder_.write(".zshrc", kZshSettings);
  std::vector<std::string> arguments = {"/usr/bin/zsh", "-f", "-c", kZshDriver, "zsh"};
  for (const Case& each : kCases) arguments.emplace_back(each.typed);
  in_folder(arguments);
  std::istringstream lines(read_file(folder_ / "lines"));
  for (const auto& [typed, completed] : kCases) {
    std::string line;
    std::getline(lines, line);
    EXPECT_EQ(trimmed(line), completed) << typed;
  }
}

TEST_F(Shells, OfZshMayBeSourced) {
  if (!std::filesystem::exists("/usr/bin/zsh")) GTEST_SKIP() << "zsh is not installed";
  const std::string script = folder_.write("script", run({"completion", "zsh"}).out);
  const Finished result = in_folder(
      {"/usr/bin/zsh", "-f", "-c", "autoload -U compinit; compinit -u -D; source \"$1\"; print $_comps[plimsoll]", "zsh", script});
  EXPECT_EQ(result.out, "_plimsoll\n") << result.err;
}

TEST_F(Shells, OfFish) {
  if (!std::filesystem::exists("/usr/bin/fish")) GTEST_SKIP() << "fish is not installed";
  const std::string script = folder_.write("script.fish", run({"completion", "fish"}).out);
  for (const auto& [typed, completed] : kCases) {
    const Finished result = in_folder({"/usr/bin/fish", "-c", "source $argv[1]; complete -C $argv[2]", script, typed});
    const std::string line = typed;
    const std::string word = result.out.substr(0, result.out.find_first_of("\t\n"));
    const std::string made = word.empty() ? line : line.substr(0, line.rfind(' ') + 1) + word;
    EXPECT_EQ(trimmed(made), completed) << result.out << result.err;
  }
}

// Bash hands its words over; the script is asked as bash asks it.
constexpr const char* kBashDriver = R"(
set -u
source "$1"
line=${2//=/ = }
line=${line//:/ : }
read -ra COMP_WORDS <<< "$line"
COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
_plimsoll
printf '%s\n' "${COMPREPLY[@]}"
)";

TEST_F(Shells, OfBash) {
  const std::string script = folder_.write("script.bash", run({"completion", "bash"}).out);
  for (const auto& [typed, completed] : kCases) {
    const Finished result = in_folder({"/bin/bash", "-c", kBashDriver, "bash", script, typed});
    const std::string line = typed;
    const std::string word = result.out.substr(0, result.out.find('\n'));
    const std::string made = word.empty() ? line : line.substr(0, line.find_last_of(" =:") + 1) + word;
    EXPECT_EQ(trimmed(made), completed) << result.out << result.err;
    EXPECT_EQ(result.err, "") << typed;
  }
}

}  // namespace
}  // namespace plimsoll::test
