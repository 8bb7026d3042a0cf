#include <plimsoll/machine.h>

#include <gtest/gtest.h>

#include "probe/fake_machine.h"

namespace plimsoll::probe {
namespace {

using testing::add_host;
using testing::FakeOs;
using testing::lines;

void add_process(FakeOs& os, int pid, const std::string& name, int uid, int anonymous_kib, const std::string& command) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const std::string id = std::to_string(uid);
  os.files[folder + "/status"] = lines({"Name:\t" + name, "Pid:\t" + std::to_string(pid), "Uid:\t" + id + "\t0\t0\t0",
                                        "RssAnon:\t" + std::to_string(anonymous_kib) + " kB"});
  os.files[folder + "/cmdline"] = command;
}

struct HoldersTest : ::testing::Test {
  FakeOs os;
  HoldersTest() {
    add_host(os);
    os.files["/etc/passwd"] = lines({"root:x:0:0:root:/root:/bin/sh", "ann:x:1000:1000::/home/ann:/bin/sh"});
    add_process(os, 77, "plimsoll", 0, 9000000, std::string("plimsoll\0run\0", 13));
    add_process(os, 10, "python3", 1000, 3000, std::string("/usr/bin/python3\0/home/ann/train.py\0--lr\0", 41));
    add_process(os, 11, "java", 1234, 5000, std::string("/opt/java\0--secret=x\0", 21));
    add_process(os, 12, "kworker", 0, 4000, "");
    add_process(os, 13, "sleep", 0, 1, std::string("sleep\0", 6));
    add_process(os, 14, "kthreadd", 0, 0, "");
  }
};

TEST_F(HoldersTest, AreThoseWhomTheLimitCounts) {
  os.files["/proc/self/mountinfo"] = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
  const auto put = [&](const std::string& pid, const std::string& group) { os.files["/proc/" + pid + "/cgroup"] = "0::" + group + "\n"; };
  put("self", "/jobs/mine");
  put("10", "/jobs/mine/part");
  put("11", "/jobs/minel");
  put("12", "/jobs");
  put("13", "/");
  const auto pids = [&](const std::string& limit) {
    std::vector<std::int64_t> list;
    for (const Holder& holder : find_largest_holders(os, limit, 10)) list.push_back(holder.pid);
    return list;
  };
  using List = std::vector<std::int64_t>;
  EXPECT_EQ(pids("/sys/fs/cgroup/jobs/mine/memory.max"), List{10}) << "and what is below it";
  EXPECT_EQ(pids("/sys/fs/cgroup/jobs/memory.high"), (List{11, 12, 10}));
  EXPECT_EQ(pids("/sys/fs/cgroup/memory.max"), (List{11, 12, 10, 13}));
  EXPECT_EQ(pids("MemAvailable"), (List{11, 12, 10, 13}));
  EXPECT_EQ(pids("/proc/sys/vm/overcommit_memory"), (List{11, 12, 10, 13}));
  EXPECT_EQ(pids("/proc/self/status Mems_allowed_list"), (List{11, 12, 10, 13})) << "some nodes of the machine, which anybody may fill";
  for (const char* own : {"RLIMIT_AS", "RLIMIT_DATA", "--max-memory", "", "/", "/sys/fs/cgroup/other/memory.max"})
    EXPECT_EQ(pids(own), List{}) << own;
  put("11", "/../outside");
  EXPECT_EQ(pids("/sys/fs/cgroup/memory.max"), (List{12, 10, 13})) << "not in this namespace";
  os.files["/proc/self/mountinfo"] = "30 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
  os.files["/proc/self/cgroup"] = "5:cpu,memory:/jobs\n0::/\n";
  os.files["/proc/10/cgroup"] = "5:cpu,memory:/jobs/part\n0::/\n";
  EXPECT_EQ(pids("/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes"), List{10}) << "version 1";
}

TEST_F(HoldersTest, AreTheLargestOthersWithUserAndCommand) {
  const auto holders = find_largest_holders(os);
  ASSERT_EQ(holders.size(), 3U);
  EXPECT_EQ(holders[0].pid, 11);
  EXPECT_EQ(holders[0].bytes, kib(5000));
  EXPECT_EQ(holders[0].user, "1234") << "a user without a name";
  EXPECT_EQ(holders[0].command, "java") << "options may hold secrets";
  EXPECT_EQ(holders[1].command, "kworker");
  EXPECT_EQ(holders[1].user, "root");
  EXPECT_EQ(holders[2].command, "python3 train.py");
  EXPECT_EQ(holders[2].user, "ann");
}

TEST_F(HoldersTest, AreAsManyAsAskedFor) {
  EXPECT_EQ(find_largest_holders(os, "MemAvailable", 10).size(), 4U) << "those that hold nothing are left out, and so are we";
  EXPECT_EQ(find_largest_holders(os, "MemAvailable", 1).size(), 1U);
  EXPECT_TRUE(find_largest_holders(os, "MemAvailable", 0).empty());
}

TEST_F(HoldersTest, ThatEndMeanwhileOrMakeNoSenseAreLeftOut) {
  os.files.erase("/proc/11/status");
  os.files["/proc/12/status"] = "garbage";
  os.files["/proc/10/status"] = "RssAnon: 7 kB\n";
  os.files.erase("/proc/10/cmdline");
  os.files.erase("/etc/passwd");
  const auto holders = find_largest_holders(os);
  ASSERT_EQ(holders.size(), 2U);
  EXPECT_EQ(holders[0].pid, 10);
  EXPECT_EQ(holders[0].command, "?");
  EXPECT_EQ(holders[0].user, "?");
  EXPECT_EQ(holders[1].user, "0");
}

TEST_F(HoldersTest, AreNoneWithoutProc) {
  os.files.clear();
  EXPECT_TRUE(find_largest_holders(os).empty());
}

}  // namespace
}  // namespace plimsoll::probe
