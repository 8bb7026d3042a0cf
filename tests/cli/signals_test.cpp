// A signal that nothing hears, as where a disk does not answer.
#include "process/signals.h"

#include <array>
#include <csignal>
#include <string_view>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"

namespace plimsoll::cli {
namespace {

int status_of_stuck(const std::string& file, unsigned patience, bool twice) {
  const pid_t child = ::fork();
  if (child == 0) {
    const Signals signals(patience);
    (void)Signals::remove_on_exit(file);
    ::raise(SIGTERM);
    if (twice) ::raise(SIGINT);
    for (;;) ::pause();
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Signals, EndWhatDoesNotEndByItself) {
  const test::Folder folder;
  const std::string file = folder.write("answers.tmp", "half");
  EXPECT_EQ(status_of_stuck(file, 1, false), 143);
  EXPECT_TRUE(test::names_in(folder.path()).empty()) << "no half file";
}

TEST(Signals, TheSecondEndsAtOnce) {
  const test::Folder folder;
  const std::string file = folder.write("answers.tmp", "half");
  EXPECT_EQ(status_of_stuck(file, 0, true), 130);
  EXPECT_TRUE(test::names_in(folder.path()).empty());
}

// What nobody catches ends the process where it stands: in the middle of a screen.
TEST(Signals, GiveAScreenBackWhatever) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    Signals::restore_on_exit({}, "as before");
    Signals::restore();
    Signals::nothing_to_restore();
    Signals::restore();
    ::_exit(0);
  }
  ::close(ends[1]);
  ::waitpid(child, nullptr, 0);
  std::array<char, 64> text{};
  const ssize_t size = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  EXPECT_EQ(std::string_view(text.data(), size < 0 ? 0 : static_cast<std::size_t>(size)), "as before");
}

}  // namespace
}  // namespace plimsoll::cli
