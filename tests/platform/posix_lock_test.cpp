#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include <plimsoll/os.h>

#include "support/temporary_folder.h"

namespace plimsoll {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class LockTest : public ::testing::Test {
 protected:
  testing::TemporaryFolder folder_;
  Gate gate_;
  std::unique_ptr<Os> os_ = make_os(gate_);
  std::string path_ = folder_ / "lock";
};

TEST_F(LockTest, HoldsAgainstEveryOtherAndLetsGo) {
  {
    const auto lock = os_->lock_file(path_, milliseconds(0));
    ASSERT_TRUE(lock.ok()) << message(lock.error());
    const auto second = os_->lock_file(path_, milliseconds(30));
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::io);
    EXPECT_THAT(message(second.error()), HasSubstr("30 ms"));
    EXPECT_TRUE(os_->lock_file(folder_ / "another", milliseconds(0)).ok());
  }
  EXPECT_TRUE(os_->lock_file(path_, milliseconds(0)).ok());
}

TEST_F(LockTest, MayBeAskedAboutWithoutBeingTaken) {
  EXPECT_FALSE(os_->is_locked(path_));
  EXPECT_NE(::access(path_.c_str(), F_OK), 0) << "asking makes no file";
  {
    const auto lock = os_->lock_file(path_, milliseconds(0));
    ASSERT_TRUE(lock.ok());
    EXPECT_TRUE(os_->is_locked(path_));
  }
  EXPECT_FALSE(os_->is_locked(path_));
}

TEST_F(LockTest, HoldsATextThatIsReplacedInPlace) {
  const auto lock = os_->lock_file(path_, milliseconds(0));
  ASSERT_TRUE(lock.ok());
  ASSERT_TRUE((*lock)->write("a long text\n").ok());
  ASSERT_TRUE((*lock)->write("short\n").ok());
  EXPECT_EQ(os_->read_text(path_, 100).value(), "short\n");
  EXPECT_TRUE(os_->is_locked(path_));
  gate_.refuse({1, false, static_cast<int>(Acquisition::write)});
  EXPECT_EQ((*lock)->write("never").error().code, ErrorCode::io);
}

TEST_F(LockTest, IsOfTheFileThatHasTheNameNow) {
  const auto first = os_->lock_file(path_, milliseconds(0));
  ASSERT_TRUE(first.ok());
  os_->remove_file(path_);
  const auto second = os_->lock_file(path_, milliseconds(0));
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(os_->is_locked(path_));
}

TEST_F(LockTest, EndsWithAProcessThatIsKilled) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = os_->lock_file(path_, milliseconds(0));
    const char mark = lock.ok() ? 'y' : 'n';
    if (::write(ready[1], &mark, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char mark = 0;
  ASSERT_EQ(::read(ready[0], &mark, 1), 1);
  EXPECT_EQ(mark, 'y');
  EXPECT_FALSE(os_->lock_file(path_, milliseconds(0)).ok());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(os_->lock_file(path_, milliseconds(0)).ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(LockTest, RefusesLinksAndWhatCannotBeMade) {
  ASSERT_EQ(::symlink("/dev/null", path_.c_str()), 0);
  EXPECT_FALSE(os_->lock_file(path_, milliseconds(0)).ok());
  EXPECT_FALSE(os_->lock_file(folder_ / "absent/lock", milliseconds(0)).ok());
  gate_.refuse({1});
  const auto refused = os_->lock_file(folder_ / "other", milliseconds(0));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::io);
}

class PrivateFolderTest : public LockTest {
 protected:
  PrivateFolderTest() { ::setenv("XDG_RUNTIME_DIR", folder_.path().c_str(), 1); }
  ~PrivateFolderTest() override { ::unsetenv("XDG_RUNTIME_DIR"); }
  std::string expected_ = folder_ / "plimsoll";
};

TEST_F(PrivateFolderTest, IsMadeForThisUserAlone) {
  for (int i = 0; i < 2; ++i) {
    const auto folder = os_->private_folder();
    ASSERT_TRUE(folder.ok()) << message(folder.error());
    EXPECT_EQ(folder.value(), expected_);
  }
  struct stat info {};
  ASSERT_EQ(::stat(expected_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  ::setenv("XDG_RUNTIME_DIR", "relative", 1);
  const auto fallback = os_->private_folder();
  EXPECT_TRUE(!fallback.ok() || fallback.value() == "/tmp/plimsoll-" + std::to_string(::geteuid()));
}

TEST_F(PrivateFolderTest, RefusesWhatOthersMayEnterOrHavePlanted) {
  ASSERT_EQ(::mkdir(expected_.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(expected_.c_str(), 0755), 0);
  EXPECT_FALSE(os_->private_folder().ok());
  ASSERT_EQ(::rmdir(expected_.c_str()), 0);
  ASSERT_EQ(::mkdir((folder_ / "elsewhere").c_str(), 0700), 0);
  ASSERT_EQ(::symlink((folder_ / "elsewhere").c_str(), expected_.c_str()), 0);
  EXPECT_FALSE(os_->private_folder().ok());
  ASSERT_EQ(::unlink(expected_.c_str()), 0);
  folder_.write("plimsoll", "a file");
  const auto refused = os_->private_folder();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().advice, "remove it, or set XDG_RUNTIME_DIR to another folder of yours");
  ::setenv("XDG_RUNTIME_DIR", "/proc", 1);
  EXPECT_EQ(os_->private_folder().error().advice, "set XDG_RUNTIME_DIR to another folder of yours");
}

TEST_F(LockTest, ASignalEndsAWaitAndNothingElse) {
  CancelToken cancel;
  std::unique_ptr<FileLock> held = os_->lock_file(path_, milliseconds(0)).value();
  std::thread later([&] {
    std::this_thread::sleep_for(milliseconds(50));
    cancel.cancel();
  });
  const auto begin = os_->now();
  const auto waited = os_->lock_file(path_, milliseconds(20'000), &cancel);
  later.join();
  ASSERT_FALSE(waited.ok());
  EXPECT_EQ(waited.error().code, ErrorCode::cancelled);
  EXPECT_LT(os_->now() - begin, std::chrono::seconds(5));
  held.reset();
  EXPECT_TRUE(os_->lock_file(path_, milliseconds(0), &cancel).ok()) << "no wait, no reason to fail";
}

}  // namespace
}  // namespace plimsoll
