// Sessions on machines that change under them.
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "pattern_os.h"
#include "probe/cgroup.h"
#include "probe/self_memory.h"
#include "support/build.h"
#include "support/run_model.h"
#include "support/temporary_folder.h"
#include "support/tiny_model.h"

namespace plimsoll {
namespace {

using testing::PatternOs;
using testing::TinyModel;

class Limits : public ::testing::Test {
 protected:
  Limits() : os_(make_os(gate_)) {}

  void open(Os& os, const TinyModel& tiny, std::int64_t longest = 16, std::int64_t batch = 4) {
    testing::write_tiny_model(folder_.path(), tiny);
    auto model = Model::open(os, ledger_, {folder_.path(), "", "", false});
    ASSERT_TRUE(model.ok()) << message(model.error());
    model_ = std::make_unique<Model>(std::move(model).value());
    auto machine = describe_machine(os, 2);
    ASSERT_TRUE(machine.ok());
    machine->memory.budget = mib(1024);
    Workload workload;
    workload.longest = longest;
    workload.batch_size = batch;
    auto plan = make_plan(*model_, *machine, workload, {});
    ASSERT_TRUE(plan.ok());
    plan_ = std::make_unique<Plan>(std::move(plan).value());
  }

  Result<Session> load(Os& os) { return Session::create(*model_, *plan_, {&os, &ledger_, nullptr, {}}); }

  Gate gate_;
  std::unique_ptr<Os> os_;
  testing::TemporaryFolder folder_;
  Ledger ledger_{"cpu", Bytes{std::uint64_t{1} << 40U}};
  std::unique_ptr<Model> model_;
  std::unique_ptr<Plan> plan_;
};

TEST_F(Limits, AFileThatIsCutAfterItWasOpenedIsATypedError) {
  open(*os_, TinyModel{});
  const auto path = folder_ / "model.safetensors";
  const auto size = std::filesystem::file_size(path);
  const Bytes tables = ledger_.current();
  for (const std::uintmax_t left : {size - 1, size / 2, std::uintmax_t{0}}) {
    std::filesystem::resize_file(path, left);
    const auto session = load(*os_);
    ASSERT_FALSE(session.ok());
    EXPECT_EQ(session.error().code, ErrorCode::corrupt_file) << message(session.error());
    EXPECT_NE(message(session.error()).find("model.safetensors"), std::string::npos) << message(session.error());
    EXPECT_EQ(ledger_.current(), tables);
  }
}

TEST_F(Limits, AFileThatIsReplacedIsStillTheOneThatWasOpened) {
  open(*os_, TinyModel{});
  std::filesystem::remove(folder_ / "model.safetensors");
  EXPECT_TRUE(load(*os_).ok());
}

TEST_F(Limits, APlanOfAnotherModelIsRefused) {
  open(*os_, TinyModel{.layers = 1});
  const Plan other = *plan_;
  open(*os_, TinyModel{.layers = 2});
  for (const Plan& wrong : {other, Plan{}}) {
    const auto session = Session::create(*model_, wrong, {os_.get(), &ledger_, nullptr, {}});
    ASSERT_FALSE(session.ok());
    EXPECT_EQ(session.error().code, ErrorCode::usage);
  }
}

TEST_F(Limits, MemoryThatIsGoneByTheTimeOfLoadingIsNotTouched) {
  PatternOs os;
  open(os, TinyModel{.hidden = 256, .intermediate = 1024});
  const std::size_t before = os.mappings.size();
  os.texts["/proc/meminfo"] = "MemTotal: 8000000 kB\nMemAvailable: 64 kB\n";
  const auto session = load(os);
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code, ErrorCode::out_of_memory) << message(session.error());
  ASSERT_TRUE(session.error().memory.has_value());
  EXPECT_EQ(session.error().memory->free, kib(64));
  EXPECT_GT(session.error().memory->requested, kib(64));
  EXPECT_NE(message(session.error()).find("MemAvailable"), std::string::npos);
  ASSERT_GT(os.mappings.size(), before);
  for (std::size_t i = before; i < os.mappings.size(); ++i) EXPECT_EQ(PatternOs::touched(os.mappings[i]->bytes()), 0U);
  EXPECT_EQ(ledger_.current(), model_->table_bytes());
  os.texts.clear();
  EXPECT_TRUE(load(os).ok());
}

/// A memory cgroup below this process's own; removed at the end.
class MemoryGroup {
 public:
  MemoryGroup(Os& os, Bytes limit) {
    for (const probe::GroupChain& chain : probe::find_group_chains(os, "memory")) {
      const std::string path = chain.directories.front() + "/plimsoll-limits-" + std::to_string(::getpid());
      std::error_code failed;
      if (!std::filesystem::create_directory(path, failed) || failed) continue;
      path_ = path;
      if (write(chain.unified ? "memory.max" : "memory.limit_in_bytes", std::to_string(limit.count))) return;
      remove();
    }
  }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;
  ~MemoryGroup() { remove(); }

