// A signal that nothing hears, as where a disk does not answer.
#include "process/signals.h"

#include <csignal>

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

}  // namespace
}  // namespace plimsoll::cli
