#include <unistd.h>

#include <utility>

#include <fmt/format.h>

#include "commands.h"
#include "process/waiting_input.h"
#include "report/picture.h"
#include "report/plan_writer.h"
#include "session/engine.h"
#include "session/fallback.h"
#include "text/counted.h"

namespace plimsoll::cli {
namespace {

// A producer that is piped in has this long for its first byte. One that is silent, such as a pipe that a script inherited, is not
// waited for.
constexpr int kPatienceMs = 100;

/// The plan of the first model that fits, else of the last that was asked, and then why not.
struct Planned {
  Plan plan;
  Status refusal;
};

Result<Planned> plan_chain(Context& context, RowSource* rows) {
  ModelChain chain(context);
  PLIMSOLL_TRY(std::unique_ptr<Engine> engine, chain.open());
  for (;;) {
    PLIMSOLL_TRY(const Workload workload, engine->measure(rows));
    if (const std::int64_t bad = engine->unusable_rows(); bad > 0)
      context.console.note(fmt::format("{} of {} cannot be used", bad, counted(engine->counted_rows().value_or(bad), "row")));
    PLIMSOLL_TRY(Plan plan, chain.plan(*engine, workload));
    if (plan.verdict != Verdict::does_not_fit) return Planned{std::move(plan), {}};
    Error refusal = engine->refusal(plan);
    if (!chain.goes_on_after(refusal)) return Planned{std::move(plan), std::move(refusal)};
    auto next = chain.next(std::move(engine), plan, refusal, Bytes{});
    if (!next.ok()) return Planned{std::move(plan), std::move(next).error()};
    engine = std::move(next).value();
  }
}

}  // namespace

Result<int> plan_command(Context& context) {
  const bool from_stdin = context.options.texts.empty() && context.options.input.empty() && input_is_waiting(STDIN_FILENO, kPatienceMs);
  PLIMSOLL_TRY(const std::unique_ptr<RowSource> rows, open_rows(context.options, context.gate, context.signals.token(), from_stdin));
  if (from_stdin) context.console.note("planned for texts from standard input; without them: plimsoll plan MODEL < /dev/null");
  PLIMSOLL_TRY(const Planned planned, plan_chain(context, rows.get()));
  const Plan& plan = planned.plan;
  if (context.options.json) {
    JsonWriter json;
    write_plan(json, plan);
    context.output.write(json.text());
    context.output.write("\n");
  } else {
    Terminal terminal = describe_terminal(1);
    terminal.interactive = context.output.is_terminal();
    terminal.colour = terminal.colour && terminal.interactive;
    context.output.write(draw_plan(plan, terminal));
  }
  PLIMSOLL_CHECK(context.output.commit());
  PLIMSOLL_CHECK(planned.refusal);
  return 0;
}

}  // namespace plimsoll::cli
