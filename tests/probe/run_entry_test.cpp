#include <plimsoll/run_entry.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "support/forwarding_os.h"
#include "support/temporary_folder.h"

namespace plimsoll {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class FolderOs final : public testing::ForwardingOs {
 public:
  testing::TemporaryFolder folder;
  bool none = false;
  Result<std::string> private_folder() override {
    return none ? Result<std::string>(Error{ErrorCode::io, "read-only file system"}) : Result<std::string>(folder.path());
  }
};

RunStatus some_run() {
  RunStatus status;
  status.model = "./large\nphase evil\x1b[2J";
  status.phase = "loading";
  status.devices = {{"cpu", mib(100), mib(40)}, {"sim:0", mib(7), Bytes{0}}};
  return status;
}

TEST(RunEntry, TellsOthersUntilItGoes) {
  FolderOs os;
  {
    const auto entry = RunEntry::open(os);
    ASSERT_NE(entry, nullptr);
    EXPECT_THAT(list_runs(os), IsEmpty()) << "nothing has been told yet";
    entry->update(some_run());
    const auto runs = list_runs(os);
    ASSERT_THAT(runs, SizeIs(1));
    EXPECT_EQ(runs[0].pid, ::getpid());
    EXPECT_EQ(runs[0].phase, "loading");
    EXPECT_EQ(runs[0].model, some_run().model);
    ASSERT_THAT(runs[0].devices, SizeIs(2));
    EXPECT_EQ(runs[0].devices[0].planned, mib(100));
    EXPECT_EQ(runs[0].devices[0].current, mib(40));
    EXPECT_EQ(runs[0].devices[1].name, "sim:0");
    RunStatus later = some_run();
    later.phase = "running";
    later.devices.pop_back();
    entry->update(later);
    EXPECT_EQ(list_runs(os).at(0).phase, "running");
    EXPECT_THAT(list_runs(os).at(0).devices, SizeIs(1));
  }
  EXPECT_THAT(list_runs(os), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(os.folder.path()));
}

TEST(RunEntry, GivesAnyNameBackAsItWas) {
  FolderOs os;
  const auto entry = RunEntry::open(os);
  ASSERT_NE(entry, nullptr);
  for (const std::string name : {"", "%", "%0a", "a b ", "\\n\n\r\t\x1b\x7f", "\xC3\xA9\xC2\x9B\xFF", "100%\nend 1"}) {
    RunStatus status = some_run();
    status.model = name;
    entry->update(status);
    ASSERT_THAT(list_runs(os), SizeIs(1)) << name;
    EXPECT_EQ(list_runs(os)[0].model, name);
  }
}

TEST(RunEntry, TellsOfTheFirstOfVeryManyDevices) {
  FolderOs os;
  const auto entry = RunEntry::open(os);
  ASSERT_NE(entry, nullptr);
  RunStatus status = some_run();
  for (int i = 1; i < 500; ++i) status.devices.push_back({"sim:" + std::to_string(i), mib(7), Bytes{0}});
  entry->update(status);
  const auto runs = list_runs(os);
  ASSERT_THAT(runs, SizeIs(1));
  ASSERT_THAT(runs[0].devices, SizeIs(64));
  EXPECT_EQ(runs[0].devices[63].name, "sim:62");
}

TEST(RunEntry, GoesWithAProcessThatIsKilled) {
  FolderOs os;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto entry = RunEntry::open(os);
    if (entry) entry->update(some_run());
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char mark = 0;
  ASSERT_EQ(::read(ready[0], &mark, 1), 1);
  ASSERT_THAT(list_runs(os), SizeIs(1));
  EXPECT_EQ(list_runs(os)[0].pid, child);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_THAT(list_runs(os), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(os.folder.path())) << "what it left behind is removed";
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(RunEntry, DisturbsNobodyWhereItCannotBeMade) {
  FolderOs os;
  os.none = true;
  EXPECT_EQ(RunEntry::open(os), nullptr);
  EXPECT_THAT(list_runs(os), IsEmpty());
  os.none = false;
  for (std::uint64_t n = 1;; ++n) {
    os.gate().refuse({n, true, -1});
    const auto entry = RunEntry::open(os);
    if (entry) entry->update(some_run());
    static_cast<void>(list_runs(os));
    if (os.gate().refused() == 0) break;
    ASSERT_LT(n, 50U);
  }
}

TEST(ListRuns, LeavesOutWhatMakesNoSense) {
  FolderOs os;
  const std::string good = "plimsoll-run-1 3\npid 5\nstart 7\nmodel m\nphase running\ndevice cpu 10 5\nend 3\n";
  std::string many = "plimsoll-run-1 3\npid 5\n";
  for (int i = 0; i < 100; ++i) many += "device sim:" + std::to_string(i) + " 10 5\n";
  const std::pair<std::string, std::size_t> cases[] = {
      {good, 1},
      {many + "end 3\n", 1},
      {many + "device sim:100 10\nend 3\n", 0},
      {"", 0},
      {"plimsoll-run-1 3\npid 5\nend 4\n", 0},
      {"plimsoll-run-1 3\npid 5\nend 3", 0},
      {"plimsoll-run-1 3\npid -5\nend 3\n", 0},
      {"plimsoll-run-1 3\npid 99999999999999999999999\nend 3\n", 0},
      {"plimsoll-run-1 3\npid 5\ndevice cpu 1\nend 3\n", 0},
      {"plimsoll-run-1 3\npid 5\ndevice cpu 18446744073709551615 1\nend 3\n", 0},
      {"plimsoll-run-1 3\npid 5\nsurprise\nend 3\n", 0},
      {"plimsoll-run-2 3\npid 5\nend 3\n", 0},
      {std::string(100'000, 'x'), 0},
      {std::string("\0\0\0", 3), 0},
  };
  for (const auto& [text, count] : cases) {
    const auto lock = os.lock_file(os.folder / "run-5-7", std::chrono::milliseconds(0), nullptr);
    ASSERT_TRUE(lock.ok());
    ASSERT_TRUE((*lock)->write(text).ok());
    EXPECT_THAT(list_runs(os), SizeIs(count)) << text.substr(0, 100);
  }
  os.folder.write("sim-shared", "of somebody else");
  os.folder.write("run-9-9", good);
  EXPECT_THAT(list_runs(os), IsEmpty()) << "nobody holds it";
  EXPECT_TRUE(os.is_file(os.folder / "sim-shared"));
}

}  // namespace
}  // namespace plimsoll
