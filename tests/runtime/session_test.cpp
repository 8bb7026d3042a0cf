#include <plimsoll/device.h>
#include <plimsoll/session.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <random>

#include "model_fixture.h"
#include "support/forwarding_os.h"
#include "support/hooked_folder.h"

namespace plimsoll {
namespace {

using testing::run_model;
using testing::RunRequest;
using testing::Text;
using testing::texts;
using testing::TinyModel;

using SessionTest = testing::ModelFixture;

TEST_F(SessionTest, TheLedgersPeakIsThePlanToTheByte) {
  for (const std::int64_t hidden : {16, 48, 64, 100}) {
    const TinyModel tiny{.hidden = hidden, .intermediate = 3 * hidden};
    for (const std::int64_t batch : {0, 1, 5}) {
      auto result = run_model(*os_, {.model = write(tiny), .texts = texts(tiny, 9), .batch_size = batch});
      ASSERT_TRUE(result.ok()) << message(result.error());
      const DevicePlan& device = result->plan.devices.front();
      EXPECT_EQ(result->ledger_peak, device.arena_total());
      EXPECT_EQ(result->ledger_peak_by_tag, device.arenas);
      EXPECT_EQ(device.arena_total().count % kPage.count, 0U);
    }
  }
}

TEST_F(SessionTest, ATextsBitsAreItsOwn) {
  const TinyModel tiny{.hidden = 72, .heads = 6, .intermediate = 130};
  const std::string path = write(tiny);
  const std::vector<Text> all = texts(tiny, 40);
  const auto reference = run_model(*os_, {.model = path, .texts = all, .batch_size = 1, .threads = 1});
  ASSERT_TRUE(reference.ok()) << message(reference.error());
  for (const std::int64_t batch : {0, 3, 40}) {
    for (const int threads : {1, 2, 3}) {
      const auto result = run_model(*os_, {.model = path, .texts = all, .batch_size = batch, .threads = threads});
      ASSERT_TRUE(result.ok()) << message(result.error());
      EXPECT_EQ(result->logits, reference->logits) << batch << " texts a pass, " << threads << " threads";
    }
  }
}

TEST_F(SessionTest, TheSmallestBudgetRunsAndOnePageLessIsRefused) {
  std::mt19937_64 random(11);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low + 1));
  };
  for (int round = 0; round < 200; ++round) {
    const std::int64_t heads = pick(1, 4);
    const TinyModel tiny{.hidden = heads * pick(1, 24),
                         .layers = pick(1, 3),
                         .heads = heads,
                         .intermediate = pick(1, 150),
                         .words = pick(1, 300),
                         .positions = pick(20, 80),
                         .labels = pick(1, 5),
                         .seed = random(),
                         .dtype = std::vector{"F32", "F16", "BF16"}[random() % 3]};
    RunRequest request{.model = write(tiny),
                       .texts = texts(tiny, pick(1, 12)),
                       .max_length = pick(3, 20),
                       .batch_size = pick(0, 6),
                       .threads = static_cast<int>(pick(1, 3))};
    const auto free = run_model(*os_, request);
    ASSERT_TRUE(free.ok()) << message(free.error());
    const Bytes smallest = free->plan.smallest_budget.front().bytes;
    request.policy.max_memory = smallest;
    const auto tight = run_model(*os_, request);
    ASSERT_TRUE(tight.ok()) << message(tight.error());
    EXPECT_EQ(tight->logits, free->logits);
    EXPECT_EQ(tight->plan.devices.front().planned_total(), smallest);
    request.policy.max_memory = smallest - kPage;
    const auto refused = run_model(*os_, request);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::does_not_fit);
    ASSERT_TRUE(refused.error().memory.has_value());
    EXPECT_EQ(refused.error().memory->smallest_budget.front().bytes, smallest);
  }
}

TEST_F(SessionTest, AnyAcquisitionMayFailOnce) {
  const TinyModel tiny;
  const RunRequest request{.model = write(tiny), .texts = texts(tiny, 5)};
  EXPECT_GT(refuse_each(request, run(request)).first, 50);
}

TEST_F(SessionTest, CancelStopsWithATypedError) {
  const TinyModel tiny;
  CancelToken cancel;
  cancel.cancel();
  const auto result = run_model(*os_, {.model = write(tiny), .texts = texts(tiny, 2), .cancel = &cancel});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::cancelled);
}

class OpenSession : public testing::SessionFixture {
 protected:
  ErrorCode refused(std::vector<std::int32_t> ids, std::vector<std::int32_t> types, std::vector<std::int32_t> starts) {
    const auto result = session_->run({ids, types, starts});
    return result.ok() ? ErrorCode::internal : result.error().code;
  }
};

