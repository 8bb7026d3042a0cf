#include "plan/check_request.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

#include "platform/thread_pool.h"

namespace plimsoll {
namespace {

// Tokens and texts of a session are numbered in 32 bits.
constexpr std::int64_t kMostHeld = std::numeric_limits<std::int32_t>::max();
// Tokens, texts and bytes of all that is to be done: more than there is anywhere.
constexpr std::int64_t kMostInAll = std::int64_t{1} << 50;

Status check_number(std::string_view what, std::int64_t number, std::int64_t least, std::int64_t most, const std::string& where) {
  if (number >= least && number <= most) return {};
  return Error{ErrorCode::usage, std::string(what) + " are given as " + std::to_string(number), where,
               "give " + std::to_string(least) + " to " + std::to_string(most)};
}

Status check_workload(const Model& model, const Workload& workload) {
  if (workload.longest < 1 || workload.longest > model.max_tokens()) {
    return Error{ErrorCode::usage, "texts of " + std::to_string(workload.longest) + " tokens", "--max-length",
                 "this model takes 1 to " + std::to_string(model.max_tokens())};
  }
  if (workload.batch_size < 0)
    return Error{ErrorCode::usage, "a batch of " + std::to_string(workload.batch_size) + " texts", "--batch-size", "give 1 or more"};
  PLIMSOLL_CHECK(check_number("texts", workload.texts, 0, kMostInAll, "workload"));
  PLIMSOLL_CHECK(check_number("tokens of all texts", workload.total_tokens, 0, kMostInAll, "workload"));
  PLIMSOLL_CHECK(check_number("tokens that a session holds", workload.held_tokens, 0, kMostHeld, "workload"));
  PLIMSOLL_CHECK(check_number("texts that a session holds", workload.held_texts, 0, kMostHeld, "workload"));
  if (workload.longest_text_bytes > static_cast<std::uint64_t>(kMostInAll))
    return Error{ErrorCode::usage, "a text of " + format_bytes(Bytes{workload.longest_text_bytes}), "workload"};
  return {};
}

// Rates of zero are those that nobody asked for.
Status check_rates(std::initializer_list<double> rates, const std::string& device) {
  if (std::ranges::none_of(rates, [](double rate) { return std::isnan(rate) || rate < 0; })) return {};
  return Error{ErrorCode::usage, "a rate of " + device + " is negative or no number", "snapshot", "take rates from find_rates or describe"};
}

Status check_machine(const Snapshot& machine) {
  PLIMSOLL_CHECK(check_threads(machine.cpu.default_threads, "snapshot"));
  if (machine.held.count > static_cast<std::uint64_t>(kMostInAll))
    return Error{ErrorCode::usage, "the process is said to hold " + format_bytes(machine.held), "snapshot"};
  const Rates& rates = machine.rates;
  PLIMSOLL_CHECK(check_rates({rates.float32_flops, rates.bfloat16_flops, rates.memory_read, rates.disk_read}, "the host"));
  for (const Accelerator& one : machine.accelerators) {
    PLIMSOLL_CHECK(check_rates({one.float32_flops, one.bfloat16_flops, one.link_rate, one.disk_rate, one.latency}, printable(one.name)));
  }
  return {};
}

}  // namespace

Status check_request(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy) {
  PLIMSOLL_CHECK(check_workload(model, workload));
  PLIMSOLL_CHECK(check_machine(machine));
  if (!policy.dtype || std::ranges::find(kStorageTypes, *policy.dtype) != kStorageTypes.end()) return {};
  return Error{ErrorCode::unsupported, "weights cannot be held as " + std::string(element_name(*policy.dtype)), "--dtype",
               "built are float32, bfloat16 and float16"};
}

}  // namespace plimsoll
