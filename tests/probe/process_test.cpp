#include "probe/process.h"

#include <gtest/gtest.h>

#include "fake_machine.h"

namespace plimsoll::probe {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

TEST(FindContainer, KnowsThePathsOfTheUsualEngines) {
  const std::string shown = kId.substr(0, 12);
  EXPECT_EQ(find_container("0::/system.slice/docker-" + kId + ".scope\n"), shown);
  EXPECT_EQ(find_container("12:memory:/docker/" + kId + "\n11:cpu:/\n"), shown);
  EXPECT_EQ(find_container("0::/machine.slice/libpod-" + kId + ".scope/container\n"), shown);
  EXPECT_EQ(find_container("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + kId + ".scope\n"), shown);
  EXPECT_EQ(find_container("5:memory:/kubepods/besteffort/pod-1/" + kId + "\n"), shown);
  EXPECT_EQ(find_container("0::/lxc.payload.web1/system.slice/x.service\n"), "web1");
  EXPECT_EQ(find_container("4:memory:/lxc/web2\n"), "web2");
  EXPECT_EQ(find_container("0::/user.slice/user-1000.slice/session-2.scope\n"), "");
  EXPECT_EQ(find_container("0::/system.slice/docker-0123.scope\n"), "");
  EXPECT_EQ(find_container(""), "");
  EXPECT_EQ(find_container("no colons"), "");
}

TEST(DescribeProcess, TellsWhoItIs) {
  testing::FakeOs os;
  testing::add_host(os);
  os.files["/proc/self/status"] += "Uid:\t1000\t1000\t1000\t1000\n";
  os.files["/etc/passwd"] = "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n";
  os.files["/proc/5/status"] = "Name:\tpython3\nUid:\t1000\t0\t0\t0\n";
  os.files["/proc/5/stat"] = "5 (py) thon) S 1 5 5 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 1\n";
  os.files["/proc/6/status"] = "Name:\tkernel\x1b[1m\nUid:\t0\t0\t0\t0\n";
  const ProcessStatus own = describe_process(os, 5);
  EXPECT_EQ(own.user, "ada");
  EXPECT_TRUE(own.own);
  EXPECT_EQ(own.start, 98765U);
  EXPECT_EQ(own.command, "python3");
  const ProcessStatus other = describe_process(os, 6);
  EXPECT_FALSE(other.own);
  EXPECT_EQ(other.command.find('\x1b'), std::string::npos);
  const ProcessStatus gone = describe_process(os, 7);
  EXPECT_EQ(gone.pid, 7);
  EXPECT_EQ(gone.user, "");
  EXPECT_FALSE(gone.own);
}

}  // namespace
}  // namespace plimsoll::probe
