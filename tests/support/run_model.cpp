#include "support/run_model.h"

#include <plimsoll/device.h>

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

Status classify(const Model& model, Session& session, std::int64_t limit, const RunRequest& request, RunResult& result) {
  Classifier classifier(model, session, limit);
  int pass = 0;
  const auto run_pass = [&] {
    if (request.before_pass) request.before_pass(session, ++pass);
    return collect(classifier, result);
  };
  for (const Text& text : request.texts) {
    PLIMSOLL_TRY(Classifier::Added added, classifier.add(view(text)));
    if (added == Classifier::Added::yes) continue;
    PLIMSOLL_CHECK(run_pass());
    PLIMSOLL_TRY(added, classifier.add(view(text)));
    if (added != Classifier::Added::yes) return Error{ErrorCode::internal, "an empty pass is full"};
  }
  return run_pass();
}

Result<Workload> measure(Os& os, Ledger& ledger, const Model& model, std::int64_t limit, const RunRequest& request) {
  WorkloadCounter counter(os, ledger, model.tokenizer(), limit);
  for (const Text& text : request.texts) PLIMSOLL_CHECK(counter.add(view(text)));
  return counter.workload();
}

using Devices = std::vector<std::unique_ptr<OpenDevice>>;

Result<Devices> open_devices(Os& os, const RunRequest& request, Snapshot& machine) {
  Devices devices;
  for (const std::string& spec : request.sims) {
    PLIMSOLL_TRY(auto device, OpenDevice::simulate(os, "sim:" + std::to_string(devices.size()), spec, request.threads));
    PLIMSOLL_TRY(Accelerator accelerator, device->describe());
    machine.accelerators.push_back(std::move(accelerator));
    devices.push_back(std::move(device));
  }
  for (int number = 0; number < request.cudas; ++number) {
    PLIMSOLL_TRY(auto device, OpenDevice::open_cuda(os, number));
    PLIMSOLL_TRY(Accelerator accelerator, device->describe());
    accelerator.disk_rate = machine.rates.disk_read;
    accelerator.budget = request.device_budget;
    machine.accelerators.push_back(std::move(accelerator));
    devices.push_back(std::move(device));
  }
  return devices;
}

// Each device holds what is planned, and no more.
void limit_ledgers(const Plan& plan, Ledger& ledger, const Devices& devices) {
  ledger.set_limit(plan.devices.front().arena_total());
  for (std::size_t i = 0; i < devices.size(); ++i) devices[i]->ledger().set_limit(plan.devices.at(i + 1).arena_total());
}

Result<RunResult> run_on(Os& os, Ledger& ledger, const RunRequest& request) {
  PLIMSOLL_TRY(const Model model, Model::open(os, ledger, {request.model, "", "", false}));
  PLIMSOLL_TRY(const std::int64_t limit, text_limit(model.max_tokens(), request.max_length));
  PLIMSOLL_TRY(Workload workload, measure(os, ledger, model, limit, request));
  workload.batch_size = request.batch_size;
  PLIMSOLL_TRY(Snapshot machine, describe_machine(os, request.threads));
  if (request.budget) machine.memory.budget = *request.budget;
  PLIMSOLL_TRY(const Devices devices, open_devices(os, request, machine));
  RunResult result;
  PLIMSOLL_TRY(result.plan, make_plan(model, machine, workload, request.policy));
  if (request.planned) request.planned(model, machine, workload, result.plan);
  if (result.plan.verdict == Verdict::does_not_fit) return does_not_fit(result.plan);
  limit_ledgers(result.plan, ledger, devices);
  workload.held_tokens = result.plan.tokens_per_pass;
  workload.held_texts = result.plan.texts_per_pass;
  const auto replan = [&](std::span<const DeviceBytes> budgets) -> Result<Plan> {
    Snapshot now = machine;
    now.memory.budget = std::min(budgets.front().bytes, machine.memory.budget);
    for (std::size_t i = 0; i < now.accelerators.size(); ++i) now.accelerators[i].free = budgets[i + 1].bytes;
    PLIMSOLL_TRY(Plan plan, make_plan(model, now, workload, request.policy));
    if (plan.verdict != Verdict::does_not_fit) limit_ledgers(plan, ledger, devices);
    return plan;
  };
  Session::Options options{.os = &os, .ledger = &ledger, .cancel = request.cancel, .replan = replan, .event = request.event};
  for (const auto& device : devices) options.devices.push_back(device.get());
  PLIMSOLL_TRY(Session session, Session::create(model, result.plan, std::move(options)));
  PLIMSOLL_CHECK(classify(model, session, limit, request, result));
  result.ledger_peak = ledger.peak();
  result.ledger_peak_by_tag = ledger.peak_by_tag();
  for (const auto& device : devices) {
    result.device_peaks.push_back(device->ledger().peak_by_tag());
    result.device_seconds.push_back(device->seconds());
  }
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
