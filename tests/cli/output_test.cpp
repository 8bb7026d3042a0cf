#include "process/output.h"

#include <array>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "command.h"

namespace plimsoll::cli {
namespace {

using test::Folder;

TEST(Output, HasNoNameBeforeItIsCommitted) {
  const Folder folder;
  Gate gate;
  CancelToken cancel;
  {
    auto output = Output::open(folder / "a", gate, cancel);
    ASSERT_TRUE(output.ok());
    output->write(std::string(100'000, 'x'));
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  }
  EXPECT_TRUE(test::names_in(folder.path()).empty());
  auto output = Output::open(folder / "a", gate, cancel);
  output->write("done");
  ASSERT_TRUE(output->commit().ok());
  EXPECT_EQ(test::read_file(folder / "a"), "done");
  EXPECT_EQ(test::names_in(folder.path()).size(), 1U);
}

TEST(Output, PassesOverFilesThatAProcessOfItsNumberLeft) {
  const Folder folder;
  const std::string left = folder.write("a." + std::to_string(::getpid()) + ".tmp", "left");
  Gate gate;
  CancelToken cancel;
  auto output = Output::open(folder / "a", gate, cancel);
  ASSERT_TRUE(output.ok()) << message(output.error());
  output->write("done");
  ASSERT_TRUE(output->commit().ok());
  EXPECT_EQ(test::read_file(folder / "a"), "done");
  EXPECT_EQ(test::read_file(left), "left");
  EXPECT_EQ(test::names_in(folder.path()).size(), 2U);
}

TEST(Output, InMemoryGrowsAsFarAsItIsGranted) {
  const int fd = ::memfd_create("results", 0);  // open as whoever starts a command would give it
  ASSERT_GE(fd, 0);
  Gate gate;
  CancelToken cancel;
  auto output = Output::open("/proc/self/fd/" + std::to_string(fd), gate, cancel);
  ASSERT_TRUE(output.ok()) << message(output.error());
  int asked = 0;
  {
    const FileGrowth::Watch growth(output->growth(), [&] { return ++asked <= 2 ? kib(50) : Bytes{}; });
    for (int i = 0; i < 10; ++i) output->write(std::string(20'000, 'x'));
    EXPECT_EQ(asked, 3);
    const Status written = output->flush();
    EXPECT_EQ(written.error().code, ErrorCode::io);
    EXPECT_NE(written.error().what.find("tmpfs"), std::string::npos) << message(written.error());
  }
  struct stat info {};
  ASSERT_EQ(::fstat(fd, &info), 0);
  EXPECT_EQ(info.st_size, 104 * 1024) << "where it lies is seen by its first 4 KiB";
  ::close(fd);
}

TEST(FileGrowth, AdmitsWholeMessagesAndRemembersARefusal) {
  const int fd = ::memfd_create("messages", 0);
  ASSERT_GE(fd, 0);
  FileGrowth growth;
  int asked = 0;
  const FileGrowth::Watch watch(growth, [&] { return ++asked == 1 ? kib(5) : Bytes{}; });
  EXPECT_TRUE(growth.admits(10)) << "where it lies is not known yet";
  ASSERT_EQ(::write(fd, "x", 1), 1);
  growth.written(fd);
  EXPECT_TRUE(growth.admits(3000));
  EXPECT_FALSE(growth.admits(3000)) << "half a message is none";
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(growth.admits(10));
  EXPECT_LE(asked, 3) << "each is a look at the machine";
  ::close(fd);
}

TEST(Output, OnADiskNeverAsks) {
  const Folder folder;
  struct statfs system {};
  ASSERT_EQ(::statfs(folder.path().c_str(), &system), 0);
  if (system.f_type == TMPFS_MAGIC) GTEST_SKIP() << "temporary folders lie in memory here";
  Gate gate;
  CancelToken cancel;
  auto output = Output::open(folder / "a", gate, cancel);
  ASSERT_TRUE(output.ok());
  const FileGrowth::Watch growth(output->growth(), [] { return Bytes{}; });
  output->write(std::string(100'000, 'x'));
  EXPECT_TRUE(output->commit().ok());
}

TEST(Output, MayHaveAnyNameThatAFileMayHave) {
  const Folder folder;
  Gate gate;
  CancelToken cancel;
  for (const std::size_t length : {200U, 231U, 232U, 255U}) {
    const std::string path = folder / std::string(length, 'x');
    auto output = Output::open(path, gate, cancel);
    ASSERT_TRUE(output.ok()) << message(output.error());
    output->write("done");
    ASSERT_TRUE(output->commit().ok()) << length;
    EXPECT_EQ(test::read_file(path), "done");
  }
  EXPECT_EQ(test::names_in(folder.path()).size(), 4U);
  EXPECT_FALSE(Output::open(folder / std::string(256, 'x'), gate, cancel).ok());
}

// A pipe that is full when the run is stopped has been sent whole lines.
TEST(Output, CutsNoLineForAReaderThatIsSlow) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  Gate gate;
  CancelToken cancel;
  {
    auto output = Output::open("/proc/self/fd/" + std::to_string(ends[1]), gate, cancel);
    ASSERT_TRUE(output.ok()) << message(output.error());
    cancel.cancel();
    for (int i = 0; i < 1000; ++i) {
      output->write("a line ");
      output->write(std::string(static_cast<std::size_t>(i % 300), 'x'));
      output->write("\n");
    }
    EXPECT_EQ(output->flush().error().code, ErrorCode::cancelled);
  }
  ::close(ends[1]);
  std::string got;
  std::array<char, 4096> block{};
  for (ssize_t size = 0; (size = ::read(ends[0], block.data(), block.size())) > 0;)
    got.append(block.data(), static_cast<std::size_t>(size));
  ::close(ends[0]);
  EXPECT_GT(got.size(), 32'000U);
  EXPECT_TRUE(got.ends_with("\n")) << got.substr(got.size() - 40);
}

// As /dev/fd/3 would be, where nobody has opened a descriptor 3 for this process, and it has one itself.
TEST(Output, IsNotADescriptorThatNobodyGave) {
  const Folder folder;
  const int own = ::open((folder / "own").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(own, 0);
  Gate gate;
  CancelToken cancel;
  for (const std::string parent : {"/dev/fd/", "/proc/self/fd/"}) {
    const auto output = Output::open(parent + std::to_string(own), gate, cancel);
    ASSERT_FALSE(output.ok());
    EXPECT_EQ(output.error().code, ErrorCode::not_found);
  }
  ::close(own);
  EXPECT_EQ(test::names_in(folder.path()).size(), 1U);
}

// /dev/random is never called writable by poll once the system has gathered what it wants.
TEST(Output, DoesNotWaitForADeviceThatTakesAll) {
  Gate gate;
  CancelToken cancel;
  for (const std::string path : {"/dev/random", "/dev/null"}) {
    auto output = Output::open(path, gate, cancel);
    if (!output.ok()) GTEST_SKIP() << message(output.error());
    output->write("text");
    EXPECT_TRUE(output->flush().ok()) << path;
  }
}

// Where the system follows no link, as another user's in /tmp, nothing is written through it.
TEST(Output, IsNotWhereTheSystemDoesNotLook) {
  const Folder folder;
  std::filesystem::create_symlink("loop", folder / "loop");
  Gate gate;
  CancelToken cancel;
  const auto output = Output::open(folder / "loop", gate, cancel);
  ASSERT_FALSE(output.ok());
  EXPECT_EQ(output.error().code, ErrorCode::not_found);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "loop"));
}

// Found out before anything is computed.
TEST(Output, TakesNoPlaceOfAFileThatMayNotBeReplaced) {
  const Folder folder;
  const std::string path = folder.write("a", "kept");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  for (const int wanted : {FS_IMMUTABLE_FL, FS_APPEND_FL}) {
    int attributes = 0;
    ASSERT_EQ(::ioctl(fd, FS_IOC_GETFLAGS, &attributes), 0);
    int changed = attributes | wanted;
    if (::ioctl(fd, FS_IOC_SETFLAGS, &changed) != 0) {
      ::close(fd);
      GTEST_SKIP() << "files cannot be given attributes here";
    }
    Gate gate;
    CancelToken cancel;
    const auto output = Output::open(path, gate, cancel);
    EXPECT_EQ(::ioctl(fd, FS_IOC_SETFLAGS, &attributes), 0);
    ASSERT_FALSE(output.ok());
    EXPECT_NE(message(output.error()).find("chattr"), std::string::npos) << message(output.error());
  }
  ::close(fd);
  EXPECT_EQ(test::names_in(folder.path()).size(), 1U);
}

TEST(Output, IsAsPrivateAsWhatItReplaces) {
  const Folder folder;
  const std::string path = folder.write("a", "secret");
  std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  Gate gate;
  CancelToken cancel;
  auto output = Output::open(path, gate, cancel);
  ASSERT_TRUE(output.ok());
  output->write("more of it");
  ASSERT_TRUE(output->commit().ok());
  EXPECT_EQ(test::read_file(path), "more of it");
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

// Not even while it is written, nor by a group or an access list that the replaced file did not have.
TEST(Output, IsNeverReadableByMoreThanWhatItReplaces) {
  const Folder folder;
  const std::string path = folder.write("a", "secret");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  if (::chown(path.c_str(), static_cast<uid_t>(-1), 12345) != 0) GTEST_SKIP() << "files cannot be given to other groups here";
  // One other user may read, and the group may not: the group's bits then say what is allowed at most.
  constexpr std::array<unsigned char, 44> kList = {2, 0,  0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  4,
                                                   0, 57, 48,  0,   0,   4,   0,  0, 0,   255, 255, 255, 255, 16, 0,
                                                   4, 0,  255, 255, 255, 255, 32, 0, 0,   0,   255, 255, 255, 255};
  const bool listed = ::setxattr(path.c_str(), "system.posix_acl_access", kList.data(), kList.size(), 0) == 0;
  Gate gate;
  CancelToken cancel;
  const mode_t before = ::umask(0);
  auto output = Output::open(path, gate, cancel);
  ::umask(before);
  ASSERT_TRUE(output.ok());
  output->write("more of it");
  ASSERT_TRUE(output->commit().ok());
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_gid, 12345U);
  EXPECT_EQ(info.st_mode & 07777U, 0640U);
  if (!listed) return;
  std::array<unsigned char, 44> list{};
  EXPECT_EQ(::getxattr(path.c_str(), "system.posix_acl_access", list.data(), list.size()), static_cast<ssize_t>(list.size()));
  EXPECT_EQ(list, kList);
}

TEST(Output, FailsForEveryAcquisitionThatIsRefused) {
  for (std::uint64_t ordinal = 1;; ++ordinal) {
    ASSERT_LT(ordinal, 20U);
    const Folder folder;
    Gate gate;
    CancelToken cancel;
    gate.refuse({ordinal, false, -1});
    auto output = Output::open(folder / "a", gate, cancel);
    Status status = output.ok() ? Status() : Status(output.error());
    if (output.ok()) {
      for (int i = 0; i < 3; ++i) output->write(std::string(20'000, 'x'));
      status = output->commit();
    }
    if (gate.refused() == 0) {
      EXPECT_TRUE(status.ok());
      EXPECT_EQ(test::read_file(folder / "a").size(), 60'000U);
      break;
    }
    ASSERT_FALSE(status.ok()) << ordinal;
    EXPECT_EQ(status.error().code, ErrorCode::io);
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  }
}

}  // namespace
}  // namespace plimsoll::cli
