// Help, man page and completion scripts name every flag there is, and no other.
#include <filesystem>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "arguments/flags.h"
#include "command.h"

namespace plimsoll::test {
namespace {

using cli::CommandSpec;
using cli::FlagSpec;

/// Words that begin with two dashes.
std::set<std::string> flags_in(const std::string& text) {
  std::set<std::string> found;
  for (std::size_t at = text.find("--"); at != std::string::npos; at = text.find("--", at + 2)) {
    std::size_t end = at + 2;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '-')) ++end;
    if (end > at + 2) found.insert(text.substr(at, end - at));
  }
  return found;
}

int count(const std::string& text, const std::string& word) {
  int found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

std::set<std::string> flags_of(const CommandSpec& command) {
  std::set<std::string> names = {"--help"};
  for (const FlagSpec& flag : cli::flag_specs()) {
    if ((flag.commands & command.bit) != 0 && flag.missing.empty()) names.insert(std::string(flag.name));
  }
  return names;
}

TEST(Help, OfTheProgramTeaches) {
  const Finished result = run({"--help"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "");
  for (const char* part : {"plimsoll run ./model", "11.17GiB", "does_not_fit", "PLIMSOLL_ISA", "portable", "NO_COLOR", "141"}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << part;
  }
  for (const CommandSpec& command : cli::command_specs())
    EXPECT_NE(result.out.find("  " + std::string(command.name)), std::string::npos) << command.name;
  for (const auto& command : cli::missing_commands())
    EXPECT_EQ(result.out.find("  " + std::string(command.name) + " "), std::string::npos) << command.name;
}

TEST(Help, OfACommandListsItsFlagsAndNoOthers) {
  for (const CommandSpec& command : cli::command_specs()) {
    const Finished result = run({std::string(command.name), "--help"});
    EXPECT_EQ(result.status, 0);
    const std::set<std::string> shown = flags_in(result.out);
    for (const std::string& flag : flags_of(command)) EXPECT_TRUE(shown.contains(flag)) << command.name << " " << flag;
    for (const FlagSpec& flag : cli::flag_specs()) {
      if (!flag.missing.empty()) {
        EXPECT_FALSE(shown.contains(std::string(flag.name))) << command.name << " " << flag.name;
      }
    }
    // The usage line and at least two examples.
    EXPECT_GE(count(result.out, "plimsoll " + std::string(command.name)), 3) << result.out;
  }
}

std::size_t widest(const std::string& text) {
  std::size_t most = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) most = std::max(most, line.find_last_not_of('\r') + 1);
  return most;
}

TEST(Help, IsAsWideAsItsReader) {
  std::vector<std::vector<std::string>> all = {{"help"}};
  for (const CommandSpec& command : cli::command_specs()) all.push_back({"help", std::string(command.name)});
  for (const auto& arguments : all) EXPECT_LE(widest(run(arguments).out), 80U) << arguments.back();
  Start wide{{"help", "run"}, {}, {"TERM=xterm"}, false, {}, Start::Terminal::all, 200};
  EXPECT_GT(widest(run(wide).err), 80U);
  EXPECT_LE(widest(run(wide).err), 100U);
}

TEST(Help, WorksBehindOtherFlags) { EXPECT_EQ(run({"run", "/nonexistent", "--dtype", "float32", "-h"}).status, 0); }

TEST(Help, IsACommandToo) {
  EXPECT_EQ(run({"help"}).out, run({"--help"}).out);
  for (const CommandSpec& command : cli::command_specs()) {
    const std::string name(command.name);
    const Finished result = run({"help", name});
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.out, run({name, "--help"}).out);
  }
}

TEST(Version, IsPrinted) {
  const std::string version = read_file(std::string(PLIMSOLL_SOURCE_DIR) + "/VERSION");
  for (const std::string way : {"--version", "-V", "version"}) {
    const Finished result = run({way});
    EXPECT_EQ(result.status, 0) << way;
    EXPECT_EQ(result.out, "plimsoll " + version) << way;
  }
}

