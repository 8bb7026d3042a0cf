#include "cli.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>

#include <fmt/format.h>

#include "arguments/arguments.h"
#include "arguments/help.h"
#include "commands.h"
#include "rows/same_file.h"
#include "terminal/terminal.h"

namespace plimsoll::cli {
namespace {

constexpr int kReaderGone = 141;

struct Entry {
  CommandBit command;
  Result<int> (*run)(Context&);
};

constexpr std::array<Entry, 9> kEntries = {{{kRun, run_command},
                                            {kPlan, plan_command},
                                            {kTokenize, tokenize_command},
                                            {kDevices, devices_command},
                                            {kBench, bench_command},
                                            {kTop, top_command},
                                            {kPs, ps_command},
                                            {kDoctor, doctor_command},
                                            {kCompletion, completion_command}}};

/// A standard stream that is closed would lend its number to the next file that is opened. What takes its place refuses what
/// the stream is for, so that output into nothing is noticed.
void fill_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) == -1) (void)!::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

/// One heap, whose large blocks go back to the system when freed: what is not in the ledger stays small.
void keep_heap_small() {
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, 128 << 10);
  ::mallopt(M_TRIM_THRESHOLD, 128 << 10);
}

/// The stack may grow as far as its limit says now, whatever it said when the process began.
Status widen_stack() {
  static constexpr Bytes kLeast = kib(128);
  static constexpr Bytes kEnough = mib(1);
  rlimit limit{};
  if (::getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= kEnough.count) return {};
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, kEnough.count);
  if (::setrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur >= kLeast.count) return {};
  return Error{ErrorCode::out_of_memory, fmt::format("the stack may not grow beyond {}", format_bytes(Bytes{limit.rlim_cur})),
               "RLIMIT_STACK", fmt::format("raise its hard limit to {} (ulimit -Hs)", format_bytes(kEnough))};
}

bool heap_was_exhausted() {
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    return true;
  } catch (...) {
    return false;
  }
  return false;
}

[[noreturn]] void on_terminate() {
  static constexpr std::string_view kHeap =
      "plimsoll: error: the system refused memory (cpu): close other programs or raise the limit on this process\n";
  static constexpr std::string_view kEscaped = "plimsoll: error: an exception escaped (internal): please report this\n";
  const bool heap = heap_was_exhausted();
  const std::string_view text = heap ? kHeap : kEscaped;
  Signals::restore();
  (void)!::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(exit_code(heap ? ErrorCode::out_of_memory : ErrorCode::internal));
}

// Before all other static objects: those of the flag parser take memory before main begins.
[[gnu::constructor(101)]] void expect_the_worst() { std::set_terminate(on_terminate); }

Error from_exception() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return heap_exhausted();
  } catch (const std::exception& exception) {
    return Error{ErrorCode::internal, exception.what(), "unexpected exception", "please report this"};
  } catch (...) {
    return Error{ErrorCode::internal, "something unknown was thrown", "unexpected exception", "please report this"};
  }
}

Result<int> dispatch(Context& context) {
  for (const Entry& entry : kEntries) {
    if (entry.command == context.options.command->bit) return entry.run(context);
  }
  return Error{ErrorCode::internal, "a command without code", std::string(context.options.command->name), "please report this"};
}

/// The exit status of an error, after telling about it. `stopped`: what to say beside that a signal came.
int report_error(Console& console, const Signals& signals, const Error& error, std::string_view stopped = {}) try {
  if (error.code == ErrorCode::cancelled) {
    console.error(signals.error(stopped));
    return signals.exit_status();
  }
  console.error(error);
  return exit_code(error.code);
} catch (const std::bad_alloc&) {
  console.heap_exhausted();
  return error.code == ErrorCode::cancelled ? signals.exit_status() : exit_code(ErrorCode::out_of_memory);
}

int finish(Console& console, const Signals& signals, Output& output, const Result<int>& result, std::string_view stopped = {}) {
  const Status written = result.ok() ? output.commit() : output.flush();
  if (output.reader_gone()) return kReaderGone;
  if (!result.ok()) return report_error(console, signals, result.error(), stopped);
  return written.ok() ? *result : report_error(console, signals, written.error(), stopped);
}