  bool exists() const { return !path_.empty(); }
  bool join() const { return write("cgroup.procs", std::to_string(::getpid())); }

 private:
  bool write(const std::string& file, const std::string& text) const {
    std::ofstream out(path_ + "/" + file);
    out << text;
    out.flush();
    return out.good();
  }
  void remove() {
    if (!path_.empty()) ::rmdir(path_.c_str());
    path_.clear();
  }
  std::string path_;
};

TEST_F(Limits, ACgroupTooSmallForThePlanIsATypedErrorAndNotAKill) {
  const MemoryGroup group(*os_, mib(24));
  if (!group.exists()) GTEST_SKIP() << "no memory cgroup can be made here";
  open(*os_, TinyModel{.hidden = 384, .layers = 5, .intermediate = 1536});
  ASSERT_GT(plan_->devices.front().arena_total(), mib(32));
  enum : int { kTyped = 0, kNotJoined = 10, kLoaded = 11, kOtherError = 12 };
  const pid_t child = ::fork();
  if (child == 0) {
    if (!group.join()) ::_exit(kNotJoined);
    const auto session = load(*os_);
    if (session.ok()) ::_exit(kLoaded);
    const Error& error = session.error();
    const bool typed = error.code == ErrorCode::out_of_memory && error.memory && error.memory->limit <= mib(16) &&
                       ledger_.current() == model_->table_bytes();
    ::_exit(typed ? kTyped : kOtherError);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == kNotJoined) GTEST_SKIP() << "a process cannot be moved into the group";
  EXPECT_EQ(WEXITSTATUS(status), kTyped);
}

TEST_F(Limits, AThousandPassesHoldNoMoreThanOne) {
  open(*os_, TinyModel{.hidden = 48});
  auto session = load(*os_);
  ASSERT_TRUE(session.ok());
  const Bytes ledger = ledger_.current();
  std::mt19937_64 random(5);
  const auto pass = [&] {
    std::vector<std::int32_t> starts = {0};
    const auto texts = 1 + static_cast<std::int32_t>(random() % 4);
    for (std::int32_t b = 0; b < texts; ++b) starts.push_back(starts.back() + 1 + static_cast<std::int32_t>(random() % 16));
    std::vector<std::int32_t> ids(static_cast<std::size_t>(starts.back()));
    for (auto& id : ids) id = static_cast<std::int32_t>(random() % 45);
    const std::vector<std::int32_t> types(ids.size(), 0);
    return session->run({ids, types, starts}).ok();
  };
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(pass());
  const Bytes before = probe::read_self_memory(*os_).anonymous;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pass());
  const Bytes after = probe::read_self_memory(*os_).anonymous;
  EXPECT_EQ(ledger_.current(), ledger);
  EXPECT_EQ(ledger_.peak(), ledger);
  EXPECT_LE(after, before + (testing::kSanitized ? mib(64) : kib(64)));
}

}  // namespace
}  // namespace plimsoll