TEST(Version, IsAnObjectForPrograms) {
  for (const std::string way : {"--version", "-V", "version"}) {
    EXPECT_EQ(run({way, "--json"}).rows().at(0).at("version").get<std::string>() + "\n",
              read_file(std::string(PLIMSOLL_SOURCE_DIR) + "/VERSION"));
  }
}

TEST(ManPage, BreaksItsSynopsisAndExamples) {
  std::istringstream page(read_file(std::string(PLIMSOLL_SOURCE_DIR) + "/docs/man/plimsoll.1"));
  std::string section;
  for (std::string line, before; std::getline(page, line); before = line) {
    if (line.starts_with(".Sh ")) section = line;
    if (section == ".Sh SYNOPSIS" && line.starts_with(".Cm ") && line.find('|') == std::string::npos) {
      EXPECT_EQ(before, ".Nm") << line;
    }
    if (section == ".Sh EXAMPLES" && before.starts_with(".Dl ")) {
      EXPECT_EQ(line, ".Pp") << before;
    }
  }
}

TEST(ManPage, NamesEveryFlagAndNoOther) {
  const std::string page = read_file(std::string(PLIMSOLL_SOURCE_DIR) + "/docs/man/plimsoll.1");
  std::set<std::string> all = {"--help", "--version"};
  for (const CommandSpec& command : cli::command_specs()) all.merge(flags_of(command));
  std::set<std::string> named;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    for (std::string word, before; words >> word; before = word) {
      if (word.starts_with("-") && word.size() > 1 && (before == ".Fl" || before == "Fl" || before == "," || before == "|"))
        named.insert("-" + word);
    }
  }
  for (const std::string& flag : all) EXPECT_TRUE(named.contains(flag)) << flag;
  for (const std::string& flag : named) EXPECT_TRUE(all.contains(flag)) << flag;
  for (const CommandSpec& command : cli::command_specs())
    EXPECT_NE(page.find(".It Cm " + std::string(command.name)), std::string::npos) << command.name;
}

TEST(ManPage, IsWellFormed) {
  if (!std::filesystem::exists("/usr/bin/mandoc")) GTEST_SKIP() << "mandoc is not installed";
  const Finished result = run({"/usr/bin/mandoc", "-Tlint", "-Wwarning", std::string(PLIMSOLL_SOURCE_DIR) + "/docs/man/plimsoll.1"});
  EXPECT_EQ(result.status, 0) << result.out << result.err;
}

TEST(Completion, NamesEveryFlagAndNoOther) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const Finished result = run({"completion", shell});
    ASSERT_EQ(result.status, 0);
    for (const FlagSpec& flag : cli::flag_specs()) {
      const std::string name(flag.name.substr(2));
      const std::string sign = shell == "fish" ? "-l " + name + " " : "--" + name;
      EXPECT_EQ(result.out.find(sign) != std::string::npos, flag.missing.empty()) << shell << " " << flag.name;
    }
  }
}

std::string completed(const std::string& script, const std::string& words, int at) {
  const std::string code =
      script + "\nCOMP_WORDS=(" + words + "); COMP_CWORD=" + std::to_string(at) + "; _plimsoll; echo \"${COMPREPLY[*]}\"";
  const Finished result = run({"/bin/bash", "-c", code});
  EXPECT_EQ(result.status, 0) << result.err;
  return result.out;
}

TEST(Completion, OfBashCompletes) {
  const Folder folder;
  const std::string script = run({"completion", "bash"}).out;
  EXPECT_EQ(run({"/bin/bash", "-n", folder.write("script", script)}).status, 0);
  EXPECT_EQ(completed(script, "plimsoll tok", 1), "tokenize\n");
  EXPECT_EQ(completed(script, "plimsoll run model --max-m", 3), "--max-memory\n");
  EXPECT_EQ(completed(script, "plimsoll run model --dtype bf", 4), "bfloat16\n");
  EXPECT_EQ(completed(script, "plimsoll completion f", 2), "fish\n");
  EXPECT_EQ(completed(script, "plimsoll devices --log", 2), "\n");
}

}  // namespace
}  // namespace plimsoll::test
