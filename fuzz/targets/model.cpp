// A whole model directory, end to end: opened, planned with as little memory as will do, loaded, and one pass run.
// Files by the marks of files.h; "text" and "pair" are what is classified, "data" fills made .safetensors files.
#include <plimsoll/classifier.h>
#include <plimsoll/measure.h>

#include <cmath>

#include "files.h"
#include "plans.h"
#include "support/fake_os.h"

namespace plimsoll::fuzz {
namespace {

struct Request {
  testing::FakeOs& os;
  Ledger& ledger;
  const Model& model;
  std::int64_t limit = 0;
  TextInput input;
};

// The least budget that the planner knows does, and a page less does not.
Result<Plan> tightest(const Request& request, Snapshot& machine, const Workload& workload, const Policy& policy) {
  PLIMSOLL_TRY(const Plan roomy, make_plan(request.model, machine, workload, policy));
  check(roomy);
  require(!roomy.smallest_budget.empty(), "there is a smallest budget");
  machine.memory.budget = roomy.smallest_budget.front().bytes;
  PLIMSOLL_TRY(Plan plan, make_plan(request.model, machine, workload, policy));
  check(plan);
  require(plan.verdict != Verdict::does_not_fit, "the smallest budget does");
  Snapshot less = machine;
  less.memory.budget -= kPage;
  PLIMSOLL_TRY(const Plan refused, make_plan(request.model, less, workload, policy));
  require(refused.verdict == Verdict::does_not_fit, "a page less does not");
  return plan;
}

Result<Workload> count(const Request& request) {
  WorkloadCounter counter(request.os, request.ledger, request.model.tokenizer(), request.limit);
  PLIMSOLL_CHECK(counter.add(request.input));
  return counter.workload();
}

Status run(const Request& request) {
  PLIMSOLL_TRY(const Workload workload, count(request));
  PLIMSOLL_TRY(Snapshot machine, describe_machine(request.os, 1));
  machine.memory.budget = mib(512);
  PLIMSOLL_TRY(const Plan plan, tightest(request, machine, workload, Policy{}));
  request.ledger.set_limit(plan.devices.front().arena_total());
  PLIMSOLL_TRY(Session session, Session::create(request.model, plan, {.os = &request.os, .ledger = &request.ledger}));
  Classifier classifier(request.model, session, request.limit);
  PLIMSOLL_TRY(const Classifier::Added added, classifier.add(request.input));
  require(added == Classifier::Added::yes, "a pass holds the longest text");
  PLIMSOLL_TRY(const auto answers, classifier.run());
  require(answers.size() == 1, "one text, one answer");
  require(answers[0].scores.size() == request.model.labels().size(), "a score for each label");
  require(answers[0].label >= 0 && static_cast<std::size_t>(answers[0].label) < request.model.labels().size(), "the best label is one");
  require(request.ledger.peak() <= plan.devices.front().arena_total(), "the ledger stays within the plan");
  return {};
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  testing::FakeOs os;
  for (auto& [path, text] : fuzz::read_files(fuzz::text_of(data, size))) os.files["m/" + path] = text;
  fuzz::SmallLedger ledger;
  const auto model = Model::open(os, ledger, {"m", "", "", false});
  if (!fuzz::good(model)) return 0;
  const auto limit = text_limit(model->max_tokens(), 0);
  if (!fuzz::good(limit)) return 0;
  fuzz::Request request{os, ledger, *model, *limit, {os.files["m/text"]}};
  if (const auto pair = os.files.find("m/pair"); pair != os.files.end()) request.input.pair = pair->second;
  const Status status = fuzz::run(request);
  if (!status.ok()) fuzz::check(status.error());
  return 0;
}
