#include "device/sim/sim_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "device/cpu/cpu_kernels.h"
#include "device/reference.h"
#include "device/support.h"
#include "support/heap_watch.h"
#include "support/temporary_folder.h"

namespace plimsoll::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A simulated device of 32 MiB with rates that are easy to reckon with: a MB takes a second over the link and from disk.
class SimDeviceTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kMegabyte = 1'000'000;

  SimDeviceTest() : os_(make_os(gate_)), pool_(std::move(ThreadPool::create(*os_, 1)).value()) {}

  SimDevice& open(const std::string& script = "", const std::string& more = "") {
    const std::string keys = "memory=32MiB,latency=0,link=1MB/s,disk=1MB/s,compute=1MFLOP/s" + more;
    SimSpec spec = std::move(parse_sim_spec(keys)).value();
    if (!script.empty()) spec.script = folder_.write("events", script);
    pin_.reset();
    in_.reset();
    compute_.reset();
    kernels_.reset();
    memory_.reset();
    device_ = std::move(SimDevice::create({os_.get(), pool_.get(), detect_cpu_features(), spec, "sim:0"})).value();
    memory_ = std::move(device_->allocate(mib(16))).value();
    pin_ = std::move(device_->pin(host_)).value();
    compute_ = std::move(device_->make_stream(StreamKind::compute)).value();
    in_ = std::move(device_->make_stream(StreamKind::copy_in)).value();
    const WorkspaceNeeds needs{.largest_inputs = 2000, .longest_text = 64, .head_dim = 16, .threads = 1, .tokens = 64};
    const auto workspace = static_cast<std::size_t>(cpu_workspace_bytes(needs));
    kernels_ = std::move(device_->make_kernels(needs, memory_->bytes().last(workspace))).value();
    return *device_;
  }
  std::byte* at(std::size_t offset) { return memory_->bytes().data() + offset; }
  std::span<const std::byte> host(std::size_t size) const { return std::span(host_).first(size); }

  /// A step of a million operations, a second: [1, 500] x [1000, 500]^T.
  Step second_of_compute() {
    LinearStep step;
    step.x = {at(0), 1, 500, 500, ElementType::float32};
    step.weight = {at(4096), {ElementType::float32, WeightLayout::rows}, 1000, 500};
    step.out = {at(3 * kMegabyte), 1, 1000, 1000, ElementType::float32};
    return step;
  }

  testing::TemporaryFolder folder_;
  Gate gate_;
  std::unique_ptr<Os> os_;
  std::unique_ptr<ThreadPool> pool_;
  std::vector<std::byte> host_ = std::vector<std::byte>(4 * kMegabyte);
  std::unique_ptr<SimDevice> device_;
  std::unique_ptr<DeviceMemory> memory_;
  std::unique_ptr<HostPin> pin_;  ///< of host_
  std::unique_ptr<Kernels> kernels_;
  std::unique_ptr<Stream> compute_;
  std::unique_ptr<Stream> in_;
};

/// What streaming is: chunk by chunk a second from disk, one over the link, one of compute, in a ring of `slots`.
struct Pipeline {
  int chunks = 8;
  int slots = 1;
};

