// Eight processes on one simulated GPU, through the command: each answers right or says exit 6, together they never hold more than there
// is, and nothing of them stays behind, however they end.
#include <atomic>
#include <csignal>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "command.h"
#include "device/sim/heap_table.h"
#include "support/tiny_model.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;
using sim::HeapTable;

constexpr int kProcesses = 8;
const testing::TinyModel kModel{.hidden = 128, .layers = 4, .intermediate = 256};

class SharedDevice : public ::testing::Test {
 protected:
  SharedDevice() {
    std::filesystem::create_directories(folder_ / "model");
    testing::write_tiny_model(folder_ / "model", kModel);
    std::filesystem::create_directories(folder_ / "run");
    alone_ = run({"run", folder_ / "model", kText, "--json", "--logits"}).rows().at(0);
  }

  /// `command` on a device of so many bytes that all share.
  Start on_device(const std::string& command, std::uint64_t memory, const std::vector<std::string>& flags) const {
    Start start;
    start.arguments = {command, folder_ / "model", "--json", "--sim", "name=shared,memory=" + std::to_string(memory)};
    start.environment = {"XDG_RUNTIME_DIR=" + (folder_ / "run")};
    start.arguments.insert(start.arguments.end(), flags.begin(), flags.end());
    return start;
  }

  /// Bytes of the device that a plan with `flags` takes where there is plenty, and the least that one takes.
  std::pair<std::uint64_t, std::uint64_t> needs(const std::vector<std::string>& flags) const {
    std::vector<std::string> arguments = {"plan", folder_ / "model", "--json", "--sim", "memory=1GiB", "--max-length", "64"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const json plan = run(arguments).rows().at(0);
    return {plan.at("devices").at(1).at("planned").at("total"), plan.at("smallest_budget").at("sim:0")};
  }

  /// What the shared table says now; nothing before the first process has made it.
  std::optional<HeapTable> table() const { return HeapTable::parse(read_file(folder_ / "run/plimsoll/sim-shared")); }

  /// All that is held by processes that live, as the next one to come sees it.
  Bytes left_behind(std::uint64_t memory) const {
    const Finished look = run(on_device("plan", memory, {"w1"}));
    EXPECT_NE(look.status, 2) << look.err;
    const auto now = table();
    return now ? saturating_sub(now->memory(), now->free()) : Bytes{1};
  }

  /// Starts all, the first of them alone, and leaves those that answered waiting for more. Gives how many did.
  int start_all(std::uint64_t memory, const std::vector<std::string>& flags) {
    std::vector<std::string> all = {"--logits"};
    all.insert(all.end(), flags.begin(), flags.end());
    int answered = 0;
    for (int i = 0; i < kProcesses; ++i) {
      processes_.push_back(std::make_unique<Process>(on_device("run", memory, all)));
      processes_.back()->write(kText + "\n");
      if (i == 0) answered += wait_for(0) ? 1 : 0;
    }
    for (int i = 1; i < kProcesses; ++i) answered += wait_for(i) ? 1 : 0;
    return answered;
  }

  bool wait_for(int i) {
    const auto line = processes_[static_cast<std::size_t>(i)]->read_line();
    if (!line) return false;
    json row = json::parse(*line);
    EXPECT_EQ(row, alone_) << "the same bits as with all the memory there is";
    return true;
  }

  /// Ends them. Everyone who did not answer must have said why.
  void finish(int answered) {
    int well = 0;
    for (const auto& process : processes_) {
      const Finished end = process->wait();
      EXPECT_TRUE(end.status == 0 || end.status == 6) << end.status << " " << end.err;
      EXPECT_TRUE(end.status == 0 || end.err.find("sim:0") != std::string::npos) << "it says what is full: " << end.err;
      well += end.status == 0 ? 1 : 0;
    }
    EXPECT_EQ(well, answered);
    processes_.clear();
  }

  /// All of them at once: `most` at most answer, never hold more than `memory`, and leave nothing behind. Gives the most that was held.
  Bytes share(std::uint64_t memory, const std::vector<std::string>& flags, int most);

  static inline const std::string kText = "w1 w2 w3";
  const Folder folder_;
  json alone_;
  std::vector<std::unique_ptr<Process>> processes_;
};

/// Reads the table again and again, from outside, as long as it lives.
class Observer {
 public:
  explicit Observer(std::function<std::optional<HeapTable>()> look)
      : thread_([this, look = std::move(look)] {
          while (!stop_) {
            // Blocks that overlap, or end beyond the memory, do not parse.
            if (const auto now = look()) highest_ = std::max(highest_, now->memory() - now->free());
            std::this_thread::sleep_for(std::chrono::microseconds(200));
          }
        }) {}
  ~Observer() { stop(); }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  /// After `stop`.
  Bytes highest() const { return highest_; }

 private:
  std::atomic<bool> stop_{false};
  Bytes highest_;
  std::thread thread_;
};

Bytes SharedDevice::share(std::uint64_t memory, const std::vector<std::string>& flags, int most) {
  Observer observer([this] { return table(); });
  const int answered = start_all(memory, flags);
  EXPECT_GE(answered, 1);
  EXPECT_LE(answered, most);
  finish(answered);
  observer.stop();
  EXPECT_LE(observer.highest(), Bytes{memory});
  EXPECT_EQ(left_behind(memory), Bytes{0});
  return observer.highest();
}

TEST_F(SharedDevice, HoldsSomeAndRefusesTheOthers) {
  const std::vector<std::string> flags = {"--strict-fit", "--device", "sim:0", "--batch-size", "1"};
  const std::uint64_t each = needs(flags).first;
  const std::uint64_t memory = 3 * each + each / 2;
  EXPECT_GE(share(memory, flags, 3), Bytes{each});
}

TEST_F(SharedDevice, IsSharedByThoseThatStreamToo) {
  std::vector<std::string> flags = {"--device", "sim:0", "--batch-size", "1"};
  const auto [whole, smallest] = needs(flags);
  ASSERT_GT(whole, 2 * smallest) << "nobody would stream";
  const std::uint64_t memory = 5 * smallest;
  flags.insert(flags.end(), {"--max-memory", "sim:0=" + std::to_string(2 * smallest)});
  EXPECT_GT(share(memory, flags, 5), Bytes{smallest});
}

TEST_F(SharedDevice, IsFreeAgainAfterAKill) {
  const std::vector<std::string> flags = {"--strict-fit", "--device", "sim:0", "--batch-size", "1", "--logits"};
  const std::uint64_t memory = needs({"--strict-fit", "--device", "sim:0", "--batch-size", "1"}).first;
  Process victim(on_device("run", memory, flags));
  victim.write(kText + "\n");
  ASSERT_TRUE(victim.read_line());
  Start other = on_device("run", memory, flags);
  other.input = kText + "\n";
  EXPECT_EQ(run(other).status, 6) << "all is taken";
  victim.signal(SIGKILL);
  EXPECT_EQ(victim.wait().status, 1000 + SIGKILL);
  const Finished heir = run(other);
  EXPECT_EQ(heir.status, 0) << heir.err;
  EXPECT_EQ(heir.rows().at(0), alone_);
  EXPECT_EQ(left_behind(memory), Bytes{0});
  for (const std::string& name : names_in(folder_ / "run/plimsoll")) EXPECT_TRUE(name.starts_with("sim-shared")) << name;
}

}  // namespace
}  // namespace plimsoll::test
