#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include <plimsoll/doctor.h>

#include "commands.h"
#include "descriptors.h"
#include "doctor_picture.h"
#include "doctor_writer.h"
#include "engine.h"
#include "line_reader.h"
#include "picture.h"
#include "self_check.h"

namespace plimsoll::cli {
namespace {

constexpr std::size_t kBlock = 64U << 10U;

Status read_descriptor(Context& context, int fd, const std::string& name, doctor::LogReader& reader) {
  LineReader lines(fd, name, context.gate, context.signals.token(), 0);
  for (;;) {
    LineReader::Piece piece;
    PLIMSOLL_TRY(const Got got, lines.next_piece(piece, -1));
    if (got == Got::end) return {};
    reader.feed(piece.bytes);
    if (piece.newline) reader.feed("\n");
  }
}

Status read_file(Context& context, const std::string& path, doctor::LogReader& reader) {
  PLIMSOLL_TRY(const std::unique_ptr<File> file, context.os.open(path));
  const auto block = std::make_unique<std::byte[]>(kBlock);
  for (std::uint64_t at = 0; at < file->size();) {
    if (context.signals.token().cancelled()) return context.signals.error();
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, file->size() - at));
    PLIMSOLL_CHECK(file->read({block.get(), bytes}, at));
    reader.feed({reinterpret_cast<const char*>(block.get()), bytes});
    at += bytes;
  }
  return {};
}

std::string log_name(const Options& options) { return options.log.empty() || options.log == "-" ? "standard input" : options.log; }

Status read_log(Context& context, doctor::LogReader& reader) {
  const std::string name = log_name(context.options);
  if (name == "standard input") return read_descriptor(context, STDIN_FILENO, name, reader);
  if (const auto fd = named_descriptor(name); fd && *fd >= 0) return read_descriptor(context, *fd, name, reader);
  return read_file(context, name, reader);
}

/// Nobody gave a log: no file, and nothing is piped in.
bool asks_about_machine(const Options& options) {
  if (!options.log.empty()) return false;
  struct stat info {};
  if (::fstat(STDIN_FILENO, &info) != 0) return true;
  return !S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode) && !S_ISSOCK(info.st_mode);
}

void write_checks(Context& context, const std::vector<CheckLine>& lines) {
  if (!context.options.json) {
    for (const CheckLine& line : lines) {
      std::string text = fmt::format("{} {:<14}{}", line.ok ? "ok  " : "LOOK", line.name, printable(line.found, 300));
      if (!line.fix.empty()) text += fmt::format("\n{}fix: {}", std::string(19, ' '), printable(line.fix));
      context.output.write(text + "\n");
    }
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
  json.end_array().end_object();
  context.output.write(json.text() + "\n");
}

/// The plan of --model on a device as the log shows it; on this machine where the log tells of none.
Result<Plan> plan_beside(Context& context, const doctor::Figures& figures) {
  Options options = context.options;
  if (figures.total && figures.free && figures.total->said.count > 0) {
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
  if (plan != nullptr) context.output.write("\nThe plan beside what the log shows\n" + draw_plan(*plan, terminal));
}

}  // namespace

Result<int> doctor_command(Context& context) {
  const Options& options = context.options;
  if (asks_about_machine(options)) {
    write_checks(context, check_machine(context.os));
    return 0;
  }
  doctor::LogReader reader;
  PLIMSOLL_CHECK(read_log(context, reader));
  const std::vector<doctor::Diagnosis> found = reader.finish();
  std::optional<Plan> plan;
  if (!options.model.model.empty()) {
    PLIMSOLL_TRY(plan, plan_beside(context, found.empty() ? doctor::Figures{} : found[0].figures));
  }
  if (!found.empty() || options.json) write_result(context, found, plan ? &*plan : nullptr);
  if (!found.empty()) return 0;
  PLIMSOLL_CHECK(context.output.commit());
  return Error{ErrorCode::not_found, "nothing about want of memory was recognised", log_name(options),
               "give the whole log, from the first error on"};
}

}  // namespace plimsoll::cli
