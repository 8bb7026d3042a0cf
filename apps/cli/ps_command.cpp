#include <fmt/format.h>

#include <plimsoll/run_entry.h>

#include "commands.h"
#include "top/top_view.h"
#include "top/top_writer.h"

namespace plimsoll::cli {

Result<int> ps_command(Context& context) {
  const std::vector<RunStatus> runs = list_runs(context.os);
  if (context.options.json) {
    for (const RunStatus& run : runs) {
      JsonWriter json;
      write_run(json, run);
      context.output.write(json.text() + "\n");
    }
    return 0;
  }
  if (runs.empty()) context.console.note("no runs of yours");
  else context.output.write(draw_runs(runs));
  return 0;
}

}  // namespace plimsoll::cli