TEST_F(SimDeviceTest, CopiesOverlapWithComputeWhenTheyAreAhead) {
  const auto seconds_of = [&](const Pipeline& pipeline) {
    SimDevice& device = open();
    std::vector<Event> read(static_cast<std::size_t>(pipeline.chunks));
    std::vector<Event> used(static_cast<std::size_t>(pipeline.chunks));
    const auto fetch = [&](int chunk) {
      const auto i = static_cast<std::size_t>(chunk);
      if (chunk >= pipeline.chunks) return;
      device.wait(*in_, device.host_reads(Bytes{kMegabyte}));
      if (chunk >= pipeline.slots) device.wait(*in_, used[static_cast<std::size_t>(chunk - pipeline.slots)]);
      device.copy_in(*in_, at(4 * kMegabyte), host(kMegabyte));
      read[i] = device.record(*in_);
    };
    for (int ahead = 0; ahead + 1 < pipeline.slots; ++ahead) fetch(ahead);
    for (int chunk = 0; chunk < pipeline.chunks; ++chunk) {
      fetch(chunk + pipeline.slots - 1);
      device.wait(*compute_, read[static_cast<std::size_t>(chunk)]);
      kernels_->enqueue(*compute_, second_of_compute());
      used[static_cast<std::size_t>(chunk)] = device.record(*compute_);
      EXPECT_TRUE(pipeline.slots > 1 || device.synchronize(*compute_).ok());
    }
    EXPECT_TRUE(device.synchronize(*compute_).ok());
    for (const SimQueue queue : {SimQueue::disk, SimQueue::link_up, SimQueue::compute})
      EXPECT_NEAR(device.busy(queue), pipeline.chunks, 1e-9);
    EXPECT_EQ(device.busy(SimQueue::link_down), 0);
    return device.seconds();
  };
  EXPECT_NEAR(seconds_of({8, 1}), 8 * 3, 1e-9) << "one after the other: the sum";
  EXPECT_NEAR(seconds_of({8, 3}), 8 + 2, 1e-9) << "three at once: the slowest, and filling and emptying";
  EXPECT_NEAR(seconds_of({8, 2}), 3 + 7 * 2 - 5, 2.1) << "two slots: between both";
}

TEST_F(SimDeviceTest, WorkBeginsNoEarlierThanTheHostAskedForIt) {
  SimDevice& device = open();
  device.copy_in(*in_, at(0), host(kMegabyte));
  ASSERT_TRUE(device.synchronize(*in_).ok());
  kernels_->enqueue(*compute_, second_of_compute());
  ASSERT_TRUE(device.synchronize(*compute_).ok());
  EXPECT_NEAR(device.seconds(), 2, 1e-9) << "the host waited for the copy before it asked for the step";
  kernels_->enqueue(*compute_, second_of_compute());
  device.copy_in(*in_, at(4 * kMegabyte), host(kMegabyte));
  ASSERT_TRUE(device.synchronize(*compute_).ok());
  ASSERT_TRUE(device.synchronize(*in_).ok());
  EXPECT_NEAR(device.seconds(), 3, 1e-9) << "both at once";
}

TEST_F(SimDeviceTest, ResultsAreThoseOfTheCpuInEveryBit) {
  SimDevice& device = open();
  Numbers numbers(41);
  const Matrix x = Matrix::random(numbers, 33, 301);
  const Matrix w = Matrix::random(numbers, 70, 301);
  Cpu cpu(detect_cpu_features(), wide_needs(2));
  const Matrix expected(33, 70);
  ASSERT_TRUE(cpu.run(LinearStep{x.view(), w.weight(), nullptr, Activation::gelu, expected.view()}).ok());
  const std::span<const std::byte> x_bytes(x.data(), 33 * 301 * 4);
  const std::span<const std::byte> w_bytes(w.data(), 70 * 301 * 4);
  device.copy_in(*compute_, at(0), x_bytes);
  device.copy_in(*compute_, at(kMegabyte), w_bytes);
  MatrixView x_there = x.view(), out_there = expected.view();
  WeightView w_there = w.weight();
  x_there.data = at(0);
  w_there.data = at(kMegabyte);
  out_there.data = at(2 * kMegabyte);
  kernels_->enqueue(*compute_, LinearStep{x_there, w_there, nullptr, Activation::gelu, out_there});
  const Matrix result(33, 70);
  device.copy_out(*compute_, {result.data(), 33 * 70 * 4}, at(2 * kMegabyte));
  ASSERT_TRUE(device.synchronize(*compute_).ok());
  EXPECT_TRUE(same_bits(result, expected));
}

