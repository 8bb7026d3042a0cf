// Links that stay beneath a folder are followed, links that leave it are not: with openat2 and where there is none.
#include "platform/posix_beneath.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "support/temporary_folder.h"

namespace plimsoll {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

template <int kCode>
long refused(int /*folder*/, const char* /*path*/, const open_how* /*how*/, std::size_t /*size*/) {
  errno = kCode;
  return -1;
}

struct Kind {
  const char* name;
  OpenAt2Call call;
};

class Beneath : public ::testing::TestWithParam<Kind> {
 protected:
  Beneath() {
    tree_.write("secret", "secret");
    tree_.write("root/file", "file");
    tree_.write("root/sub/deep/file", "deep");
    std::filesystem::create_directories(tree_ / "root2");
  }

  void link(const std::string& target, const std::string& name) { std::filesystem::create_symlink(target, tree_ / ("root/" + name)); }

  /// What was read, or what errno says.
  std::string read(const std::string& name) { return read(FolderChain{root()}, name); }
  std::shared_ptr<const Descriptor> root() const {
    return std::make_shared<const Descriptor>(::open((tree_ / "root").c_str(), kFolderFlags));
  }
  static std::string read(const FolderChain& folders, const std::string& name) {
    const Descriptor file = open_beneath(folders, name, kFlags, GetParam().call);
    if (file.get() < 0) return errno == EXDEV ? "leaves" : system_message(errno);
    struct stat info {};
    if (::fstat(file.get(), &info) == 0 && S_ISDIR(info.st_mode)) return "a folder";
    std::array<char, 16> text{};
    const ssize_t got = ::read(file.get(), text.data(), text.size());
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
  }

