#include "probe/cgroup.h"

#include <gtest/gtest.h>

#include "probe/fake_machine.h"

namespace plimsoll::probe {
namespace {

using testing::FakeOs;
using testing::lines;
using testing::mount_line;
using testing::version1_mount;
using testing::version2_mount;
using Paths = std::vector<std::string>;

std::vector<GroupChain> find(const std::string& groups, const std::string& mounts, const char* controller = "memory") {
  FakeOs os;
  os.files["/proc/self/cgroup"] = groups;
  os.files["/proc/self/mountinfo"] = mounts;
  return find_group_chains(os, controller);
}

TEST(FindGroupChains, WalksFromTheProcessUpToTheMount) {
  const auto chains = find("0::/user.slice/job/inner\n", version2_mount());
  ASSERT_EQ(chains.size(), 1U);
  EXPECT_TRUE(chains[0].unified);
  EXPECT_EQ(chains[0].directories,
            (Paths{"/sys/fs/cgroup/user.slice/job/inner", "/sys/fs/cgroup/user.slice/job", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"}));
}

TEST(FindGroupChains, OfAProcessInTheRootIsTheMountAlone) {
  const auto chains = find("0::/\n", version2_mount());
  ASSERT_EQ(chains.size(), 1U);
  EXPECT_EQ(chains[0].directories, Paths{"/sys/fs/cgroup"});
}

TEST(FindGroupChains, SeesBothVersionsOfAHybridMachine) {
  const std::string groups = lines({"9:name=systemd:/", "4:memory:/job", "1:cpu,cpuacct:/fast", "0::/unified"});
  const std::string mounts =
      lines({"22 27 0:21 / /proc rw - proc proc rw", version1_mount("cpu,cpuacct"), version1_mount("memory"),
             mount_line("/", "/sys/fs/cgroup/systemd", "cgroup", "rw,name=systemd"), version2_mount("/", "/sys/fs/cgroup/unified")});
  const auto memory = find(groups, mounts);
  ASSERT_EQ(memory.size(), 2U);
  EXPECT_EQ(memory[0].directories, (Paths{"/sys/fs/cgroup/memory/job", "/sys/fs/cgroup/memory"}));
  EXPECT_EQ(memory[1].directories, (Paths{"/sys/fs/cgroup/unified/unified", "/sys/fs/cgroup/unified"}));
  EXPECT_EQ(find(groups, mounts, "cpu")[0].directories.front(), "/sys/fs/cgroup/cpu,cpuacct/fast");
  EXPECT_EQ(find(groups, mounts, "cpuacct")[0].directories.front(), "/sys/fs/cgroup/cpu,cpuacct/fast");
  EXPECT_EQ(find(groups, mounts, "pids").size(), 1U) << "only the unified hierarchy could have it";
}

TEST(FindGroupChains, StripsTheRootOfAContainersMount) {
  // Version 1 without a cgroup namespace: the container sees its own group as the mount's root.
  const auto chains = find("4:memory:/docker/abc/inner\n", version1_mount("memory", "/docker/abc"));
  ASSERT_EQ(chains.size(), 1U);
  EXPECT_EQ(chains[0].directories, (Paths{"/sys/fs/cgroup/memory/inner", "/sys/fs/cgroup/memory"}));
  EXPECT_EQ(find("4:memory:/docker/abc\n", version1_mount("memory", "/docker/abc"))[0].directories, Paths{"/sys/fs/cgroup/memory"});
}

TEST(FindGroupChains, TakesTheMountsTopWhenTheProcessIsNotBelowIt) {
  EXPECT_EQ(find("4:memory:/docker/abcdef\n", version1_mount("memory", "/docker/abc"))[0].directories, Paths{"/sys/fs/cgroup/memory"})
      << "a prefix of a name is no folder";
  EXPECT_EQ(find("0::/\n", version2_mount("/../.."))[0].directories, Paths{"/sys/fs/cgroup"}) << "mounted outside of our namespace";
  EXPECT_EQ(find("0::/../other\n", version2_mount())[0].directories, Paths{"/sys/fs/cgroup"}) << "never climbs out of the mount";
  EXPECT_EQ(find("0::/../../a\n", version2_mount("/../.."))[0].directories, (Paths{"/sys/fs/cgroup/a", "/sys/fs/cgroup"}));
}

// A namespace of groups without a mount of its own: mountinfo tells how deep it begins, and nobody what lies between.
TEST(FindGroupChains, LooksForTheGroupThatANamespaceHides) {
  FakeOs os;
  os.files = {{"/proc/self/cgroup", "4:memory:/\n"},
              {"/proc/self/mountinfo", version1_mount("memory", "/../..")},
              {"/proc/self/status", "Name:\tx\nPid:\t77\n"},
              {"/sys/fs/cgroup/memory/cgroup.procs", "1\n77\n"},
              {"/sys/fs/cgroup/memory/a/cgroup.procs", "2\n"},
              {"/sys/fs/cgroup/memory/a/in/cgroup.procs", "770\n7\n"},
              {"/sys/fs/cgroup/memory/b/in/cgroup.procs", "5\n77\n8\n"},
              {"/sys/fs/cgroup/memory/b/in/deep/cgroup.procs", "77\n"}};
  const auto found = read_group_chains(os, "memory");
  ASSERT_EQ(found->chains.size(), 1U);
  EXPECT_EQ(found->chains[0].directories, (Paths{"/sys/fs/cgroup/memory/b/in", "/sys/fs/cgroup/memory/b", "/sys/fs/cgroup/memory"}));
  EXPECT_EQ(found->unseen, "");
  os.files["/proc/self/cgroup"] = "4:memory:/../in/deep\n";  // moved out of the namespace's top
  EXPECT_EQ(find_group_chains(os, "memory")[0].directories.front(), "/sys/fs/cgroup/memory/b/in/deep");
}

TEST(FindGroupChains, SaysWhatCannotBeSeen) {
  const auto unseen = [](const std::string& groups, const std::string& mounts) {
    FakeOs os;
    os.files = {{"/proc/self/cgroup", groups}, {"/proc/self/mountinfo", mounts}};
    return read_group_chains(os, "memory")->unseen;
  };
  EXPECT_EQ(unseen("0::/\n", version2_mount("/../..")), "the group of this process is not to be found below /sys/fs/cgroup");
  EXPECT_EQ(unseen("0::/user.slice\n", ""), "this process is in /user.slice, and no file system shows the limits there");
  EXPECT_EQ(unseen("0::/\n", ""), "");
  EXPECT_EQ(unseen("0::/job\n", version2_mount()), "");
  EXPECT_EQ(unseen(lines({"4:memory:/job", "0::/job"}), version1_mount("memory")), "") << "the controller is in version 1";
  EXPECT_NE(unseen(lines({"4:memory:/job", "0::/job"}), version2_mount()), "");
}

TEST(FindGroupChains, PrefersTheMountThatShowsMostAncestors) {
  const auto chains =
      find("0::/a/b\n", lines({version2_mount("/a/b", "/narrow"), version2_mount("/", "/wide"), version2_mount("/a", "/middle")}));
  ASSERT_EQ(chains.size(), 1U);
  EXPECT_EQ(chains[0].directories, (Paths{"/wide/a/b", "/wide/a", "/wide"}));
}

// A mount that another covers is listed all the same, and shows nothing.
TEST(FindGroupChains, PrefersAMountThatIsNotCovered) {
  FakeOs os;
  os.files = {{"/proc/self/cgroup", "0::/a\n"},
              {"/proc/self/mountinfo", lines({version2_mount("/", "/sys/fs/cgroup"), version2_mount("/", "/sys/fs/cgroup/m")})},
              {"/sys/fs/cgroup/m/a/cgroup.procs", "77\n"}};
  EXPECT_EQ(find_group_chains(os, "memory")[0].directories, (Paths{"/sys/fs/cgroup/m/a", "/sys/fs/cgroup/m"}));
  // Of very many mounts the one that shows most is not forgotten.
  std::string mounts = version2_mount("/", "/sys/fs/cgroup") + "\n";
  for (int i = 0; i < 40; ++i) mounts += version2_mount("/a", "/bound/" + std::to_string(i)) + "\n";
  os.files["/proc/self/mountinfo"] = mounts;
  os.files["/sys/fs/cgroup/a/cgroup.procs"] = os.files["/bound/7/cgroup.procs"] = "77\n";
  EXPECT_EQ(find_group_chains(os, "memory")[0].directories, (Paths{"/sys/fs/cgroup/a", "/sys/fs/cgroup"}));
}

TEST(FindGroupChains, ReadsOddNames) {
  EXPECT_EQ(find("0::/a:b c\n", version2_mount())[0].directories.front(), "/sys/fs/cgroup/a:b c") << "colons and blanks belong to the path";
  EXPECT_EQ(find("0::/x\n", version2_mount("/", "/mnt/my\\040groups\\134"))[0].directories.front(), "/mnt/my groups\\/x");
}

TEST(FindGroupChains, IsEmptyWithoutCgroups) {
  FakeOs bare;
  EXPECT_TRUE(find_group_chains(bare, "memory").empty());
  EXPECT_TRUE(find("", "").empty());
  EXPECT_TRUE(find("0::/a\n", "").empty());
  EXPECT_TRUE(find("", version2_mount()).empty());
}

TEST(FindGroupChains, AreFoundBehindAnyNumberOfMounts) {
  const std::string other = "36 31 0:33 / /" + std::string(4000, 'p') + " rw - tmpfs tmpfs rw\n";
  std::string mounts;
  while (mounts.size() < (std::size_t{6} << 20U)) mounts += other;
  const auto chains = find("0::/job\n", mounts + version2_mount() + "\n");
  ASSERT_EQ(chains.size(), 1U);
  EXPECT_EQ(chains[0].directories.front(), "/sys/fs/cgroup/job");
}

TEST(FindGroupChains, FailWhereAListIsThereAndCannotBeRead) {
  for (const char* name : {"/proc/self/cgroup", "/proc/self/mountinfo"}) {
    FakeOs os;
    os.files = {{"/proc/self/cgroup", "0::/job\n"}, {"/proc/self/mountinfo", version2_mount()}, {"/proc/self/status", "Pid:\t77\n"}};
    ASSERT_TRUE(read_group_chains(os, "memory").ok());
    os.files.erase(name);
    EXPECT_TRUE(read_group_chains(os, "memory")->chains.empty()) << "absent is no failure";
    os.files[name] = "";
    os.gate().refuse_where([&](Acquisition kind, std::string_view) { return kind == Acquisition::read; });
    const auto refused = read_group_chains(os, "memory");
    ASSERT_FALSE(refused.ok()) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::io);
    EXPECT_TRUE(find_group_chains(os, "memory").empty());
  }
}

TEST(FindGroupChains, SurvivesGarbage) {
  const Paths garbage = {"garbage",
                         ":::::",
                         "0::relative",
                         "\n\n\n",
                         "x:memory",
                         "4:memory",
                         std::string("\0\0\0", 3),
                         "0::/" + std::string(100000, 'a'),
                         "35 31 0:32 / /p -",
                         "- - - - - - -",
                         "1 2 3 4 5 6 -",
                         "1 2 3 4 5 6 - cgroup cgroup",
                         std::string(100000, ' ')};
  for (const auto& text : garbage) {
    EXPECT_TRUE(find(text, version2_mount()).empty()) << text.substr(0, 40);
    EXPECT_TRUE(find("0::/a\n", text).empty()) << text.substr(0, 40);
  }
}

}  // namespace
}  // namespace plimsoll::probe