/// Work is done late, so that a wait that was forgotten shows.
TEST_F(SimDeviceTest, WhatNobodyWaitsForIsNotDoneYet) {
  SimDevice& device = open();
  std::vector<float> source = {1}, seen = {0};
  const auto pins = std::array{device.pin(std::as_writable_bytes(std::span(source))), device.pin(std::as_writable_bytes(std::span(seen)))};
  device.copy_in(*in_, at(0), std::as_bytes(std::span(source)));
  const Event copied = device.record(*in_);
  device.copy_out(*compute_, std::as_writable_bytes(std::span(seen)), at(0));
  ASSERT_TRUE(device.synchronize(*compute_).ok());
  EXPECT_EQ(seen[0], 0) << "without a wait";
  source[0] = 2;
  device.wait(*compute_, copied);
  device.copy_out(*compute_, std::as_writable_bytes(std::span(seen)), at(0));
  ASSERT_TRUE(device.synchronize(*compute_).ok());
  EXPECT_EQ(seen[0], 2) << "the host wrote over what was still to be copied";
}

/// A link of a MB a second, and a quarter of it for memory that is not pinned.
TEST_F(SimDeviceTest, MemoryThatIsNotPinnedIsCopiedSlowlyAndTheHostWaits) {
  SimDevice& device = open("", ",pageable=250KB/s");
  pin_.reset();
  host_[0] = std::byte{7};
  device.copy_in(*in_, at(0), host(kMegabyte));
  EXPECT_EQ(*at(0), std::byte{7}) << "it is there before the call ends";
  EXPECT_NEAR(device.seconds(), 4, 1e-9);
  kernels_->enqueue(*compute_, second_of_compute());
  ASSERT_TRUE(device.synchronize(*compute_).ok());
  EXPECT_NEAR(device.seconds(), 5, 1e-9) << "the host asked for the step after the copy";

  const Event computed = device.record(*compute_);
  kernels_->enqueue(*compute_, second_of_compute());
  const Event more = device.record(*compute_);
  device.wait(*in_, computed);
  device.wait(*in_, more);
  device.copy_out(*in_, std::span(host_).first(kMegabyte), at(0));
  EXPECT_NEAR(device.seconds(), 5 + 1 + 4, 1e-9) << "after all that its stream waits for";
}

TEST_F(SimDeviceTest, OnlyACopyWhollyWithinAPinIsAsynchronous) {
  SimDevice& device = open("", ",pageable=250KB/s");
  pin_.reset();
  auto half = std::move(device.pin(std::span(host_).first(kMegabyte / 2))).value();
  const auto again = std::move(device.pin(std::span(host_).first(kMegabyte / 4))).value();
  const auto seconds_of = [&](std::span<const std::byte> from) {
    const double before = device.busy(SimQueue::link_up);
    device.copy_in(*in_, at(0), from);
    EXPECT_TRUE(device.synchronize(*in_).ok());
    return device.busy(SimQueue::link_up) - before;
  };
  EXPECT_NEAR(seconds_of(host(kMegabyte / 2)), 0.5, 1e-9);
  EXPECT_NEAR(seconds_of(host(kMegabyte / 2 + 1)), 2, 1e-5) << "a byte beyond the pin";
  host_[9] = std::byte{9};
  device.copy_in(*in_, at(0), host(kMegabyte / 2));
  EXPECT_NE(*at(9), std::byte{9});
  half.reset();
  EXPECT_EQ(*at(9), std::byte{9}) << "unpinning waits for what is queued";
  EXPECT_NEAR(seconds_of(host(kMegabyte / 4)), 0.25, 1e-9) << "the other pin of the same pages lives";
  EXPECT_NEAR(seconds_of(host(kMegabyte / 2)), 2, 1e-9);
}