  TemporaryFolder tree_;
};

TEST_P(Beneath, LinksThatStayAreFollowed) {
  link("file", "plain");
  link("../../file", "sub/deep/up");
  link("sub", "folder");
  link("plain", "chain");
  link("./sub//deep/./../deep/file", "crooked");
  EXPECT_EQ(read("file"), "file");
  EXPECT_EQ(read("sub/deep/file"), "deep");
  EXPECT_EQ(read("plain"), "file");
  EXPECT_EQ(read("sub/deep/up"), "file");
  EXPECT_EQ(read("folder/deep/file"), "deep");
  EXPECT_EQ(read("chain"), "file");
  EXPECT_EQ(read("crooked"), "deep");
  EXPECT_EQ(read("folder/deep/../../file"), "file");
  EXPECT_EQ(read("folder"), "a folder");
  EXPECT_EQ(read("sub/.."), "a folder");
}

TEST_P(Beneath, LinksThatLeaveAreNot) {
  link("../secret", "up");
  link(tree_ / "secret", "absolute");
  link(tree_ / "root/file", "absolute_to_inside");
  link("../root/file", "out_and_in_again");
  link("sub/../../secret", "deep_up");
  link("/proc/self/cwd/secret", "proc");
  link("/proc/self/fd/0", "descriptor");
  link("..", "parent");
  link("up", "chain");
  link("../../../root2", "sub/deep/sibling");
  for (const char* name : {"up", "absolute", "absolute_to_inside", "out_and_in_again", "deep_up", "proc", "descriptor", "parent",
                           "parent/secret", "chain", "sub/deep/sibling", "../secret", "/etc/passwd", "sub/../../secret"})
    EXPECT_EQ(read(name), "leaves") << name;
}

TEST_P(Beneath, WhatCannotBeOpenedIsSaid) {
  link("round", "about");
  link("about", "round");
  link("nothing", "dangling");
  link("file/", "slash");
  std::string target = "file";
  for (int i = 0; i < 41; ++i) link(std::exchange(target, "l" + std::to_string(i)), "l" + std::to_string(i));
  EXPECT_EQ(read("about"), system_message(ELOOP));
  EXPECT_EQ(read("dangling"), system_message(ENOENT));
  EXPECT_EQ(read("nothing"), system_message(ENOENT));
  EXPECT_EQ(read("file/more"), system_message(ENOTDIR));
  EXPECT_EQ(read("slash"), system_message(ENOTDIR));
  EXPECT_EQ(read("l39"), "file");
  EXPECT_EQ(read("l40"), system_message(ELOOP));
  EXPECT_EQ(read(std::string(300, 'n')), system_message(ENAMETOOLONG));
}

TEST_P(Beneath, TheLinksOfOneWayHoldNoMoreThanAPath) {
  const auto padded = [](std::size_t bytes) {
    std::string target;
    while (target.size() < bytes) target += "./";
    return target;
  };
  link(padded(2000) + "file", "l0");
  link(padded(2000) + "l0", "l1");
  link(padded(2000) + "l1", "l2");
  link(padded(4000) + "sub", "way");
  EXPECT_EQ(read("l1"), "file");
  EXPECT_EQ(read("l2"), system_message(ELOOP));
  EXPECT_EQ(read("way/deep/file"), "deep");
  FolderChain folders = {root()};
  ASSERT_TRUE(enter_beneath(folders, "way"));
  EXPECT_EQ(read(folders, "../l1"), "file");
  EXPECT_EQ(read(folders, "../l2"), system_message(ELOOP));
}

TEST_P(Beneath, AFolderFurtherInIsLeftForItsRootAndNoFurther) {
  link("../../file", "sub/deep/up");
  link("../../../secret", "sub/deep/out");
  link("../deep/../../sub/deep/file", "sub/deep/about");
  link("sub", "way");
  for (const char* inside : {"sub/deep", "./sub//deep/", "way/deep", "sub/../sub/deep"}) {
    FolderChain folders = {root()};
    ASSERT_TRUE(enter_beneath(folders, inside)) << inside;
    EXPECT_EQ(read(folders, "file"), "deep") << inside;
    EXPECT_EQ(read(folders, "up"), "file") << inside;
    EXPECT_EQ(read(folders, "about"), "deep") << inside;
    EXPECT_EQ(read(folders, "../../file"), "file") << inside;
    EXPECT_EQ(read(folders, "out"), "leaves") << inside;
    EXPECT_EQ(read(folders, "../../../secret"), "leaves") << inside;
  }
  link("../root2", "away");
  for (const auto& [inside, code] :
       {std::pair{"away", EXDEV}, {"..", EXDEV}, {"/", EXDEV}, {"sub/../../root2", EXDEV}, {"file", ENOTDIR}, {"absent", ENOENT}}) {
    FolderChain folders = {root()};
    errno = 0;
    EXPECT_FALSE(enter_beneath(folders, inside)) << inside;
    EXPECT_EQ(errno, code) << inside;
    EXPECT_EQ(folders.size(), 1U);
  }
}

TEST_P(Beneath, AFifoDoesNotBlock) {
  ASSERT_EQ(::mkfifo((tree_ / "root/fifo").c_str(), 0600), 0);
  EXPECT_EQ(read("fifo"), "");
}

INSTANTIATE_TEST_SUITE_P(Kinds, Beneath,
                         ::testing::Values(Kind{"WithOpenat2", &call_openat2}, Kind{"WithoutSuchACall", &refused<ENOSYS>},
                                           Kind{"WhereAFilterForbidsIt", &refused<EPERM>}, Kind{"AfterARename", &refused<EAGAIN>}),
                         [](const auto& kind) { return kind.param.name; });

TEST(PosixOsBeneath, SaysThatALinkLeavesAndWhatToDo) {
  const TemporaryFolder tree;
  tree.write("secret", "secret");
  tree.write("root/file", "file");
  std::filesystem::create_symlink("../secret", tree / "root/link");
  std::filesystem::create_symlink("root", tree / "name");
  Gate gate;
  const auto os = make_os(gate);
  const auto open = [&](const std::string& folder, const std::string& name) -> Result<std::unique_ptr<File>> {
    PLIMSOLL_TRY(const auto opened, os->open_folder(folder, ""));
    return opened->open(name);
  };
  const auto file = open(tree / "name", "file");
  ASSERT_TRUE(file.ok()) << message(file.error());
  EXPECT_EQ((*file)->path(), tree / "name/file");
  EXPECT_EQ((*file)->size(), 4U);
  const auto link = open(tree / "root", "link");
  ASSERT_FALSE(link.ok());
  EXPECT_EQ(link.error().code, ErrorCode::not_found);
  EXPECT_THAT(message(link.error()), HasSubstr("a link leads out of " + tree / "root"));
  EXPECT_THAT(message(link.error()), HasSubstr("(" + tree / "root/link)"));
  EXPECT_FALSE(open(tree / "root", "absent").ok());
  EXPECT_FALSE(open(tree / "absent", "file").ok());
  EXPECT_FALSE(open(tree.path(), "root").ok());
  const auto out = os->open_folder(tree / "root", "..");
  ASSERT_FALSE(out.ok());
  EXPECT_THAT(message(out.error()), HasSubstr("a link leads out of " + tree / "root"));
  EXPECT_EQ(os->open_folder(tree / "root/file", "").error().what, "there is no such folder");
  EXPECT_EQ(os->real_path(tree / "name/../name"), os->real_path(tree / "root"));
  for (const std::uint64_t ordinal : {1U, 2U}) {
    gate.refuse({.ordinal = ordinal});
    const auto refused = open(tree / "root", "file");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::io);
  }
}

}  // namespace
}  // namespace plimsoll
