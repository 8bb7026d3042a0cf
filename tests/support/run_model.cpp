#include "support/run_model.h"

namespace plimsoll::testing {
namespace {

TextInput view(const Text& text) {
  TextInput input{text.text};
  if (text.pair) input.pair = *text.pair;
  return input;
}

Status collect(Classifier& classifier, RunResult& result) {
  PLIMSOLL_TRY(const std::span<const Answer> answers, classifier.run());
  for (const Answer& answer : answers) {
    result.logits.emplace_back(answer.logits.begin(), answer.logits.end());
    result.ids.emplace_back(answer.input_ids.begin(), answer.input_ids.end());
    result.truncated.push_back(answer.truncated);
  }
  return {};
}

Status classify(const Model& model, Session& session, std::int64_t limit, const std::vector<Text>& texts, RunResult& result) {
  Classifier classifier(model, session, limit);
  for (const Text& text : texts) {
    PLIMSOLL_TRY(Classifier::Added added, classifier.add(view(text)));
    if (added == Classifier::Added::yes) continue;
    PLIMSOLL_CHECK(collect(classifier, result));
    PLIMSOLL_TRY(added, classifier.add(view(text)));
    if (added != Classifier::Added::yes) return Error{ErrorCode::internal, "an empty pass is full"};
  }
  return collect(classifier, result);
}

Result<RunResult> run_on(Os& os, Ledger& ledger, const RunRequest& request) {
  PLIMSOLL_TRY(const Model model, Model::open(os, ledger, {request.model, "", "", false}));
  PLIMSOLL_TRY(WorkloadCounter counter, WorkloadCounter::create(model.tokenizer(), model.max_tokens(), request.max_length));
  for (const Text& text : request.texts) counter.add(view(text));
  Workload workload = counter.workload();
  workload.batch_size = request.batch_size;
  PLIMSOLL_TRY(Snapshot machine, describe_machine(os, request.threads));
  if (request.budget) machine.memory.budget = *request.budget;
  RunResult result;
  PLIMSOLL_TRY(result.plan, make_plan(model, machine, workload, request.policy));
  if (result.plan.verdict == Verdict::does_not_fit) return does_not_fit(result.plan);
  ledger.set_limit(result.plan.devices.front().arena_total());
  PLIMSOLL_TRY(Session session, Session::create(model, result.plan, {&os, &ledger, request.cancel, {}}));
  PLIMSOLL_CHECK(classify(model, session, counter.limit(), request.texts, result));
  result.ledger_peak = ledger.peak();
  result.ledger_peak_by_tag = ledger.peak_by_tag();
  return result;
}

}  // namespace

Result<RunResult> run_model(Os& os, const RunRequest& request) {
  Ledger ledger("cpu", Bytes{std::uint64_t{1} << 62U});
  Result<RunResult> result = run_on(os, ledger, request);
  if (ledger.current().count != 0) return Error{ErrorCode::internal, "the ledger still holds " + format_bytes(ledger.current())};
  return result;
}

}  // namespace plimsoll::testing