TEST_F(SimDeviceTest, PinsAreRefusedByScriptAndGate) {
  SimDevice& device = open("at=pass:1 fail=pin:2\nat=pass:2 fail=pin:2+\n");
  const auto refused = [&] {
    const auto pin = device.pin(host_);
    if (pin.ok()) return false;
    EXPECT_EQ(pin.error().code, ErrorCode::out_of_memory);
    EXPECT_THAT(message(pin.error()), HasSubstr("cannot pin 3.81 MiB of the host's memory (sim:0)"));
    return true;
  };
  device.at({Phase::pass, 0, 1, -1});
  EXPECT_THAT((std::vector{refused(), refused(), refused()}), ElementsAre(false, true, false));
  device.at({Phase::pass, 0, 2, -1});
  EXPECT_THAT((std::vector{refused(), refused(), refused()}), ElementsAre(false, true, true));
  SimDevice& other = open();
  gate_.refuse({1, false, static_cast<int>(Acquisition::pinned_memory)});
  EXPECT_FALSE(other.pin(host_).ok());
  EXPECT_TRUE(other.pin(host_).ok());
}

TEST_F(SimDeviceTest, GivingMemoryBackWaitsForWhatIsQueued) {
  SimDevice& device = open();
  auto block = std::move(device.allocate(mib(1))).value();
  std::vector<float> source = {3}, seen = {0};
  const auto pins = std::array{device.pin(std::as_writable_bytes(std::span(source))), device.pin(std::as_writable_bytes(std::span(seen)))};
  device.copy_in(*in_, block->bytes().data(), std::as_bytes(std::span(source)));
  device.copy_out(*in_, std::as_writable_bytes(std::span(seen)), block->bytes().data());
  block.reset();
  EXPECT_EQ(seen[0], 3);
  EXPECT_TRUE(device.synchronize(*in_).ok());
}

TEST_F(SimDeviceTest, WhatAStreamThatIsGoneStillHadToDoIsNotTakenForDone) {
  SimDevice& device = open();
  auto stream = std::move(device.make_stream(StreamKind::copy_in)).value();
  const Event before = device.record(*stream);
  ASSERT_TRUE(device.synchronize(*stream).ok());
  device.copy_in(*stream, at(0), host(8));
  const Event after = device.record(*stream);
  stream.reset();
  device.wait(*compute_, before);
  EXPECT_TRUE(device.synchronize(*compute_).ok());
  device.wait(*compute_, after);
  const Status gone = device.synchronize(*compute_);
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code, ErrorCode::internal);
}

TEST_F(SimDeviceTest, WhoWaitsHearsOfAFailureWhateverTheHeapRefuses) {
  std::size_t refused = 1;
  for (std::size_t n = 1; refused > 0; ++n) {
    SimDevice& device = open("fail=copy:1\n");
    device.copy_in(*in_, at(0), host(8));
    device.wait(*compute_, device.record(*in_));
    const testing::HeapFault fault(n, 1);
    EXPECT_FALSE(device.synchronize(*compute_).ok()) << "without request " << n;
    refused = testing::HeapFault::refused();
  }
}

TEST_F(SimDeviceTest, AddressesElsewhereAreNamed) {
  SimDevice& device = open();
  const Matrix host_bias(1, 1000);
  LinearStep step = std::get<LinearStep>(second_of_compute());
  step.bias = floats(host_bias);
  kernels_->enqueue(*compute_, step);
  const Status stray = device.synchronize(*compute_);
  ASSERT_FALSE(stray.ok());
  EXPECT_EQ(stray.error().code, ErrorCode::internal);
  EXPECT_THAT(message(stray.error()), HasSubstr("linear layer: bias is not in the device's memory (sim:0)"));
  step.bias = reinterpret_cast<const float*>(memory_->bytes().data() + memory_->bytes().size() - 999 * 4);
  kernels_->enqueue(*compute_, step);
  EXPECT_FALSE(device.synchronize(*compute_).ok()) << "an element beyond the end";
  device.copy_in(*in_, at(memory_->bytes().size() - 1), host(2));
  EXPECT_FALSE(device.synchronize(*in_).ok());
  EXPECT_TRUE(device.synchronize(*compute_).ok());
}

