#include "top/top_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "terminal/keys.h"
#include "text/utf8.h"
#include "top/top_writer.h"

namespace plimsoll::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ProcessStatus process(std::int64_t pid, const std::string& user, const std::string& command, Bytes used) {
  ProcessStatus status;
  status.pid = pid;
  status.user = user;
  status.command = command;
  status.used = used;
  return status;
}

TopSample some_sample(int devices) {
  TopSample sample;
  sample.memory.total = mib(16384);
  sample.memory.available = mib(12288);
  sample.memory.budget = mib(8192);
  sample.memory.set_by = "/sys/fs/cgroup/job/memory.max";
  sample.load.swap_total = mib(2048);
  sample.load.swap_free = mib(1024);
  sample.processes = {process(7, "ada", "postgres", mib(900)), process(3, "bob", "sh", mib(2))};
  for (int i = 0; i < devices; ++i) {
    DeviceStatus device;
    device.name = "gpu:" + std::to_string(i);
    device.model = "NVIDIA A100";
    device.total = mib(40960);
    device.free = mib(10240);
    device.processes = {process(5 + i, "ada", "python3", mib(30000))};
    device.remarks = {"power is unknown: not supported by this device"};
    sample.report.devices.push_back(device);
  }
  return sample;
}

std::vector<std::int64_t> pids(const TopSample& sample, SortBy sort, const std::string& filter = "") {
  TopLook look;
  look.sort = sort;
  look.filter = filter;
  std::vector<std::int64_t> found;
  for (const ProcessRow& row : process_rows(sample, look)) found.push_back(row.process->pid);
  return found;
}

TEST(ProcessRows, AreSortedAndFiltered) {
  const TopSample sample = some_sample(1);
  EXPECT_THAT(pids(sample, SortBy::memory), ElementsAre(5, 7, 3));
  EXPECT_THAT(pids(sample, SortBy::pid), ElementsAre(3, 5, 7));
  EXPECT_THAT(pids(sample, SortBy::user), ElementsAre(5, 7, 3));
  EXPECT_THAT(pids(sample, SortBy::device), ElementsAre(7, 3, 5));
  EXPECT_THAT(pids(sample, SortBy::command), ElementsAre(7, 5, 3));
  TopSample busy = sample;
  busy.processes[1].utilisation = 80;
  EXPECT_THAT(pids(busy, SortBy::utilisation), ElementsAre(3, 5, 7));
  EXPECT_THAT(pids(sample, SortBy::memory, "bob"), ElementsAre(3));
  EXPECT_THAT(pids(sample, SortBy::memory, "gpu:0"), ElementsAre(5));
  EXPECT_THAT(pids(sample, SortBy::memory, "nobody"), IsEmpty());
}

std::string drawn(const TopSample& sample, std::size_t columns) {
  Terminal terminal;
  terminal.columns = columns;
  std::string text;
  for (const std::string& line : draw_top(sample, Histories(), TopLook(), terminal)) text += line + "\n";
  return text;
}

TEST(DrawTop, KeepsToEverySize) {
  for (const int devices : {0, 1, 3, 16}) {
    const TopSample sample = some_sample(devices);
    for (std::size_t columns = 20; columns <= 220; columns += 7) {
      for (const std::size_t rows : {4U, 10U, 24U, 60U}) {
        Terminal terminal;
        terminal.columns = columns;
        terminal.unicode = true;
        TopLook look;
        look.rows = rows;
        look.selected = 1;
        const auto lines = draw_top(sample, Histories(), look, terminal);
        EXPECT_EQ(lines.size(), rows);
        for (const std::string& line : lines) {
          const std::string plain = line.starts_with("\x1b[7m") ? line.substr(4, line.size() - 8) : line;
          EXPECT_LE(display_width(plain), columns) << line;
        }
      }
    }
  }
}

TEST(DrawTop, HelpIsNeverCut) {
  TopLook look;
  look.rows = 40;
  look.help = true;
  for (const std::size_t columns : {60U, 80U, 120U}) {
    Terminal terminal;
    terminal.columns = columns;
    std::string text;
    for (const std::string& line : draw_top(some_sample(0), Histories(), look, terminal))
      text += line.substr(std::min(line.find_first_not_of(' '), line.size())) + " ";
    EXPECT_THAT(text, HasSubstr("sort by memory, use of the device, number, user, command")) << columns;
    EXPECT_THAT(text, HasSubstr("send SIGTERM to the chosen process, if it is yours")) << columns;
  }
}

TEST(DrawTop, OnceCutsNoLineAndCountsTheRest) {
  TopSample sample = some_sample(0);
  sample.processes.assign(25, process(9, "ada", "python3 train.py --with a --very long --command line", mib(10)));
  sample.fits = {{"cpu", Verdict::fits, "float32", mib(400), mib(8000), mib(11), mib(16)}};
  const std::string text = drawn(sample, 80);
  EXPECT_THAT(text, HasSubstr("; full speed from 16.0 MiB\n"));
  EXPECT_THAT(text, HasSubstr("--command line\n"));
  EXPECT_THAT(text, HasSubstr("  and 5 more (see --json)\n"));
  sample.processes.resize(20);
  EXPECT_THAT(drawn(sample, 80), ::testing::Not(HasSubstr(" more ")));
}

