#include "commands.h"
#include "engine.h"
#include "picture.h"
#include "plan_writer.h"

namespace plimsoll::cli {

Result<int> plan_command(Context& context) {
  // Standard input is only planned for when it is asked for by name: what has not arrived cannot be measured anyway.
  PLIMSOLL_TRY(const std::unique_ptr<RowSource> rows, open_rows(context.options, context.gate, context.signals.token(), false));
  PLIMSOLL_TRY(const std::unique_ptr<Engine> engine, Engine::open(context));
  PLIMSOLL_TRY(const Workload workload, engine->measure(rows.get()));
  PLIMSOLL_TRY(const Plan plan, engine->plan(workload));
  if (context.options.json) {
    JsonWriter json;
    write_plan(json, plan);
    context.output.write(json.text());
    context.output.write("\n");
  } else {
    Terminal terminal = describe_terminal(1);
    terminal.colour = terminal.colour && context.output.is_terminal();
    context.output.write(draw_plan(plan, terminal));
  }
  PLIMSOLL_CHECK(context.output.commit());
  if (plan.verdict == Verdict::does_not_fit) return engine->refusal(plan);
  return 0;
}

}  // namespace plimsoll::cli
