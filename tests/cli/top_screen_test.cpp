// The full-screen view, in a terminal, as somebody at its keys sees it.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command.h"
#include "support/nvml_script.h"
#include "text/utf8.h"

namespace plimsoll::test {
namespace {

using namespace std::chrono_literals;
using plimsoll::testing::NvmlScript;
using ::testing::HasSubstr;
using Lines = std::vector<std::string>;

bool shows(const Lines& lines, const std::string& text) {
  return std::ranges::any_of(lines, [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

class TopScreen : public ::testing::Test {
 protected:
  Start start(unsigned short columns, unsigned short rows, std::vector<std::string> more = {}) const {
    Start start;
    start.arguments = {"top", "--watch", "0.1"};
    start.environment = {"TERM=xterm", "LD_LIBRARY_PATH=" PLIMSOLL_STAND_IN_FOLDER, "NVML_STAND_IN=" + script_.path(),
                         "XDG_RUNTIME_DIR=" + folder_.path()};
    start.environment.insert(start.environment.end(), more.begin(), more.end());
    start.terminal = Start::Terminal::all;
    start.columns = columns;
    start.rows = rows;
    return start;
  }
  static Lines wait_for(Process& process, const std::string& text) {
    Lines lines = process.wait_for_screen([&](const Lines& now) { return shows(now, text); });
    EXPECT_TRUE(shows(lines, text)) << "not shown: " << text << "\n" << ::testing::PrintToString(lines);
    return lines;
  }

  NvmlScript script_;
  const Folder folder_;
};

TEST_F(TopScreen, FitsItsTerminalWithNoneOneAndEightDevices) {
  for (const int devices : {0, 1, 8}) {
    script_.set("devices " + std::to_string(devices) + "\nprocess 0 1 12345678901\n");
    for (const std::uint16_t columns : std::initializer_list<std::uint16_t>{80, 200}) {
      for (const std::uint16_t rows : std::initializer_list<std::uint16_t>{24, 50}) {
        Process process(start(columns, rows));
        const Lines lines = wait_for(process, "COMMAND");
        EXPECT_EQ(lines.size(), rows);
        for (const std::string& line : lines) EXPECT_LE(cli::display_width(line), columns) << line;
        for (int i = 0; i < devices; ++i) EXPECT_TRUE(shows(lines, "gpu:" + std::to_string(i))) << devices << " " << columns;
        EXPECT_TRUE(lines.back().starts_with("F1 help")) << lines.back();
        process.write("q");
        EXPECT_EQ(process.wait().status, 0);
      }
    }
  }
}

TEST_F(TopScreen, GivesTheTerminalBackHoweverItIsLeft) {
  for (const std::string key : {"q", "\x1b[21~", "\x03"}) {
    Process process(start(80, 24));
    wait_for(process, "COMMAND");
    EXPECT_FALSE(process.is_cooked());
    process.write(key);
    for (int i = 0; i < 500 && !process.is_cooked(); ++i) ::usleep(10'000);
    EXPECT_TRUE(process.is_cooked());
    const Finished result = process.wait();
    EXPECT_EQ(result.status, 0);
    EXPECT_TRUE(result.err.ends_with("\x1b[?25h\x1b[?1049l")) << "the cursor and what was there before";
  }
  Process process(start(80, 24));
  wait_for(process, "COMMAND");
  process.signal(SIGTERM);
  const Finished result = process.wait();
  EXPECT_EQ(result.status, 143);
  EXPECT_THAT(result.err, HasSubstr("\x1b[?25h\x1b[?1049l"));
}

TEST_F(TopScreen, StopsWithTheTerminalAsItWasAndGoesOn) {
  Process process(start(80, 24));
  wait_for(process, "COMMAND");
  process.write("\x1a");
  for (int i = 0; i < 500 && !process.is_cooked(); ++i) ::usleep(10'000);
  EXPECT_TRUE(process.is_cooked());
  process.signal(SIGCONT);
  for (int i = 0; i < 500 && process.is_cooked(); ++i) {
    ::usleep(10'000);
    process.signal(SIGCONT);
  }
  EXPECT_FALSE(process.is_cooked());
  process.write("q");
  EXPECT_EQ(process.wait().status, 0);
}

TEST_F(TopScreen, FollowsASizeThatChanges) {
  script_.set("devices 1\n");
  Process process(start(80, 24));
  wait_for(process, "COMMAND");
  process.resize(120, 40);
  const Lines lines = process.wait_for_screen([](const Lines& now) { return now.size() == 40; });
  EXPECT_EQ(lines.size(), 40U);
  process.resize(20, 4);
  EXPECT_EQ(process.wait_for_screen([](const Lines& now) { return now.size() == 4; }).size(), 4U);
  process.write("q");
  EXPECT_EQ(process.wait().status, 0);
}

TEST_F(TopScreen, SortsFiltersAndHelps) {
  script_.set("devices 1\nprocess 0 1 12345678901\n");
  Process process(start(80, 24));
  wait_for(process, "  by memory");
  process.write("s");
  wait_for(process, "  by pid");
  process.write("\x1b[17~");
  wait_for(process, "  by user");
  process.write("M");
  wait_for(process, "  by memory");
  process.write("\x1bOP");
  wait_for(process, "Keys");
  process.write("x");
  wait_for(process, "COMMAND");
  process.write("/gpu:0\r");
  const Lines lines = wait_for(process, "only 'gpu:0'");
  EXPECT_TRUE(shows(lines, "11.5 GiB"));
  process.write("q");
  EXPECT_EQ(process.wait().status, 0);
}

/// A process of this user whose command nobody else has. Killed at the end.
class Victim {
 public:
  explicit Victim(const Folder& folder) : path_(folder / "the-victim") {
    std::filesystem::copy_file("/bin/sleep", path_);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execl(path_.c_str(), path_.c_str(), "600", nullptr);
      ::_exit(127);
    }
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  ~Victim() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  bool ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
  }

 private:
  std::string path_;
  pid_t pid_ = -1;
};

TEST_F(TopScreen, SendsSigtermToAProcessOfOnesOwnOnlyAfterAsking) {
  const Victim victim(folder_);
  if (!std::ifstream("/proc/2/comm").good()) GTEST_SKIP() << "a PID namespace: the driver's numbers name nobody";
  script_.set("devices 1\nprocess 0 " + std::to_string(victim.pid()) + " 12345678901\n");
  Process process(start(120, 24));
  wait_for(process, "the-victim");
  process.write("/the-victim\rk");
  wait_for(process, "Send SIGTERM to " + std::to_string(victim.pid()) + " (the-victim");
  process.write("n");
  wait_for(process, "F1 help");
  ::usleep(200'000);
  EXPECT_FALSE(victim.ended());
  process.write("k");
  wait_for(process, "Send SIGTERM");
  process.write("y");
  wait_for(process, "SIGTERM sent to " + std::to_string(victim.pid()));
  for (int i = 0; i < 500 && !victim.ended(); ++i) ::usleep(10'000);
  EXPECT_TRUE(victim.ended());
  process.write("q");
  EXPECT_EQ(process.wait().status, 0);
}

TEST_F(TopScreen, ControlBackslashDoesNotEndItInTheMiddle) {
  script_.set("devices 1\n");
  Process process(start(80, 24));
  wait_for(process, "COMMAND");
  process.write("\x1C");
  process.write("q");
  EXPECT_EQ(process.wait().status, 0);
}

TEST_F(TopScreen, ADriverThatHangsKeepsNobodyFromLeaving) {
  script_.set("devices 1\nInit * hang\n");
  Process process(start(80, 24));
  process.wait_for_screen([](const Lines& now) { return shows(now, "looking"); });
  const auto begin = std::chrono::steady_clock::now();
  process.write("q");
  EXPECT_EQ(process.wait().status, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST_F(TopScreen, HasColoursAndBlocksOnlyWhereTheyAreWelcome) {
  script_.set("devices 1\n");
  const auto printed = [&](std::vector<std::string> more) {
    Process process(start(80, 24, std::move(more)));
    wait_for(process, "COMMAND");
    process.write("q");
    return process.wait().err;
  };
  const std::string plain = printed({"NO_COLOR=1"});
  EXPECT_EQ(plain.find("\x1b[32m"), std::string::npos);
  EXPECT_THAT(plain, HasSubstr("█"));
  const std::string letters = printed({"LC_ALL=C"});
  EXPECT_THAT(letters, HasSubstr("\x1b[32m"));
  for (const char c : letters) ASSERT_GE(c, 0);
}

}  // namespace
}  // namespace plimsoll::test
