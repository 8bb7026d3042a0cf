// The heap refuses the n-th thing that a whole life of a model asks it for, once and from then on, for every n. The library's word
// (docs/architecture.md): a function that gives a Result throws nothing, and nothing dies of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <thread>

#include <plimsoll/classifier.h>
#include <plimsoll/device.h>
#include <plimsoll/measure.h>
#include <plimsoll/session_group.h>

#include "support/heap_watch.h"
#include "sweeps/sweep_fixture.h"

namespace plimsoll::testing {
namespace {

constexpr Bytes kPlenty{std::uint64_t{1} << 40U};

/// A model as an application uses it, from opening to the end. What the test itself needs of the heap is there beforehand.
class Life {
 public:
  Life(Os& os, std::string folder, const Place& place) : os_(os), place_(place) {
    request_.model = std::move(folder);
    policy_.stream_everything = place.streamed;
    answers_.reserve(4096);
  }

  Status run() {
    answers_.clear();
    ledger_.set_limit(kPlenty);
    try {
      return walk();
    } catch (const std::bad_alloc&) {
      return heap_exhausted();
    }
  }

  const std::vector<float>& answers() const { return answers_; }
  /// A function that gives a Result threw.
  bool threw() const { return threw_; }
  Bytes held() const { return ledger_.current(); }

 private:
  /// A call that may not throw.
  template <typename Call>
  auto quiet(Call&& call) -> decltype(call()) {
    try {
      return call();
    } catch (...) {
      threw_ = true;
      throw;
    }
  }

  Status walk() {
    PLIMSOLL_TRY(const Model model, quiet([&] { return Model::open(os_, ledger_, request_); }));
    PLIMSOLL_TRY(const std::int64_t limit, quiet([&] { return text_limit(model.max_tokens(), 0); }));
    PLIMSOLL_TRY(Workload workload, count(model, limit));
    PLIMSOLL_TRY(Snapshot machine, quiet([&] { return describe_machine(os_, 2); }));
    std::unique_ptr<OpenDevice> device;
    if (place_.simulated) {
      PLIMSOLL_TRY(device, quiet([&] { return OpenDevice::simulate(os_, "sim:0", kSim, 2); }));
      PLIMSOLL_TRY(Accelerator there, quiet([&] { return device->describe(); }));
      machine.accelerators.push_back(std::move(there));
    }
    workload.batch_size = 2;
    PLIMSOLL_TRY(const Plan plan, quiet([&] { return make_plan(model, machine, workload, policy_); }));
    workload.held_tokens = plan.tokens_per_pass;
    workload.held_texts = plan.texts_per_pass;
    Session::Options options{.os = &os_, .ledger = &ledger_};
    if (device) options.devices.push_back(device.get());
    options.replan = [&](std::span<const DeviceBytes> budgets) -> Result<Plan> {
      Snapshot now = machine;
      now.memory.budget = budgets.front().bytes;
      if (device) now.accelerators.front().free = budgets.back().bytes;
      return make_plan(model, now, workload, policy_);
    };
    PLIMSOLL_TRY(Session session, quiet([&] { return Session::create(model, plan, std::move(options)); }));
    return answer(model, session, limit);
  }

  Result<Workload> count(const Model& model, std::int64_t limit) {
    WorkloadCounter counter(os_, ledger_, model.tokenizer(), limit);
    for (const Text& text : kTexts) PLIMSOLL_CHECK(quiet([&] { return counter.add({text.text}); }));
    return counter.workload();
  }

  /// Passes with all memory, with little and with all again.
  Status answer(const Model& model, Session& session, std::int64_t limit) {
    Classifier classifier(model, session, limit);
    const Bytes tight = tight_budget(session);
    int pass = 0;
    for (const Text& text : kTexts) {
      PLIMSOLL_TRY(const Classifier::Added added, quiet([&] { return classifier.add({text.text}); }));
      if (added == Classifier::Added::yes) continue;
      session.set_budget(device(), ++pass == 2 ? tight : kPlenty);
      PLIMSOLL_CHECK(run_pass(classifier));
      PLIMSOLL_CHECK(quiet([&] { return classifier.add({text.text}); }));
    }
    return run_pass(classifier);
  }