TEST(DrawTop, NamesTheGroupThatLimitsADevice) {
  TopSample sample = some_sample(1);
  sample.report.devices[0].limit = DeviceLimit{mib(8192), mib(1024), mib(2048), "/sys/fs/cgroup/job\x1b"};
  EXPECT_THAT(drawn(sample, 120), HasSubstr("limit 8.00 GiB of which 2.00 GiB used, set by /sys/fs/cgroup/job\\x1b"));
  JsonWriter json;
  write_device(json, sample.report.devices[0]);
  EXPECT_THAT(json.text(), HasSubstr(R"("limit": {"most": 8589934592, "guaranteed": 1073741824, "used": 2147483648, "set_by": )"));
  EXPECT_THAT(drawn(some_sample(1), 120), ::testing::Not(HasSubstr("limit")));
}

TEST(DrawTop, TellsInstancesApart) {
  TopSample sample = some_sample(1);
  for (const char* name : {"gpu:0/mig:0", "gpu:0/mig:1"}) {
    DeviceStatus instance = sample.report.devices[0];
    instance.name = name;
    sample.report.devices.push_back(instance);
  }
  EXPECT_THAT(drawn(sample, 80), ::testing::AllOf(HasSubstr(" 0/mig:0 ada "), HasSubstr(" 0/mig:1 ada ")));
}

TEST(DrawTop, OfALongNameTheEndsStay) {
  TopSample sample = some_sample(0);
  sample.memory.set_by = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/trainer.scope/memory.max";
  const std::string text = drawn(sample, 80);
  EXPECT_THAT(text, HasSubstr("set by /sys/fs/cgroup/u"));
  EXPECT_THAT(text, HasSubstr("trainer.scope/memory.max\n"));
  sample.memory.set_by = std::string("/") + "日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語/memory.max";
  EXPECT_THAT(drawn(sample, 80), HasSubstr("日本語/memory.max\n"));
}

TEST(DrawTop, MarksWhatItHasNoRoomToSay) {
  Terminal terminal;
  TopLook look;
  look.rows = 14;
  const auto lines = draw_top(some_sample(4), Histories(), look, terminal);
  EXPECT_THAT(lines.at(2), ::testing::AllOf(HasSubstr("gpu:0"), ::testing::EndsWith(" !")));
}

TEST(DrawTop, SaysWhatSetsTheLimitAndWhatIsUnknown) {
  Terminal terminal;
  std::string text;
  for (const std::string& line : draw_top(some_sample(1), Histories(), TopLook(), terminal)) text += line + "\n";
  EXPECT_THAT(text, HasSubstr("4.00 GiB of 16.0 GiB  budget 8.00 GiB"));
  EXPECT_THAT(text, HasSubstr("set by /sys/fs/cgroup/job/memory.max  swap 1.00 GiB of 2.00 GiB"));
  EXPECT_THAT(text, HasSubstr("30.0 GiB of 40.0 GiB"));
  EXPECT_THAT(text, HasSubstr("! power is unknown: not supported by this device"));
}

TEST(DrawGraph, ShowsTheNewestAtTheRight) {
  Terminal terminal;
  EXPECT_THAT(draw_graph({0, 0.5, 1}, 5, 1, terminal), ElementsAre("   -#"));
  terminal.unicode = true;
  EXPECT_THAT(draw_graph({0.25, 0.75, 1}, 2, 2, terminal), ElementsAre("▄█", "██"));
  EXPECT_THAT(draw_graph({0.001}, 2, 1, terminal), ElementsAre(" ▁")) << "something is not nothing";
  EXPECT_THAT(draw_graph({}, 3, 1, terminal), ElementsAre("   "));
}

TEST(TakeKey, KnowsTheSequencesOfTerminals) {
  const auto keys = [](std::string sent) {
    std::vector<int> found;
    while (const auto key = take_key(sent, true)) found.push_back(*key);
    return found;
  };
  EXPECT_THAT(keys("q"), ElementsAre('q'));
  EXPECT_THAT(keys("\x1b[A\x1bOB\x1b[5~\x1b[6~"), ElementsAre(key_up, key_down, key_page_up, key_page_down));
  EXPECT_THAT(keys("\x1bOP\x1b[17~\x1b[20~\x1b[21~x"), ElementsAre(key_f1, key_f6, key_f9, key_f10, 'x'));
  EXPECT_THAT(keys("\x1bOR\x1b[13~\x1b[[C\x1bOS\x1b[14~\x1b[[D"), ElementsAre(key_f3, key_f3, key_f3, key_f4, key_f4, key_f4));
  EXPECT_THAT(keys("\x1b"), ElementsAre(key_escape));
  EXPECT_THAT(keys("\x1b[1;5Cq"), ElementsAre(key_other, 'q')) << "one that nobody knows goes as a whole";
  std::string half = "\x1b[";
  EXPECT_FALSE(take_key(half, false)) << "the rest may come";
  half += "A";
  EXPECT_EQ(take_key(half, false), key_up);
}

}  // namespace
}  // namespace plimsoll::cli