TEST_F(OpenSession, APassOutsideThePlanOrTheVocabularyIsRefused) {
  open(TinyModel{.words = 10}, {Workload{.longest = 8, .batch_size = 2}});
  EXPECT_EQ(refused({2, 15, 3}, {0, 0, 0}, {0, 3}), ErrorCode::usage);  // ids are below 15
  EXPECT_EQ(refused({2, -1, 3}, {0, 0, 0}, {0, 3}), ErrorCode::usage);
  EXPECT_EQ(refused({2, 5, 3}, {0, 2, 0}, {0, 3}), ErrorCode::usage);        // two token types
  EXPECT_EQ(refused({2, 5, 3}, {0, 0, 0}, {0, 2}), ErrorCode::usage);        // starts end before the tokens do
  EXPECT_EQ(refused({2, 5, 3}, {0, 0, 0}, {0, 0, 3}), ErrorCode::usage);     // a text without tokens
  EXPECT_EQ(refused({2, 5, 3}, {0, 0, 0}, {0, 1, 2, 3}), ErrorCode::usage);  // three texts, planned for two
  EXPECT_EQ(refused(std::vector<std::int32_t>(9, 5), std::vector<std::int32_t>(9, 0), {0, 9}), ErrorCode::usage);  // longer than planned
  EXPECT_EQ(refused(std::vector<std::int32_t>(17, 5), std::vector<std::int32_t>(17, 0), {0, 8, 16, 17}), ErrorCode::usage);
  const std::vector<std::int32_t> ids = {2, 5, 3};
  const std::vector<std::int32_t> types = {0, 0, 0};
  const std::vector<std::int32_t> starts = {0, 3};
  EXPECT_TRUE(session_->run({ids, types, starts}).ok());
}

TEST_F(OpenSession, AnArrayInThePlaceOfAnotherIsRefused) {
  open(TinyModel{.words = 10}, {Workload{.longest = 8, .batch_size = 2}});
  const Session::InputBuffers own = session_->input_buffers();
  const std::vector<std::int32_t> other = {0, 0, 0};
  const auto fill = [&] {
    for (std::size_t i = 0; i < 3; ++i) own.ids[i] = own.type_ids[i] = static_cast<std::int32_t>(i % 2);
    own.text_starts[0] = 0;
    own.text_starts[1] = 3;
  };
  const auto code = [&](std::span<const std::int32_t> ids, std::span<const std::int32_t> types, std::span<const std::int32_t> starts) {
    fill();
    const auto result = session_->run({ids, types, starts});
    return result.ok() ? ErrorCode::internal : result.error().code;
  };
  const auto starts = own.text_starts.first(2);
  EXPECT_EQ(code(own.type_ids.first(3), own.ids.first(3), starts), ErrorCode::usage) << "ids would be written over types";
  EXPECT_EQ(code(own.type_ids.first(3), other, starts), ErrorCode::usage);
  EXPECT_EQ(code(own.ids.subspan(1, 3), other, starts), ErrorCode::usage);
  fill();
  EXPECT_TRUE(session_->run({own.ids.first(3), own.type_ids.first(3), starts}).ok());
  EXPECT_TRUE(session_->run({own.ids.first(3), other, starts}).ok());
}

/// Somebody does something to a model's folder before it is opened and before each of its files is.
class MeddlingOs final : public testing::ForwardingOs {
 public:
  explicit MeddlingOs(std::function<void()> meddle) : meddle_(std::move(meddle)) { meddle_(); }
  Result<std::unique_ptr<Folder>> open_folder(const std::string& root, const std::string& inside) override {
    meddle_();
    return testing::hooked(ForwardingOs::open_folder(root, inside), [this](Folder& folder, const std::string& name) {
      meddle_();
      return folder.open(name);
    });
  }

 private:
  std::function<void()> meddle_;
};

TEST_F(SessionTest, AModelIsNeverMadeOfTwo) {
  const std::vector<std::string> folders = {folder_ / "old", folder_ / "new"};
  std::vector<std::vector<std::vector<float>>> own;
  for (const std::string& folder : folders) {
    const TinyModel tiny{.seed = own.size() + 1};
    std::filesystem::create_directory(folder);
    testing::write_tiny_model(folder, tiny);
    if (!own.empty()) {  // the same words, in another order
      std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
      for (std::int64_t i = tiny.words; i-- > 0;) vocabulary += "w" + std::to_string(i) + "\n";
      std::ofstream(folder + "/vocab.txt") << vocabulary;
    }
    own.push_back(run({.model = folder, .texts = texts(TinyModel{}, 5)}).logits);
  }
  ASSERT_NE(own[0], own[1]);
  std::mt19937 random(5);
  const auto turn_the_link = [&] {
    std::filesystem::remove(folder_ / "latest");
    std::filesystem::create_symlink(folders[random() % 2], folder_ / "latest");
  };
  const auto exchange_the_folders = [&] {
    if (random() % 2 == 0) return;
    std::filesystem::rename(folders[0], folder_ / "aside");
    std::filesystem::rename(folders[1], folders[0]);
    std::filesystem::rename(folder_ / "aside", folders[1]);
  };
  for (const auto& [meddle, model] :
       {std::pair<std::function<void()>, std::string>{turn_the_link, folder_ / "latest"}, {exchange_the_folders, folders[0]}}) {
    MeddlingOs os(meddle);
    for (int i = 0; i < 12; ++i) {
      const auto result = run_model(os, {.model = model, .texts = texts(TinyModel{}, 5)});
      ASSERT_TRUE(result.ok()) << message(result.error());
      EXPECT_TRUE(result->logits == own[0] || result->logits == own[1]) << i;
    }
  }
}