TEST_F(SimDeviceTest, TheScriptMakesTheNthFailOnce) {
  SimDevice& device = open("at=pass:1,layer:2 fail=launch:2 fail=copy:3 fail=alloc:2 fail=query:1\n");
  const Step step = second_of_compute();
  device.at({Phase::pass, 0, 1, 1});
  for (int i = 0; i < 5; ++i) kernels_->enqueue(*compute_, step);
  EXPECT_TRUE(device.synchronize(*compute_).ok());
  device.at({Phase::pass, 0, 1, 2});
  const double before = device.busy(SimQueue::compute);
  for (int i = 0; i < 5; ++i) kernels_->enqueue(*compute_, step);
  const Status failed = device.synchronize(*compute_);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::io);
  EXPECT_NEAR(device.busy(SimQueue::compute) - before, 1, 1e-9) << "the first was done, the rest was not";
  kernels_->enqueue(*compute_, step);
  EXPECT_TRUE(device.synchronize(*compute_).ok());
  std::vector<int> codes;
  for (int i = 0; i < 4; ++i) {
    device.copy_in(*in_, at(0), host(8));
    codes.push_back(device.synchronize(*in_).ok() ? 1 : 0);
  }
  EXPECT_EQ(codes, (std::vector{1, 1, 0, 1}));
  EXPECT_TRUE(device.allocate(mib(1)).ok());
  const auto refused = device.allocate(mib(1));
  EXPECT_FALSE(device.memory().ok());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::out_of_memory);
  EXPECT_EQ(refused.error().memory->free, mib(16));
  EXPECT_TRUE(device.allocate(mib(1)).ok());
  EXPECT_TRUE(device.memory().ok());
}

TEST_F(SimDeviceTest, TheScriptMakesAllFailFromTheNthOn) {
  SimDevice& device = open("at=load:0.5 fail=alloc:2+\n");
  device.at({Phase::load, 0.4});
  EXPECT_TRUE(device.allocate(mib(1)).ok());
  device.at({Phase::load, 0.5});
  EXPECT_TRUE(device.allocate(mib(1)).ok());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(device.allocate(mib(1)).ok());
}

TEST_F(SimDeviceTest, ALostDeviceFailsEverythingAndLetsGo) {
  SimDevice& device = open("at=pass:1 lost\n");
  const Step step = second_of_compute();
  kernels_->enqueue(*compute_, step);
  device.at({Phase::pass, 0, 1, -1});
  std::vector<float> seen = {5};
  device.copy_out(*in_, std::as_writable_bytes(std::span(seen)), at(0));
  const auto is_lost = [](const auto& result) { return !result.ok() && result.error().code == ErrorCode::device_lost; };
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(is_lost(kernels_->synchronize(*compute_)));
    EXPECT_TRUE(is_lost(device.synchronize(*in_)));
  }
  EXPECT_EQ(seen[0], 5);
  EXPECT_EQ(device.busy(SimQueue::compute), 0) << "what was on its way is lost too";
  EXPECT_TRUE(is_lost(device.allocate(mib(1))));
  EXPECT_TRUE(is_lost(device.memory()));
  EXPECT_TRUE(is_lost(device.pin(host_)));
  EXPECT_TRUE(is_lost(device.make_stream(StreamKind::compute)));
  EXPECT_TRUE(is_lost(device.make_kernels(WorkspaceNeeds{}, {})));
  memory_.reset();
}

