#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include <plimsoll/doctor.h>

#include "commands.h"
#include "diagnosis/doctor_picture.h"
#include "diagnosis/doctor_writer.h"
#include "diagnosis/self_check.h"
#include "diagnosis/text_share.h"
#include "process/descriptors.h"
#include "report/picture.h"
#include "report/plan_writer.h"
#include "rows/line_reader.h"
#include "session/engine.h"

namespace plimsoll::cli {
namespace {

constexpr std::size_t kBlock = 64U << 10U;

/// What is given to the reader, and whether it is text.
struct Log {
  doctor::LogReader reader;
  TextShare share;

  void feed(std::string_view bytes) {
    share.count(bytes);
    reader.feed(bytes);
  }
};

Status read_descriptor(Context& context, int fd, const std::string& name, Log& log) {
  LineReader lines(fd, name, context.gate, context.signals.token(), 0);
  Patience endless(-1);
  for (;;) {
    LineReader::Piece piece;
    PLIMSOLL_TRY(const Got got, lines.next_piece(piece, endless));
    if (got == Got::end) return {};
    log.feed(piece.bytes);
    if (piece.newline) log.feed("\n");
  }
}

Status read_file(Context& context, const std::string& path, Log& log) {
  PLIMSOLL_TRY(const std::unique_ptr<File> file, context.os.open(path));
  const auto block = std::make_unique<std::byte[]>(kBlock);
  for (std::uint64_t at = 0; at < file->size();) {
    if (context.signals.token().cancelled()) return context.signals.error();
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, file->size() - at));
    PLIMSOLL_CHECK(file->read({block.get(), bytes}, at));
    log.feed({reinterpret_cast<const char*>(block.get()), bytes});
    at += bytes;
  }
  return {};
}

bool reads_standard_input(const Options& options) { return options.log.empty() || options.log == "-"; }
std::string log_name(const Options& options) { return reads_standard_input(options) ? "standard input" : options.log; }

Status read_log(Context& context, Log& log) {
  const std::string name = log_name(context.options);
  if (reads_standard_input(context.options)) return read_descriptor(context, STDIN_FILENO, name, log);
  if (const auto fd = named_descriptor(name); fd && *fd >= 0) return read_descriptor(context, *fd, name, log);
  return read_file(context, name, log);
}

/// Pages lie beside the installed command, wherever it was moved; before it is installed they are in its sources.
void find_pages(Os& os, std::vector<doctor::Diagnosis>& found) {
  const std::string command = os.real_path("/proc/self/exe");
  const std::string folder = fmt::format("{}/{}/", command.substr(0, command.find_last_of('/')), PLIMSOLL_PAGES);
  for (doctor::Diagnosis& each : found) {
    const std::string page = folder + each.page.substr(each.page.find_last_of('/') + 1);
    if (os.is_file(page)) each.page = printable(os.real_path(page));
  }
}

/// Nobody gave a log: no file, and nothing is piped in.
bool asks_about_machine(const Options& options) {
  if (!options.log.empty()) return false;
  struct stat info {};
  if (::fstat(STDIN_FILENO, &info) != 0) return true;
  return !S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode) && !S_ISSOCK(info.st_mode);
}

void write_plan_text(Context& context, std::string_view title, const Plan& plan) {
  Terminal terminal = describe_terminal(STDOUT_FILENO);
  terminal.colour = terminal.colour && context.output.is_terminal();
  context.output.write(fmt::format("\n{}\n{}", title, draw_plan(plan, terminal)));
}

void write_checks(Context& context, const std::vector<CheckLine>& lines, const Plan* plan) {
  if (!context.options.json) {
    for (const CheckLine& line : lines) {
      std::string text = fmt::format("{} {:<14}{}", line.ok ? "ok  " : "LOOK", line.name, printable(line.found, 300));
      if (!line.fix.empty()) text += fmt::format("\n{}fix: {}", std::string(19, ' '), printable(line.fix));
      context.output.write(text + "\n");
    }
    if (plan != nullptr) write_plan_text(context, "The plan on this machine", *plan);
    return;
  }
  JsonWriter json;
  json.begin_object().key("schema").value(1).key("checks").begin_array();
  for (const CheckLine& line : lines) {
    json.begin_object().key("name").value(line.name).key("ok").value(line.ok).key("found").value(line.found).key("fix");
    if (line.fix.empty()) json.null();
    else json.value(line.fix);
    json.end_object();
  }
  json.end_array();
  if (plan != nullptr) {
    json.key("plan");
    write_plan(json, *plan);
  }
  json.end_object();
  context.output.write(json.text() + "\n");
}

/// The plan of --model on a device as the log shows it, or in what it shows of the host's memory; on this machine where the log tells of
/// neither.
Result<Plan> plan_beside(Context& context, const doctor::Figures& figures) {
  Options options = context.options;
  if (figures.device == "cpu") {
    const std::optional<doctor::Figure>& room = figures.free ? figures.free : figures.limit;
    if (room && !options.policy.max_memory) options.policy.max_memory = room->said;
  } else if (figures.total && figures.free && figures.total->said.count > 0) {
    const Bytes used = saturating_sub(figures.total->said, figures.free->said);
    options.sims = {fmt::format("memory={},used={}", figures.total->said.count, used.count)};
  }
  Context inner{options, context.gate, context.os, context.signals, context.console, context.output};
  PLIMSOLL_TRY(const std::unique_ptr<Engine> engine, Engine::open(inner, options.model));
  PLIMSOLL_TRY(const Workload workload, engine->measure(nullptr));
  return engine->plan(workload);
}

void write_result(Context& context, const std::vector<doctor::Diagnosis>& found, const Plan* plan) {
  if (context.options.json) {
    JsonWriter json;
    write_diagnoses(json, found, plan);
    context.output.write(json.text() + "\n");
    return;
  }
  Terminal terminal = describe_terminal(STDOUT_FILENO);
  terminal.colour = terminal.colour && context.output.is_terminal();
  context.output.write(draw_diagnoses(found, terminal));
  if (plan != nullptr) write_plan_text(context, "The plan beside what the log shows", *plan);
}

}  // namespace

Result<int> doctor_command(Context& context) {
  const Options& options = context.options;
  std::optional<Plan> plan;
  if (asks_about_machine(options)) {
    if (!options.model.model.empty()) {
      PLIMSOLL_TRY(plan, plan_beside(context, {}));
    }
    write_checks(context, check_machine(context.os), plan ? &*plan : nullptr);
    return 0;
  }
  Log log;
  PLIMSOLL_CHECK(read_log(context, log));
  std::vector<doctor::Diagnosis> found = log.reader.finish();
  const bool is_text = log.share.is_text();
  if (!is_text) found.clear();
  find_pages(context.os, found);
  if (!options.model.model.empty()) {
    Result<Plan> made = plan_beside(context, found.empty() ? doctor::Figures{} : found[0].figures);
    // What the log says is known without the model.
    if (!made.ok() && !found.empty()) write_result(context, found, nullptr);
    PLIMSOLL_TRY(plan, std::move(made));
  }
  if (!found.empty() || options.json) write_result(context, found, plan ? &*plan : nullptr);
  if (!found.empty()) return 0;
  PLIMSOLL_CHECK(context.output.commit());
  if (!is_text) return Error{ErrorCode::not_found, "this is no text, so no log", log_name(options), "give what the program printed"};
  return Error{ErrorCode::not_found, "nothing about want of memory was recognised", log_name(options),
               "give the whole log, from the first error on"};
}

}  // namespace plimsoll::cli