TEST_F(SessionTest, RefusesADeviceThatIsNone) {
  Ledger ledger("cpu", mib(64));
  const auto model = Model::open(*os_, ledger, {write({}), "", "", false});
  ASSERT_TRUE(model.ok());
  const auto device = OpenDevice::simulate(*os_, "sim:0", "memory=64MiB", 1);
  ASSERT_TRUE(device.ok());
  Snapshot machine = describe_machine(*os_, 1).value();
  machine.accelerators.push_back((*device)->describe().value());
  const auto plan = make_plan(*model, machine, {.longest = 8}, {.device = "sim:0"});
  ASSERT_TRUE(plan.ok());
  const auto session = Session::create(*model, *plan, {.os = os_.get(), .ledger = &ledger, .devices = {nullptr}});
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code, ErrorCode::usage);
}

TEST_F(SessionTest, ANumberOfThreadsThatNobodyHasIsRefused) {
  const auto code = [](const auto& result) { return result.ok() ? ErrorCode::internal : result.error().code; };
  Snapshot machine = describe_machine(*os_, 1).value();
  for (const int threads : {-1, 1000000000}) {
    EXPECT_EQ(code(OpenDevice::simulate(*os_, "sim:0", "memory=64MiB", threads)), ErrorCode::usage) << threads;
    machine.cpu.default_threads = threads;
    EXPECT_EQ(code(measure_peak(*os_, machine)), ErrorCode::usage) << threads;
    EXPECT_EQ(code(measure_rates(*os_, machine, "")), ErrorCode::usage) << threads;
  }
  EXPECT_EQ(code(describe_machine(*os_, 1000000000)), ErrorCode::usage);
}

TEST_F(SessionTest, RefusesThePlanOfAnotherModel) {
  const auto open = [&](const TinyModel& tiny, Ledger& ledger) { return Model::open(*os_, ledger, {write(tiny), "", "", false}); };
  Ledger ledger("cpu", mib(64));
  const auto planned = open({}, ledger);
  ASSERT_TRUE(planned.ok());
  const auto machine = describe_machine(*os_, 1);
  ASSERT_TRUE(machine.ok());
  const auto plan = make_plan(*planned, *machine, {.longest = 8}, {});
  ASSERT_TRUE(plan.ok());
  const Session::Options options{os_.get(), &ledger};
  for (const TinyModel& other : {TinyModel{.hidden = 64}, TinyModel{.intermediate = 65}, TinyModel{.words = 41}, TinyModel{.positions = 65},
                                 TinyModel{.labels = 4}, TinyModel{.heads = 2}, TinyModel{.layers = 3}, TinyModel{.dtype = "F16"}}) {
    const auto model = open(other, ledger);
    ASSERT_TRUE(model.ok());
    const auto session = Session::create(*model, *plan, options);
    ASSERT_FALSE(session.ok());
    EXPECT_EQ(session.error().code, ErrorCode::usage) << message(session.error());
  }
  const auto again = open({.seed = 2}, ledger);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(Session::create(*again, *plan, options).ok()) << "the same sizes: the plan fits";
  for (const auto change : std::initializer_list<void (*)(Plan&)>{
           [](Plan& changed) { changed.stages.reset(); }, [](Plan& changed) { changed.schedule.reset(); },
           [](Plan& changed) { changed.threads = 0; }, [](Plan& changed) { changed.threads = -5; },
           [](Plan& changed) { changed.tokens_per_pass *= 1000; }, [](Plan& changed) { changed.texts_per_pass = -1; },
           [](Plan& changed) { changed.workload.longest = 1 << 20; }, [](Plan& changed) { changed.devices.clear(); },
           [](Plan& changed) { changed.devices.front().arenas = {}; }}) {
    Plan changed = *plan;
    change(changed);
    const auto session = Session::create(*again, changed, options);
    ASSERT_FALSE(session.ok());
    EXPECT_EQ(session.error().code, ErrorCode::usage) << message(session.error());
  }
  EXPECT_EQ(Session::create(*again, Plan{}, options).error().code, ErrorCode::usage) << "made by nobody";
  EXPECT_EQ(Session::create(*again, *plan, {}).error().code, ErrorCode::usage) << "no system and no ledger";
  EXPECT_EQ(Session::create(*again, *plan, {os_.get()}).error().code, ErrorCode::usage) << "no ledger";
}

}  // namespace
}  // namespace plimsoll