  /// Between all that the plan takes and the least that would do.
  Bytes tight_budget(const Session& session) const {
    Bytes least = session.planned_total(device());
    const Bytes whole = least;
    for (const DeviceBytes& smallest : session.plan().smallest_budget) {
      if (smallest.device == device()) least = smallest.bytes;
    }
    return Bytes{(whole.count + 3 * least.count) / 4};
  }

  Status run_pass(Classifier& classifier) {
    PLIMSOLL_TRY(const std::span<const Answer> answers, quiet([&] { return classifier.run(); }));
    for (const Answer& answer : answers) answers_.insert(answers_.end(), answer.logits.begin(), answer.logits.end());
    return {};
  }

  std::string_view device() const { return place_.simulated ? "sim:0" : "cpu"; }

  static constexpr std::string_view kSim = "memory=8MiB,link=1000GB/s,latency=0us";
  inline static const std::vector<Text> kTexts = texts(TinyModel{}, 7);

  Os& os_;
  Place place_;
  ModelRequest request_;
  Policy policy_;
  Ledger ledger_{"cpu", kPlenty};
  std::vector<float> answers_;
  bool threw_ = false;
};

class HeapSweep : public ::testing::TestWithParam<Place> {
 protected:
  /// A life in which the heap refuses `length` requests from the `first` on. How many it did.
  std::size_t live(Life& life, std::size_t first, std::size_t length) {
    SCOPED_TRACE(std::to_string(first) + (length > 1 ? " and all that follow" : ""));
    const HeapFault fault(first, length);
    const Status lived = life.run();
    HeapFault::stop();
    const std::size_t refused = HeapFault::refused();
    EXPECT_FALSE(life.threw());
    if (lived.ok()) {
      EXPECT_EQ(life.answers(), expected_) << "not the same bits";
    } else {
      EXPECT_EQ(lived.error().code, ErrorCode::out_of_memory) << message(lived.error());
      EXPECT_GT(refused, 0U);
    }
    EXPECT_EQ(life.held(), Bytes{});
    expect_idle();
    return refused;
  }

  void expect_idle() const {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (os_.holdings() != idle_ && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    EXPECT_EQ(os_.holdings(), idle_);
  }

  /// What an undisturbed life asks the heap for.
  std::size_t undisturbed(Life& life) {
    std::thread([] {}).join();  // what a sanitizer starts beside the first one is there from now on
    idle_ = os_.holdings();
    EXPECT_TRUE(life.run().ok());
    expected_ = life.answers();
    EXPECT_EQ(live(life, kNoFault, 1), 0U);
    return HeapFault::asked_for();
  }

  static constexpr std::size_t kNoFault = std::numeric_limits<std::size_t>::max() - 1;
  CountingOs os_;
  TemporaryFolder folder_;
  std::vector<float> expected_;
  Holdings idle_;
};

TEST_P(HeapSweep, EachRequestOnceAndFromThenOn) {
  write_tiny_model(folder_.path(), TinyModel{});
  Life life(os_, folder_.path(), GetParam());
  const std::size_t all = undisturbed(life);
  ASSERT_GT(all, 500U);
  const HeapWatch heap;
  std::size_t refused = 0;
  const std::size_t stride = all_cases() ? 1 : all / (kSanitized ? 20 : 60);
  // The first ones end a life at once, and what is opened is opened then.
  static constexpr std::size_t kFirst = 100;
  // Beyond the last: how many there are changes a little with what threads do.
  for (std::size_t first = 1; first <= all + all / 20 && !HasFailure(); first += first < kFirst ? 1 : stride) {
    for (const std::size_t length : {std::size_t{1}, kNoFault}) refused += live(life, first, length) > 0 ? 1 : 0;
  }
  EXPECT_GT(refused, all / stride);
  ASSERT_TRUE(life.run().ok());
  EXPECT_EQ(life.answers(), expected_);
  EXPECT_LT(heap.left(), kib(64).count) << "it is not given back";
}

INSTANTIATE_TEST_SUITE_P(On, HeapSweep,
                         ::testing::Values(Place{"cpu", false, false}, Place{"cpu_streamed", false, true}, Place{"sim", true, false},
                                           Place{"sim_streamed", true, true}),
                         [](const auto& place) { return std::string(place.param.name); });

}  // namespace
}  // namespace plimsoll::testing
