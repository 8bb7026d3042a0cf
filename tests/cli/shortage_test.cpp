// Memory runs short in the middle of a run, and no plan of the model fits any more: the fallback answers the rest.
#include <set>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "arguments/arguments.h"
#include "command.h"
#include "commands.h"
#include "process/watcher.h"
#include "session/engine.h"
#include "support/forwarding_os.h"
#include "support/tiny_model.h"

namespace plimsoll::test {
namespace {

using nlohmann::json;
using testing::ChangingMachine;
using testing::TinyModel;

const TinyModel kLarge{.hidden = 512, .layers = 1, .heads = 8, .intermediate = 1024, .positions = 512};
const TinyModel kSmall{.positions = 256, .seed = 2};
constexpr Bytes kPlenty = mib(4096);
constexpr Bytes kEnoughForTheSmall = mib(4);

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe(ends_), 0); }  // open as whoever starts a command would give it
  ~Pipe() {
    close_reader();
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  std::string reader() const { return "/dev/fd/" + std::to_string(ends_[0]); }
  std::string writer() const { return "/dev/fd/" + std::to_string(ends_[1]); }
  void hold_little() const { EXPECT_GT(::fcntl(ends_[1], F_SETPIPE_SZ, 4096), 0); }
  void write(const std::string& text) const { EXPECT_EQ(::write(ends_[1], text.data(), text.size()), std::ssize(text)); }
  void close_reader() { close_end(0); }
  void close_writer() { close_end(1); }
  std::string read_line() {
    std::string line;
    for (char c = 0; ::read(ends_[0], &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }

 private:
  void close_end(int which) {
    if (ends_[which] >= 0) ::close(ends_[which]);
    ends_[which] = -1;
  }

  int ends_[2] = {-1, -1};
};

const cli::Signals& signals() {
  static const cli::Signals signals;
  return signals;
}

/// `run` in this process, on a machine that the test changes.
class Shortage : public ::testing::Test {
 protected:
  Shortage() {
    for (const auto& [name, model] : {std::pair("large", kLarge), std::pair("small", kSmall)}) {
      std::filesystem::create_directory(folder_ / name);
      testing::write_tiny_model(folder_ / name, model);
    }
  }

  /// Reads `input`, and a pipe if it is empty.
  void start(std::vector<std::string> flags, const std::string& input = {}) {
    std::vector<std::string> arguments = {
        "run",        folder_ / "large", "--json",   "--quiet",     "--input",  input.empty() ? in_.reader() : input,
        "--fallback", folder_ / "small", "--output", out_.writer(), "--report", folder_ / "report.json"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    auto options = read(arguments);
    ASSERT_TRUE(options.ok()) << message(options.error());
    options_ = *options;
    thread_ = std::thread([this] { result_ = answer(); });
  }

  /// Of no texts, which would be views of `arguments`.
  static Result<cli::Options> read(const std::vector<std::string>& arguments) {
    std::vector<std::string> words = arguments;
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    return cli::read_arguments(pointers);
  }

  Result<int> answer() {
    cli::Console console({true, true, false, false});
    PLIMSOLL_TRY(cli::Output output, cli::Output::open(options_.output, machine_.gate(), signals().token()));
    cli::Context context{options_, machine_.gate(), machine_, signals(), console, output};
    PLIMSOLL_TRY(const int status, cli::run_command(context));
    PLIMSOLL_CHECK(output.commit());
    return status;
  }

  /// Puts the process into a group of its own whose tasks wait so much for memory.
  void press(const std::string& percent) {
    machine_.set_text("/proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    machine_.set_text("/proc/self/cgroup", "0::/job\n");
    machine_.set_text("/sys/fs/cgroup/job/cgroup.events", "populated 1\n");
    machine_.set_text("/sys/fs/cgroup/job/memory.pressure", "some avg10=" + percent + " avg60=0.00 avg300=0.00 total=1\n");
  }

  json answered() { return json::parse(out_.read_line()); }

  /// Long enough for the watcher to have told.
  void shrink(Bytes available) {
    machine_.set_available(available);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }

  Result<int> finish() {
    in_.close_writer();
    if (thread_.joinable()) thread_.join();
    return result_;
  }

  // A run whose answers nobody reads any more ends by itself.
  void TearDown() override {
    out_.close_reader();
    static_cast<void>(finish());
  }

  const Folder folder_;
  ChangingMachine machine_{kPlenty};
  Pipe in_;
  Pipe out_;
  cli::Options options_;
  std::thread thread_;
  Result<int> result_ = -1;
};

TEST_F(Shortage, LeavesTheRestToTheFallback) {
  start({"--jsonl"});
  in_.write("{\"id\": \"a\", \"text\": \"w1 w2\"}\n");
  const json first = answered();
  EXPECT_EQ(first.value("model", ""), folder_ / "large") << first;
  shrink(kEnoughForTheSmall);
  in_.write("{\"id\": \"b\", \"text\": \"w3\", \"text_pair\": \"w4\"}\nnot a row\n{\"id\": 5, \"text\": \"w1 w2\"}\n");
  const json second = answered();
  EXPECT_EQ(second.at("index"), 1);
  EXPECT_EQ(second.at("id"), "b");
  EXPECT_EQ(second.at("model"), folder_ / "small");
  EXPECT_EQ(second.at("text_pair"), "w4");
  EXPECT_EQ(answered().at("error").at("code"), "bad_row");
  const json last = answered();
  EXPECT_EQ(last.at("index"), 3);
  EXPECT_EQ(last.at("id"), 5);
  const auto result = finish();
  ASSERT_TRUE(result.ok()) << message(result.error());
  EXPECT_EQ(*result, 1) << "for the bad row";

  const json alone = run({"run", folder_ / "small", "--json", "w1 w2"}).rows().at(0);
  EXPECT_EQ(last.at("scores"), alone.at("scores"));
  const json report = json::parse(read_file(folder_ / "report.json"));
  EXPECT_EQ(report.at("plan").at("model"), folder_ / "small");
  const json event = report.at("events").back();
  EXPECT_EQ(event.at("kind"), "recovered");
  EXPECT_EQ(event.at("rung"), "fallback");
  EXPECT_NE(event.at("message").get<std::string>().find("small answers from row 1 on"), std::string::npos) << event;
}

TEST_F(Shortage, KeepsWhatIsKnownOfARowThatWaited) {
  start({});
  in_.write("w1\n");
  EXPECT_EQ(answered().at("index"), 0);
  shrink(kEnoughForTheSmall);
  in_.write("w3 \xFF\nw4\n");
  const json mended = answered();
  EXPECT_EQ(mended.value("model", ""), folder_ / "small") << mended;
  EXPECT_EQ(mended.value("replaced", false), true) << mended;
  EXPECT_FALSE(answered().contains("replaced"));
  EXPECT_TRUE(finish().ok());
}

TEST_F(Shortage, AnswersNoRowOfAFileTwice) {
  static constexpr int kRows = 3000;
  std::string rows;
  for (int i = 1; i < kRows; ++i) rows += testing::tiny_text(kSmall, 1 + i % 20, static_cast<std::uint64_t>(i)) + "\n";
  // What the large one cannot go on without room for.
  rows += testing::tiny_text(kLarge, kLarge.positions - 2, 3) + "\n";
  // The run waits for its reader while memory goes.
  out_.hold_little();
  start({"--batch-size", "16"}, folder_.write("rows.txt", rows));
  EXPECT_EQ(answered().value("model", ""), folder_ / "large");
  shrink(kEnoughForTheSmall);
  int by_the_large = 1;
  for (int i = 1; i < kRows; ++i) {
    const json row = answered();
    ASSERT_EQ(row.value("index", -1), i) << row;
    by_the_large += row.value("model", "") == folder_ / "large" ? 1 : 0;
    ASSERT_EQ(by_the_large > i, row.value("model", "") == folder_ / "large") << "the small one goes on to the end";
  }
  ASSERT_TRUE(finish().ok());
  EXPECT_GT(by_the_large, 1);
  EXPECT_LT(by_the_large, kRows);
}

// Those of the pass that failed among them: of what is left, its first is the longest here.
TEST_F(Shortage, TheFallbackHasRoomForTheRowsThatWereInHand) {
  static constexpr int kRows = 120;
  std::string rows;
  for (int i = 0; i < kRows; ++i) {
    rows += R"({"id": ")" + std::string(4000, 'x') + R"(", "text": ")" + testing::tiny_text(kSmall, kRows - i, 3) + "\"}\n";
  }
  out_.hold_little();
  start({"--batch-size", "8", "--jsonl"}, folder_.write("rows.jsonl", rows));
  EXPECT_EQ(answered().value("model", ""), folder_ / "large");
  shrink(kEnoughForTheSmall);
  std::set<std::string> models;
  for (int i = 1; i < kRows; ++i) {
    const json row = answered();
    ASSERT_EQ(row.value("index", -1), i) << row;
    ASSERT_TRUE(row.contains("label")) << row;
    models.insert(row.value("model", ""));
  }
  const auto result = finish();
  ASSERT_TRUE(result.ok()) << message(result.error());
  EXPECT_EQ(*result, 0);
  EXPECT_EQ(models.size(), 2U);
}

/// `run` up to its session, in this thread.
class ShortSession : public Shortage {
 protected:
  /// With room for a pass of so many texts.
  void load(std::int64_t texts) {
    const auto options = read({"run", folder_ / "large", "--quiet"});
    ASSERT_TRUE(options.ok());
    options_ = *options;
    auto output = cli::Output::open("", machine_.gate(), signals().token());
    ASSERT_TRUE(output.ok());
    output_.emplace(std::move(output).value());
    context_ = std::make_unique<cli::Context>(cli::Context{options_, machine_.gate(), machine_, signals(), console_, *output_});
    auto engine = cli::Engine::open(*context_, options_.model);
    ASSERT_TRUE(engine.ok()) << message(engine.error());
    engine_ = std::move(engine).value();
    auto plan = engine_->plan({.longest = 8, .batch_size = texts});
    ASSERT_TRUE(plan.ok());
    plan_ = std::move(plan).value();
    auto session = engine_->load(plan_, {}, [&](const SessionEvent& event) { events_.push_back(event); });
    ASSERT_TRUE(session.ok()) << message(session.error());
    session_.emplace(std::move(session).value());
    classifier_.emplace(engine_->model(), *session_, 8);
  }

  Status pass() {
    PLIMSOLL_TRY(const auto added, classifier_->add({"w1"}));
    EXPECT_EQ(added, Classifier::Added::yes);
    PLIMSOLL_TRY(const auto answers, classifier_->run());
    EXPECT_EQ(answers.size(), 1U);
    return {};
  }

  cli::Console console_{{}};
  std::optional<cli::Output> output_;
  std::unique_ptr<cli::Context> context_;
  std::unique_ptr<cli::Engine> engine_;
  Plan plan_;
  std::vector<SessionEvent> events_;
  std::optional<Session> session_;
  std::optional<Classifier> classifier_;
};

TEST_F(ShortSession, PressureTellsOfItToo) {
  ASSERT_NO_FATAL_FAILURE(load(1));
  press("55.00");
  const cli::MemoryWatcher watcher(
      machine_, *session_, {}, [&] { return engine_->least_to_go_on(plan_); }, std::chrono::milliseconds(1));
  const Bytes before = session_->planned_total();
  for (int i = 0; i < 2000 && events_.empty(); ++i) {
    ASSERT_TRUE(pass().ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_FALSE(events_.empty()) << "although there is plenty by the figures";
  EXPECT_EQ(events_.front().kind, SessionEvent::Kind::shed);
  EXPECT_LT(session_->planned_total(), before);
}

TEST_F(ShortSession, IsKeptFitWhereNoThreadCanBeHad) {
  ASSERT_NO_FATAL_FAILURE(load(1));
  press("55.00");
  machine_.gate().refuse({1, true, static_cast<int>(Acquisition::thread)});
  cli::MemoryWatcher watcher(
      machine_, *session_, {}, [&] { return engine_->least_to_go_on(plan_); }, std::chrono::milliseconds(1));
  EXPECT_GT(machine_.gate().refused(), 0U);
  machine_.gate().refuse({});
  for (int i = 0; i < 2000 && events_.empty(); ++i) {
    ASSERT_TRUE(watcher.keep_fit().ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_FALSE(events_.empty()) << "nobody looked";
  EXPECT_EQ(events_.front().kind, SessionEvent::Kind::shed);
}

TEST_F(ShortSession, GoesOnWithALittleMoreThanItWouldBeginWith) {
  ASSERT_NO_FATAL_FAILURE(load(500));
  const Bytes least = engine_->least_to_go_on(plan_);
  ASSERT_GT(least, cli::least_of_host(plan_)) << "it keeps room for the inputs of 500 texts";
  session_->set_budget(least);
  const Status passed = pass();
  EXPECT_TRUE(passed.ok()) << message(passed.error());
  EXPECT_EQ(session_->planned_total(), least);
  session_->set_budget(least - kib(4));
  EXPECT_EQ(pass().error().code, ErrorCode::does_not_fit);
}

TEST_F(Shortage, EndsWithTheSmallestBudgetsWhenNoModelIsLeft) {
  start({});
  in_.write("w1 w2\n");
  EXPECT_EQ(answered().at("index"), 0);
  shrink(mib(1));
  in_.write("w3\n");
  const auto result = finish();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(exit_code(result.error().code), 6);
  EXPECT_NE(result.error().what.find("none of 2 models fits"), std::string::npos) << message(result.error());
  ASSERT_TRUE(result.error().memory);
  EXPECT_FALSE(result.error().memory->smallest_budget.empty());
}

}  // namespace
}  // namespace plimsoll::test