TEST_F(SimDeviceTest, ADeviceThatHangsIsGivenUpAfterAWhile) {
  SimDevice& device = open("at=pass:1 hang\n");
  device.copy_in(*in_, at(0), host(kMegabyte));
  ASSERT_TRUE(device.synchronize(*in_).ok());
  device.at({Phase::pass, 0, 1, -1});
  EXPECT_TRUE(device.synchronize(*in_).ok()) << "nothing was asked of it";
  EXPECT_TRUE(device.memory().ok());
  kernels_->enqueue(*compute_, second_of_compute());
  const Status silent = kernels_->synchronize(*compute_);
  ASSERT_FALSE(silent.ok());
  EXPECT_EQ(silent.error().code, ErrorCode::device_lost);
  EXPECT_THAT(message(silent.error()), HasSubstr("the device has not answered for 30 s (sim:0)"));
  EXPECT_NEAR(device.seconds(), 1 + 30, 1e-9);
  EXPECT_EQ(device.busy(SimQueue::compute), 0);
  EXPECT_FALSE(device.allocate(mib(1)).ok());
  EXPECT_FALSE(device.synchronize(*in_).ok());
  EXPECT_NEAR(device.seconds(), 1 + 30, 1e-9) << "it is not waited for twice";
}

TEST_F(SimDeviceTest, TheScriptBringsNeighboursAndSlowness) {
  SimDevice& device = open(
      "others=+4MiB\nat=load:0 others=+100MiB\nat=pass:1 others=-6MiB slow=link:10x slow=compute:2x slow=disk:3x\n"
      "at=pass:2 slow=link:1x\n");
  EXPECT_EQ(device.memory().value().others, mib(4));
  device.at({Phase::load, 0});
  EXPECT_EQ(device.memory().value().free, Bytes{});
  EXPECT_EQ(device.memory().value().others, mib(16));
  device.copy_in(*in_, at(0), host(kMegabyte));
  device.at({Phase::pass, 0, 1, -1});
  EXPECT_EQ(device.memory().value().free, mib(6));
  ASSERT_TRUE(device.synchronize(*in_).ok());
  EXPECT_NEAR(device.busy(SimQueue::link_up), 1, 1e-9) << "asked for before it was slow";
  device.copy_in(*in_, at(0), host(kMegabyte));
  kernels_->enqueue(*compute_, second_of_compute());
  static_cast<void>(device.host_reads(Bytes{kMegabyte}));
  ASSERT_TRUE(device.synchronize(*in_).ok());
  ASSERT_TRUE(device.synchronize(*compute_).ok());
  EXPECT_NEAR(device.busy(SimQueue::link_up), 11, 1e-9);
  EXPECT_NEAR(device.busy(SimQueue::compute), 2, 1e-9);
  EXPECT_NEAR(device.busy(SimQueue::disk), 3, 1e-9);
  device.at({Phase::pass, 0, 2, -1});
  device.copy_in(*in_, at(0), host(kMegabyte));
  ASSERT_TRUE(device.synchronize(*in_).ok());
  EXPECT_NEAR(device.busy(SimQueue::link_up), 12, 1e-9);
}

TEST_F(SimDeviceTest, MemoryIsTheHeapsAndBytesAreThere) {
  SimDevice& device = open("", ",used=2MiB,context=3MiB");
  const auto state = device.memory().value();
  EXPECT_EQ(state.total, mib(32));
  EXPECT_EQ(state.others, mib(2));
  EXPECT_EQ(state.ours, mib(19));
  EXPECT_EQ(state.context, mib(3));
  auto block = device.allocate(Bytes{0});
  ASSERT_TRUE(block.ok());
  EXPECT_TRUE(block.value()->bytes().empty());
}

TEST_F(SimDeviceTest, BadScriptsAndAbsentOnesAreTyped) {
  SimSpec spec = std::move(parse_sim_spec("memory=1MiB")).value();
  const auto open_with = [&](const std::string& path) {
    spec.script = path;
    return SimDevice::create({os_.get(), pool_.get(), detect_cpu_features(), spec});
  };
  const auto absent = open_with(folder_ / "absent");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, ErrorCode::not_found);
  const auto bad = open_with(folder_.write("bad", "lost\nlose\n"));
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, ErrorCode::usage);
  EXPECT_THAT(message(bad.error()), HasSubstr("bad line 2"));
  EXPECT_FALSE(open_with(folder_.write("long", std::string(70'000, '\n'))).ok());
}

}  // namespace
}  // namespace plimsoll::test
