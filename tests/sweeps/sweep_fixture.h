#pragma once

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "runtime/elastic_fixture.h"
#include "support/build.h"
#include "sweeps/counting_os.h"

namespace plimsoll::testing {

/// True when every case is wanted, however long it takes: `make torture`.
inline bool all_cases() {
  const char* value = std::getenv("PLIMSOLL_SWEEP");
  return value != nullptr && std::string_view(value) == "all";
}

/// The case to look at after the n-th: each of the first, then fewer and fewer, for what comes later is much what came before.
inline std::uint64_t after(std::uint64_t n) { return all_cases() ? n + 1 : n + 1 + n / (kSanitized ? 2 : 4); }

/// Which acquisitions are refused, counted from 1.
struct Fault {
  static constexpr std::uint64_t kForEver = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t first = 1;
  std::uint64_t length = 1;                        ///< so many in a row
  std::uint64_t again = 0;                         ///< and one more, so many after the first; 0: none
  std::optional<Acquisition> kind = std::nullopt;  ///< of this kind alone

  bool strikes(std::uint64_t ordinal) const {
    return (ordinal >= first && ordinal - first < length) || (again > 0 && ordinal == first + again);
  }
  std::string text() const {
    const std::string of = kind ? std::string(acquisition_name(*kind)) : "any";
    return of + " " + std::to_string(first) + ", " + (length == kForEver ? "for ever" : std::to_string(length) + " times") +
           (again > 0 ? ", again after " + std::to_string(again) : "");
  }
};

/// Where a model runs.
struct Place {
  const char* name = "";
  bool simulated = false;
  bool streamed = false;
};

/// Something that a session goes through, and must come out of, whatever is refused on the way.
struct Work {
  using Answer = Result<std::vector<float>>;

  const char* name = "";
  std::function<Status()> before = {};  ///< undisturbed
  std::function<Answer()> run = {};     ///< under faults: answers, or none of them where it is not about answers
  std::set<ErrorCode> also = {};        ///< how it may fail beside io, out_of_memory and does_not_fit
};

/// A session on one place, and what must hold after every disturbance: right bits or a typed error, nothing that is still held, and right
/// bits the next time.
class SweepFixture : public ElasticFixture {
 protected:
  struct Outcome {
    std::uint64_t refused = 0;
    bool answered = false;
  };

  SweepFixture() {
    auto os = std::make_unique<CountingOs>();
    counting_ = os.get();
    os_ = std::move(os);
  }

  Gate& gate() { return os_->gate(); }

  void settle_on(const Place& place) {
    expected_ = host_reference(kModel);
    place_ = place;
    bring_device();
    prepare(kModel, 6, {}, {.stream_everything = place.streamed});
    ASSERT_EQ(first_.schedule->device, place.simulated ? 1 : 0) << "or something else is tested";
    model_->checkpoint().file(0).open_direct();  // a second descriptor, made when something is first streamed, stays with the model
    idle_ = counting_->holdings();
    device_free_ = device_free();
  }

  /// A device as new, with `script`.
  void bring_device(const std::string& script = "") {
    sims_.clear();
    if (place_.simulated) add_device("memory=8MiB,link=1000GB/s,latency=0us", script);
  }

  std::string device() const { return place_.simulated ? "sim:0" : "cpu"; }
  Bytes enough() const { return place_.simulated ? mib(8) : mib(4096); }
  Bytes tight() const { return place_.simulated ? Bytes{most_there().count * 2 / 3} : Bytes{(most().count + 3 * least().count) / 4}; }

  Outcome attempt(const Work& work, const Fault& fault) {
    const std::string trace = std::string(place_.name) + ", " + work.name + ": " + fault.text();
    SCOPED_TRACE(trace);
    Outcome outcome;
    EXPECT_TRUE(work.before().ok());
    refuse(fault);
    const Work::Answer answer = work.run();
    outcome.refused = gate().refused();
    gate().refuse({});
    outcome.answered = answer.ok();
    check(work, answer);
    if (work.also.contains(ErrorCode::cancelled)) cancel_->cancel();  // also where a fault came first
    go_on();
    session_.reset();
    check_nothing_is_held();
    events_.clear();
    return outcome;
  }

  void refuse(const Fault& fault) {
    auto seen = std::make_shared<std::atomic<std::uint64_t>>(0);
    gate().refuse_where([fault, seen](Acquisition kind, std::string_view /*site*/) {
      return (fault.kind && *fault.kind != kind) || !fault.strikes(++*seen);
    });
  }

  void check(const Work& work, const Work::Answer& answer) const {
    if (answer.ok()) {
      EXPECT_TRUE(answer->empty() || *answer == expected_) << "not the same bits";
      return;
    }
    const Error& error = answer.error();
    static const std::set<ErrorCode> kAlways = {ErrorCode::io, ErrorCode::out_of_memory, ErrorCode::does_not_fit};
    EXPECT_TRUE(kAlways.contains(error.code) || work.also.contains(error.code)) << error_code_name(error.code) << ": " << message(error);
    EXPECT_FALSE(error.what.empty());
  }

  /// The session that was disturbed answers when asked again, and so does a new one where there is none.
  void go_on() {
    if (cancel_->cancelled()) {
      session_.reset();
      cancel_ = std::make_unique<CancelToken>();
    }
    if (!session_) {
      const Status opened = open();
      ASSERT_TRUE(opened.ok()) << message(opened.error());
    }
    const auto again = pass();
    ASSERT_TRUE(again.ok()) << message(again.error());
    EXPECT_EQ(*again, expected_) << "not the same bits the next time";
    expect_ledger_is_plan();
  }

  void check_nothing_is_held() const {
    expect_nothing_is_held();
    EXPECT_TRUE(lost() || device_free() == device_free_) << format_bytes(device_free());
    // A thread that was joined is in the kernel's list a moment longer.
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (counting_->holdings() != idle_ && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    EXPECT_EQ(counting_->holdings(), idle_);
  }

  bool lost() const {
    if (devices_.empty()) return false;
    const auto available = devices_.front()->available();
    return !available.ok() && available.error().code == ErrorCode::device_lost;
  }

  Bytes device_free() const {
    if (devices_.empty()) return {};
    const auto accelerator = devices_.front()->describe();
    return accelerator.ok() ? accelerator->free : Bytes{};
  }

  const TinyModel kModel{.hidden = 16, .layers = 2, .heads = 2, .intermediate = 16};
  CountingOs* counting_ = nullptr;
  Place place_;
  std::unique_ptr<CancelToken> cancel_ = std::make_unique<CancelToken>();
  std::vector<float> expected_;
  Holdings idle_;
  Bytes device_free_;
};

}  // namespace plimsoll::testing
