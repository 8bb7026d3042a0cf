// A child process that joins a real cgroup and is asked what it sees there.
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>

#include "probe/cgroup.h"
#include "probe/cpu.h"
#include "probe/host_memory.h"
#include "support/build.h"

namespace plimsoll::probe {
namespace {

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.flush();
  return file.good();
}

/// A group below this process's own, removed at the end.
class RealGroup {
 public:
  RealGroup(Os& os, const char* controller, const std::string& limit_file_version1, const std::string& limit_file_version2) {
    for (const GroupChain& chain : find_group_chains(os, controller)) {
      const std::string path = chain.directories.front() + "/plimsoll-test-" + std::to_string(::getpid());
      std::error_code failed;
      if (!std::filesystem::create_directory(path, failed) || failed) continue;
      path_ = path;
      limit_file_ = path + "/" + (chain.unified ? limit_file_version2 : limit_file_version1);
      unified_ = chain.unified;
      if (std::filesystem::exists(limit_file_)) return;
      remove();
    }
  }
  RealGroup(const RealGroup&) = delete;
  RealGroup& operator=(const RealGroup&) = delete;
  ~RealGroup() { remove(); }

  bool exists() const { return !path_.empty(); }
  bool unified() const { return unified_; }
  const std::string& path() const { return path_; }
  const std::string& limit_file() const { return limit_file_; }
  bool set_limit(const std::string& text) const { return write_file(limit_file_, text); }

  /// Runs `question` in a child inside the group; its answer, or nothing if the child could not join.
  std::optional<std::uint64_t> ask(const std::function<std::uint64_t()>& question) const {
    int ends[2];
    if (::pipe(ends) != 0) return std::nullopt;
    const pid_t child = ::fork();
    if (child == 0) {
      std::uint64_t answer = 0;
      if (!write_file(path_ + "/cgroup.procs", std::to_string(::getpid()))) ::_exit(1);
      answer = question();
      ::_exit(::write(ends[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
    }
    ::close(ends[1]);
    std::uint64_t answer = 0;
    const bool answered = ::read(ends[0], &answer, sizeof answer) == sizeof answer;
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    return answered && status == 0 ? std::optional<std::uint64_t>(answer) : std::nullopt;
  }

 private:
  void remove() {
    if (!path_.empty()) ::rmdir(path_.c_str());
    path_.clear();
  }

  std::string path_;
  std::string limit_file_;
  bool unified_ = false;
};

TEST(RealCgroup, MemoryLimitIsTheBudgetOfAChildInIt) {
  Gate gate;
  const auto os = make_os(gate);
  const RealGroup group(*os, "memory", "memory.limit_in_bytes", "memory.max");
  if (!group.exists() || !group.set_limit(std::to_string(mib(256).count))) GTEST_SKIP() << "no memory cgroup can be made here";

  const auto budget = group.ask([&] {
    const HostMemory memory = probe_host_memory(*os);
    return memory.set_by == group.limit_file() ? memory.budget.count : 0;
  });
  if (!budget) GTEST_SKIP() << "a process cannot be moved into " << group.path();
  EXPECT_EQ(Bytes{*budget}, mib(256 - 8)) << "nobody else is in it";
}

TEST(RealCgroup, WhatAnotherProcessHoldsInTheGroupIsNotOurs) {
  Gate gate;
  const auto os = make_os(gate);
  const RealGroup group(*os, "memory", "memory.limit_in_bytes", "memory.max");
  if (!group.exists() || !group.set_limit(std::to_string(mib(256).count))) GTEST_SKIP() << "no memory cgroup can be made here";

  // The child in the group has a child of its own, which fills 64 MiB and waits.
  const auto others = group.ask([&]() -> std::uint64_t {
    const auto mapping = os->map_memory(mib(64));
    int ends[2];
    if (!mapping.ok() || ::pipe(ends) != 0) return 0;
    const pid_t other = ::fork();
    if (other == 0) {
      for (std::size_t i = 0; i < mib(64).count; i += kPage.count) (*mapping)->bytes()[i] = std::byte{1};
      const char ready = 1;
      if (::write(ends[1], &ready, 1) != 1) ::_exit(1);
      ::pause();
    }
    char ready = 0;
    if (::read(ends[0], &ready, 1) != 1) return 0;
    const HostMemory memory = probe_host_memory(*os);
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
    // After a fork some of what we hold is charged to the group that we came from: only the sum is known.
    for (const MemoryLimit& limit : memory.limits) {
      if (limit.set_by == group.limit_file()) return (limit.held_by_others + memory.ours).count;
    }
    return 0;
  });
  if (!others) GTEST_SKIP() << "a process cannot be moved into " << group.path();
  EXPECT_GE(Bytes{*others}, mib(64)) << format_bytes(Bytes{*others});
}

TEST(RealCgroup, AChildThatFillsItsWholeBudgetIsNotKilled) {
  if (testing::kSanitized) GTEST_SKIP() << "a sanitizer shadows what is touched, uncounted";
  Gate gate;
  const auto os = make_os(gate);
  const RealGroup group(*os, "memory", "memory.limit_in_bytes", "memory.max");
  if (!group.exists() || !group.set_limit(std::to_string(mib(64).count))) GTEST_SKIP() << "no memory cgroup can be made here";
  if (!group.ask([] { return 1; })) GTEST_SKIP() << "a process cannot be moved into " << group.path();

  const auto touched = group.ask([&]() -> std::uint64_t {
    const HostMemory memory = probe_host_memory(*os);
    const auto mapping = os->map_memory(saturating_sub(memory.budget, memory.ours));
    if (!mapping.ok()) return 0;
    for (std::size_t i = 0; i < (*mapping)->bytes().size(); i += kPage.count) (*mapping)->bytes()[i] = std::byte{1};
    return saturating_sub(probe_host_memory(*os).ours, memory.ours).count;
  });
  ASSERT_TRUE(touched.has_value()) << "the kernel killed it";
  EXPECT_GT(Bytes{*touched}, mib(64 - 8 - 40));
}

TEST(RealCgroup, CpuQuotaBoundsTheThreadsOfAChildInIt) {
  Gate gate;
  const auto os = make_os(gate);
  const RealGroup group(*os, "cpu", "cpu.cfs_quota_us", "cpu.max");
  if (!group.exists() || !group.set_limit(group.unified() ? "50000 100000" : "50000")) GTEST_SKIP() << "no cpu cgroup can be made here";

  const auto threads = group.ask([&] {
    const CpuDescription cpu = probe_cpu(*os);
    return cpu.quota_set_by == group.limit_file() ? static_cast<std::uint64_t>(cpu.default_threads) : 0;
  });
  if (!threads) GTEST_SKIP() << "a process cannot be moved into " << group.path();
  EXPECT_EQ(*threads, 1U);
}

}  // namespace
}  // namespace plimsoll::probe
