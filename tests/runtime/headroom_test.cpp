// What a session asks of the machine before it touches memory.
#include <sys/resource.h>

#include <gtest/gtest.h>

#include "elastic_fixture.h"
#include "probe/self_memory.h"
#include "runtime/weight_loader.h"
#include "support/forwarding_os.h"

namespace plimsoll {
namespace {

using testing::ChangingMachine;
using testing::kDeep;

class SessionHeadroom : public testing::ElasticFixture {
 protected:
  SessionHeadroom() {
    auto machine = std::make_unique<ChangingMachine>(mib(4096));
    os_machine_ = machine.get();
    os_ = std::move(machine);
  }
  ~SessionHeadroom() override {
    session_.reset();
    model_.reset();
    devices_.clear();
  }

  /// The least that must be free for the first plan to open, to the KiB. What is free does not sink while it opens.
  Bytes least_free() {
    Bytes refused;
    Bytes opened = mib(64);
    while (opened - refused > kib(1)) {
      const Bytes middle = round_up(refused + Bytes{(opened - refused).count / 2});
      os_machine_->set_available(middle);
      Session::Options options = this->options();
      options.replan = {};
      (Session::create(*model_, first_, std::move(options)).ok() ? opened : refused) = middle;
    }
    os_machine_->set_available(mib(4096));
    return opened;
  }

  /// What all arenas, simulated ones too, take beyond weights and what the model holds already.
  Bytes beyond_weights() const {
    Bytes all;
    for (const DevicePlan& device : first_.devices)
      all += device.arena_total() - device.arenas[static_cast<std::size_t>(MemoryTag::weights)];
    return all - tables_;
  }

  ChangingMachine* os_machine_ = nullptr;

 private:
  static Bytes round_up(Bytes bytes) { return Bytes{(bytes.count + 1023) / 1024 * 1024}; }
};

TEST_F(SessionHeadroom, StagingThatLoadingHoldsIsNotAskedForAgain) {
  for (const int devices : {0, 2}) {
    session_.reset();
    sims_.clear();
    for (int d = 0; d < devices; ++d) add_device("link=1GB/s,compute=10TFLOP/s,memory=9MiB");
    prepare(kDeep, 6, devices == 0 ? mib(12) : mib(4096));
    ASSERT_EQ(first_.stages->size() > 1, devices > 0);
    const Bytes touched = touched_by_loading(*model_, first_);
    ASSERT_GT(touched, kib(64)) << "or nothing is tested";
    // It is asked for before weights are read, the rest before the first pass.
    const Bytes once = std::max(touched, beyond_weights() - touched) + kib(1);
    EXPECT_LE(least_free().count, once.count) << devices << " devices, touched " << format_bytes(touched);
  }
}

// Memory of simulated devices is the host's, and a limit may be lowered between the plan and the first pass.
TEST_F(SessionHeadroom, WhatSimulatedDevicesWillTouchIsAskedFor) {
  for (const char* memory : {"memory=64MiB", "memory=9MiB"}) {
    session_.reset();
    sims_.clear();
    for (int d = 0; d < 2; ++d) add_device("link=1GB/s,compute=10TFLOP/s," + std::string(memory));
    prepare(kDeep, 64);
    Bytes loaded = first_.devices.front().arenas[static_cast<std::size_t>(MemoryTag::staging)];
    Bytes there;
    for (std::size_t d = 1; d < first_.devices.size(); ++d) {
      loaded += touched_by_loading(*model_, first_);
      there += first_.devices[d].arenas[static_cast<std::size_t>(MemoryTag::activations)];
    }
    ASSERT_GT(there, loaded) << "or nothing is tested";
    EXPECT_GE(least_free(), beyond_weights() - loaded) << memory << ", " << first_.stages->size() << " stages";
  }
}

/// The operating system, but this process may have so many addresses.
class LimitedOs final : public testing::ForwardingOs {
 public:
  std::optional<Bytes> memory_rlimit(int resource) override { return resource == RLIMIT_AS ? limit : std::nullopt; }
  std::optional<Bytes> limit;
};

class SessionAddresses : public testing::ElasticFixture {};

TEST_F(SessionAddresses, WhatIsMappedIsNotTakenForMemoryOfOthers) {
  auto limited = std::make_unique<LimitedOs>();
  LimitedOs& os = *limited;
  os_ = std::move(limited);
  prepare(kDeep, 64);
  const Bytes arenas = first_.devices.front().arena_total();
  ASSERT_GT(arenas, mib(16)) << "or what is mapped twice fits, too";
  os.limit = probe::read_self_memory(os).addresses + arenas + mib(12);  // and stacks
  ASSERT_TRUE(open().ok());
  EXPECT_TRUE(pass().ok());
  EXPECT_EQ(replans_, 0) << all_texts();
  session_.reset();
  model_.reset();
}

}  // namespace
}  // namespace plimsoll
