// One loaded model that runs a pass whenever it is told to, for comparisons that alternate between engines without
// counting process start: see kUsage.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <plimsoll/device.h>
#include <plimsoll/measure.h>
#include <plimsoll/session.h>

namespace plimsoll::bench {
namespace {

constexpr const char* kUsage =
    "serve_passes MODEL MOST_TEXTS MOST_TOKENS [auto|float32|bfloat16|float16 [THREADS [cuda:N [BUDGET]]]]\n"
    "Loads MODEL for passes of up to MOST_TEXTS texts of MOST_TOKENS tokens each, prints one JSON line about what it loaded,\n"
    "then for every line \"TEXTS TOKENS\" on standard input runs that pass once on fixed ids and prints one JSON line:\n"
    "{\"ms\": wall, \"cpu_ms\": of all threads, \"logits\": [texts * labels]}. Ends with the input.\n"
    "A line \"mixed LENGTH LENGTH ...\" is a pass of texts of these lengths. On cuda:N, BUDGET is the most memory to use of it.\n"
    "Ids: a text is [CLS] 101, then 1000 + i * 7919 % (vocabulary - 1000) for the i-th token of the pass, then [SEP] 102.\n";

constexpr std::int32_t kFirstId = 101;
constexpr std::int32_t kLastId = 102;
constexpr std::int64_t kSpecialIds = 1000;
constexpr std::int64_t kIdStep = 7919;

struct Request {
  std::string model;
  std::int64_t texts = 1;
  std::int64_t tokens = 1;
  std::optional<ElementType> dtype;
  int threads = 0;
  std::optional<int> cuda;
  std::optional<Bytes> budget;
};

struct Tokens {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> type_ids;
  std::vector<std::int32_t> text_starts;
};

Tokens fixed_tokens(const std::vector<std::int64_t>& lengths, std::int64_t vocabulary) {
  Tokens result;
  const std::int64_t words = std::max<std::int64_t>(vocabulary - kSpecialIds, 1);
  for (const std::int64_t length : lengths) {
    const std::int64_t start = std::ssize(result.ids);
    result.text_starts.push_back(static_cast<std::int32_t>(start));
    for (std::int64_t t = 0; t < length; ++t) result.ids.push_back(static_cast<std::int32_t>(kSpecialIds + (start + t) * kIdStep % words));
    result.ids[static_cast<std::size_t>(start)] = kFirstId;
    result.ids.back() = kLastId;
  }
  result.text_starts.push_back(static_cast<std::int32_t>(result.ids.size()));
  result.type_ids.assign(result.ids.size(), 0);
  return result;
}

Result<Request> parse(const std::vector<std::string>& arguments) {
  Request request;
  if (arguments.size() < 3 || arguments.size() > 7) return Error{ErrorCode::usage, "three to seven arguments", "", kUsage};
  request.model = arguments[0];
  request.texts = std::atoll(arguments[1].c_str());
  request.tokens = std::atoll(arguments[2].c_str());
  if (request.texts < 1 || request.tokens < 1) return Error{ErrorCode::usage, "texts and tokens are numbers from 1 on"};
  if (arguments.size() > 4) request.threads = std::atoi(arguments[4].c_str());
  if (arguments.size() > 5) {
    if (!arguments[5].starts_with("cuda:")) return Error{ErrorCode::usage, "no such device: " + arguments[5]};
    request.cuda = std::atoi(arguments[5].c_str() + 5);
  }
  if (arguments.size() > 6) request.budget = parse_bytes(arguments[6]);
  if (arguments.size() < 4 || arguments[3] == "auto") return request;
  for (const ElementType type : {ElementType::float32, ElementType::bfloat16, ElementType::float16}) {
    if (arguments[3] == element_name(type)) request.dtype = type;
  }
  if (!request.dtype) return Error{ErrorCode::usage, "no such type: " + arguments[3]};
  return request;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<std::int64_t> read_lengths(const std::string& line) {
  std::istringstream words(line);
  std::vector<std::int64_t> lengths;
  if (line.starts_with("mixed")) {
    words.ignore(5);
    for (std::int64_t length = 0; words >> length;) lengths.push_back(length);
    return lengths;
  }
  std::int64_t texts = 0;
  std::int64_t tokens = 0;
  words >> texts >> tokens;
  return std::vector<std::int64_t>(static_cast<std::size_t>(std::clamp<std::int64_t>(texts, 0, 1 << 20)), tokens);
}

Status serve(Session& session, const Model& model) {
  for (std::string line; std::getline(std::cin, line);) {
    const std::vector<std::int64_t> lengths = read_lengths(line);
    const bool fits = !lengths.empty() && std::ssize(lengths) <= session.plan().texts_per_pass &&
                      std::ranges::all_of(lengths, [&](std::int64_t l) { return l >= 1 && l <= session.plan().workload.longest; });
    if (!fits) return Error{ErrorCode::usage, "\"" + line + "\" is beyond what was planned for"};
    const Tokens input = fixed_tokens(lengths, model.vocabulary());
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu = std::clock();
    PLIMSOLL_TRY(const auto logits, session.run({input.ids, input.type_ids, input.text_starts}));
    const double wall = seconds_since(start);
    fmt::print("{{\"ms\": {:.3f}, \"cpu_ms\": {:.3f}, \"logits\": [{:.9g}]}}\n", 1e3 * wall,
               1e3 * static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC, fmt::join(logits, ", "));
    std::fflush(stdout);
  }
  return {};
}

Status load_and_serve(const Request& request) {
  Gate gate;
  const std::unique_ptr<Os> os = make_os(gate);
  PLIMSOLL_TRY(Snapshot machine, describe_machine(*os, request.threads));
  std::unique_ptr<OpenDevice> device;
  Ledger ledger("cpu", machine.memory.budget);
  const auto start = std::chrono::steady_clock::now();
  PLIMSOLL_TRY(const Model model, Model::open(*os, ledger, {request.model, "", "", false}));
  Workload workload;
  workload.longest = request.tokens;
  workload.texts = workload.batch_size = request.texts;
  Policy policy;
  policy.dtype = request.dtype;
  policy.forbid = {Rung::microbatch};
  Session::Options options{.os = os.get(), .ledger = &ledger};
  if (request.cuda) {
    PLIMSOLL_TRY(device, OpenDevice::open_cuda(*os, *request.cuda));
    PLIMSOLL_TRY(Accelerator accelerator, device->describe());
    accelerator.disk_rate = machine.rates.disk_read;
    accelerator.budget = request.budget;
    policy.device = accelerator.name;
    machine.accelerators.push_back(std::move(accelerator));
    options.devices.push_back(device.get());
  }
  PLIMSOLL_TRY(const Plan plan, make_plan(model, machine, workload, policy));
  PLIMSOLL_TRY(Session session, Session::create(model, plan, std::move(options)));
  fmt::print(
      "{{\"dtype\": \"{}\", \"compute_dtype\": \"{}\", \"isa\": \"{}\", \"threads\": {}, \"load_seconds\": {:.3f}, \"vocabulary\": {}}}\n",
      element_name(plan.dtype), element_name(plan.compute_dtype), plan.isa, plan.threads, seconds_since(start), model.vocabulary());
  std::fflush(stdout);
  return serve(session, model);
}

int run(const std::vector<std::string>& arguments) {
  const auto request = parse(arguments);
  const Status status = request.ok() ? load_and_serve(*request) : Status(request.error());
  if (status.ok()) return 0;
  fmt::print(stderr, "serve_passes: error: {}\n", message(status.error()));
  return exit_code(status.error().code);
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) { return plimsoll::bench::run({argv + 1, argv + argc}); }