/// `text` with the variable in place of the flag that it stood in for.
void name_variable(std::string& text, std::string_view flag) {
  const auto goes_on = [&](std::size_t end) {
    return end < text.size() && (text[end] == '-' || std::isalpha(static_cast<unsigned char>(text[end])));
  };
  const std::string variable = environment_name(flag);
  for (std::size_t at = 0; (at = text.find(flag, at)) != std::string::npos;) {
    if (goes_on(at + flag.size())) {
      ++at;
      continue;
    }
    text.replace(at, flag.size(), variable);
    at += variable.size();
  }
}

/// An error about a flag is about the variable that stood in for it.
Error named_as_given(Error error, const Options& options) {
  for (const std::string_view flag : options.variables) {
    name_variable(error.where, flag);
    name_variable(error.advice, flag);
  }
  return error;
}

int print(const std::string& text, Console& console, const Signals& signals, Gate& gate) {
  auto output = Output::open("", gate, signals.token());
  if (!output.ok()) return report_error(console, signals, output.error());
  output->write(text);
  return finish(console, signals, *output, 0);
}

Console::Style style_of(const Options& options) {
  // A terminal without colours, by NO_COLOR or by its kind, is not drawn on either.
  const bool drawable = describe_terminal(STDERR_FILENO).colour;
  return {options.json, options.quiet, options.verbose, drawable && !options.no_progress && !options.quiet && !options.verbose};
}

int run_options(const Options& options, const Signals& signals, Gate& gate) {
  Console console(style_of(options), &signals.token());
  const std::unique_ptr<Os> os = make_os(gate);
  const auto refused = [&](const Error& error) { return report_error(console, signals, named_as_given(error, options)); };
  if (const Status status = refuse_same_file(options, *os); !status.ok()) {
    if (status.error().where == kStandardError) leave_standard_error();
    return refused(status.error());
  }
  auto output = Output::open(options.output, gate, signals.token());
  if (!output.ok()) return refused(output.error());
  if (output->is_terminal()) output->before_sending([&console] { console.progress({}); });
  Context context{options, gate, *os, signals, console, *output};
  std::optional<Result<int>> result;
  try {
    result = dispatch(context);
  } catch (...) {
    output->drop_unfinished_line();
    result = from_exception();
  }
  if (!result->ok()) result = named_as_given(result->error(), options);
  const bool answers = (options.command->bit & (kRun | kTokenize)) != 0;
  return finish(console, signals, *output, *result,
                !answers               ? ""
                : output->is_pending() ? "the results were not written: their file appears only when it is complete"
                                       : "finished rows have been printed");
}

/// As wide as the terminal, within what reads well; 80 columns in a pipe.
std::string help_of(const CommandSpec* command) {
  static constexpr std::size_t kLeast = 80;
  static constexpr std::size_t kMost = 96;
  const Terminal terminal = describe_terminal(STDOUT_FILENO, kMost);
  const std::size_t columns = terminal.interactive ? std::max(terminal.columns, kLeast) : kLeast;
  return command == nullptr ? program_help(columns) : command_help(*command, columns);
}

int run_checked(std::span<char* const> arguments, const Signals& signals, Gate& gate, Console& console) {
  static constexpr std::array<std::string_view, 3> kVersion = {"--version", "-V", "version"};
  if (!arguments.empty() && std::ranges::find(kVersion, arguments[0]) != kVersion.end())
    return print(wants_json(arguments) ? version_json() : version_line(), console, signals, gate);
  auto options = read_arguments(arguments);
  if (!options.ok()) return report_error(console, signals, options.error());
  if (options->help) return print(help_of(options->command), console, signals, gate);
  options->model.cancel = &signals.token();
  // What reading the arguments left behind is not needed any more.
  ::malloc_trim(0);
  return run_options(*options, signals, gate);
}

}  // namespace

int run_cli(std::span<char* const> words) {
  fill_standard_streams();
  keep_heap_small();
  const Signals signals;
  Gate gate;
  try {
    Console console({wants_json(words), false, false, false}, &signals.token());
    try {
      if (const Status stack = widen_stack(); !stack.ok()) return report_error(console, signals, stack.error());
      return run_checked(words, signals, gate, console);
    } catch (...) {
      return report_error(console, signals, from_exception());
    }
  } catch (const std::bad_alloc&) {
    Console({}, &signals.token()).heap_exhausted();
    return exit_code(ErrorCode::out_of_memory);
  } catch (...) {
    on_terminate();
  }
}

}  // namespace plimsoll::cli
