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

#include <plimsoll/measure.h>
#include <plimsoll/session.h>

namespace plimsoll::bench {
namespace {

constexpr const char* kUsage =
    "serve_passes MODEL MOST_TEXTS MOST_TOKENS [auto|float32|bfloat16|float16 [THREADS]]\n"
    "Loads MODEL for passes of up to MOST_TEXTS texts of MOST_TOKENS tokens each, prints one JSON line about what it loaded,\n"
    "then for every line \"TEXTS TOKENS\" on standard input runs that pass once on fixed ids and prints one JSON line:\n"
    "{\"ms\": wall, \"cpu_ms\": of all threads, \"logits\": [texts * labels]}. Ends with the input.\n"
    "Ids: text b is [CLS] 101, then 1000 + (b * TOKENS + t) * 7919 % (vocabulary - 1000), then [SEP] 102.\n";

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
};

struct Tokens {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> type_ids;
  std::vector<std::int32_t> text_starts;
};

Tokens fixed_tokens(std::int64_t texts, std::int64_t tokens, std::int64_t vocabulary) {
  Tokens result;
  const std::int64_t words = std::max<std::int64_t>(vocabulary - kSpecialIds, 1);
  for (std::int64_t b = 0; b < texts; ++b) {
    result.text_starts.push_back(static_cast<std::int32_t>(b * tokens));
    for (std::int64_t t = 0; t < tokens; ++t)
      result.ids.push_back(static_cast<std::int32_t>(kSpecialIds + (b * tokens + t) * kIdStep % words));
    result.ids[static_cast<std::size_t>(b * tokens)] = kFirstId;
    result.ids.back() = kLastId;
  }
  result.text_starts.push_back(static_cast<std::int32_t>(texts * tokens));
  result.type_ids.assign(result.ids.size(), 0);
  return result;
}

Result<Request> parse(const std::vector<std::string>& arguments) {
  Request request;
  if (arguments.size() < 3 || arguments.size() > 5) return Error{ErrorCode::usage, "three to five arguments", "", kUsage};
  request.model = arguments[0];
  request.texts = std::atoll(arguments[1].c_str());
  request.tokens = std::atoll(arguments[2].c_str());
  if (request.texts < 1 || request.tokens < 1) return Error{ErrorCode::usage, "texts and tokens are numbers from 1 on"};
  if (arguments.size() > 4) request.threads = std::atoi(arguments[4].c_str());
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

Status serve(Session& session, const Model& model) {
  for (std::string line; std::getline(std::cin, line);) {
    std::int64_t texts = 0;
    std::int64_t tokens = 0;
    std::istringstream(line) >> texts >> tokens;
    if (texts < 1 || tokens < 1 || texts > session.plan().texts_per_pass || tokens > session.plan().workload.longest) {
      return Error{ErrorCode::usage, "\"" + line + "\" is beyond what was planned for"};
    }
    const Tokens input = fixed_tokens(texts, tokens, model.vocabulary());
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
  PLIMSOLL_TRY(const Snapshot machine, describe_machine(*os, request.threads));
  Ledger ledger("cpu", machine.memory.budget);
  const auto start = std::chrono::steady_clock::now();
  PLIMSOLL_TRY(const Model model, Model::open(*os, ledger, {request.model, "", "", false}));
  Workload workload;
  workload.longest = request.tokens;
  workload.texts = workload.batch_size = request.texts;
  Policy policy;
  policy.dtype = request.dtype;
  policy.forbid = {Rung::microbatch};
  PLIMSOLL_TRY(const Plan plan, make_plan(model, machine, workload, policy));
  PLIMSOLL_TRY(Session session, Session::create(model, plan, {os.get(), &ledger, nullptr, {}}));
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
