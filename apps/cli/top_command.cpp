#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cmath>

#include <plimsoll/machine.h>

#include "commands.h"
#include "session/shortage.h"
#include "top/fit.h"
#include "top/top_screen.h"
#include "top/top_view.h"
#include "top/top_writer.h"

namespace plimsoll::cli {
namespace {

constexpr double kPause = 1;

void write_line(Context& context, const TopSample& sample) {
  JsonWriter json;
  write_sample(json, sample);
  context.output.write(json.text() + "\n");
}

void write_picture(Context& context, const TopSample& sample) {
  Terminal terminal = describe_terminal(STDOUT_FILENO, kWidestTop);
  terminal.colour = terminal.colour && context.output.is_terminal();
  for (const std::string& line : draw_top(sample, Histories(), TopLook(), terminal)) context.output.write(line + "\n");
}

/// False when it was told to stop.
bool wait(const Context& context, double seconds) {
  static constexpr int kSlice = 50;
  for (double left = seconds * 1e3; left > 0; left -= kSlice) {
    ::poll(nullptr, 0, static_cast<int>(std::ceil(std::min<double>(left, kSlice))));
    if (context.signals.token().cancelled()) return false;
  }
  return true;
}

/// A line for each look at a steady pace, as long as somebody reads.
Result<int> watch(Context& context, const FitTable& fits) {
  const FileGrowth::Watch growth(context.output.growth(), [&] {
    const HostMemory memory = probe_memory(context.os);
    return growth_beside(memory, memory.ours, memory.ours);
  });
  TopProbe probe;
  for (;;) {
    const auto start = context.os.now();
    TopSample sample = probe.look();
    sample.fits = fits.at(sample);
    write_line(context, sample);
    const Status written = context.output.flush();
    if (context.output.reader_gone()) return 0;
    if (!written.ok()) return written.error();
    const double taken = std::chrono::duration<double>(context.os.now() - start).count();
    if (!wait(context, std::max(0.001, context.options.watch - taken))) return context.signals.error();
  }
}

}  // namespace

Result<int> top_command(Context& context) {
  const Options& options = context.options;
  PLIMSOLL_TRY(const FitTable fits, FitTable::open(context));
  if (options.json && options.watch > 0 && !options.once) return watch(context, fits);
  if (options.json || options.once) {
    TopProbe probe;
    TopSample sample = probe.look();
    sample.fits = fits.at(sample);
    options.json ? write_line(context, sample) : write_picture(context, sample);
    return 0;
  }
  return show_top(context, fits, options.watch > 0 ? options.watch : kPause);
}

}  // namespace plimsoll::cli
