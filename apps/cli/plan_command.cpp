#include <unistd.h>

#include "commands.h"
#include "engine.h"
#include "picture.h"
#include "plan_writer.h"
#include "waiting_input.h"

namespace plimsoll::cli {
namespace {

// A producer that is piped in has this long for its first byte. One that is silent, such as a pipe that a script inherited, is not
// waited for.
constexpr int kPatienceMs = 100;

}  // namespace

Result<int> plan_command(Context& context) {
  const bool from_stdin = context.options.texts.empty() && context.options.input.empty() && input_is_waiting(STDIN_FILENO, kPatienceMs);
  PLIMSOLL_TRY(const std::unique_ptr<RowSource> rows, open_rows(context.options, context.gate, context.signals.token(), from_stdin));
  if (from_stdin) context.console.note("planned for texts from standard input; without them: plimsoll plan MODEL < /dev/null");
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
