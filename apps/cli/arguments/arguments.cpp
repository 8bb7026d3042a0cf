#include "arguments/arguments.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "arguments/suggest.h"
#include "arguments/values.h"

namespace plimsoll::cli {
namespace {

Error usage(std::string what, std::string where, std::string advice) {
  return Error{ErrorCode::usage, std::move(what), std::move(where), std::move(advice)};
}

/// The arguments of a command, told apart without interpreting them: texts may be any bytes.
struct Split {
  std::vector<std::string> flags;  ///< "--name" [value]...
  std::size_t flag_bytes = 0;
  std::vector<std::string_view> positional;
  std::size_t before_dashes = 0;  ///< how many of them stand before "--", or there is none
  bool help = false;              ///< one of the flags asks for it
};

/// Flags are copied more than once, into memory that no plan counts.
Status add_flag(std::string_view word, Split& split) {
  static constexpr std::size_t kMost = std::size_t{1} << 14U;
  static constexpr std::size_t kMostBytes = std::size_t{1} << 20U;
  split.flag_bytes += word.size();
  if (split.flags.size() == kMost || split.flag_bytes > kMostBytes) {
    return usage(fmt::format("flags and their values are more than {} words or {} bytes", kMost, kMostBytes), "command line",
                 "give fewer; texts come from a file by --input");
  }
  split.flags.emplace_back(word);
  return {};
}

Error unknown_flag(std::string_view argument, const CLI::App& parser) {
  std::vector<std::string> names;
  for (const CLI::Option* option : parser.get_options()) {
    if (option->get_group().empty()) continue;
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::string name(argument.substr(0, argument.find('=')));
  const std::string meant = name.starts_with("--") ? nearest(name, names) : "";
  const std::string& command = parser.get_name();
  const std::string advice = !meant.empty()           ? fmt::format("did you mean {}?", meant)
                             : name.starts_with("--") ? fmt::format("see `{} --help`", command)
                                                      : fmt::format("see `{} --help`; put -- before texts that begin with a dash", command);
  return usage("there is no such flag", name, advice);
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

const CLI::Option* find_option(const CLI::App& parser, const std::string& name) {
  const CLI::Option* option = parser.get_option_no_throw(name);
  return option;
}

/// Letters may be bundled (-qv); none of them takes a value.
Status split_letters(std::string_view argument, const CLI::App& parser, Split& split) {
  for (const char letter : argument.substr(1)) {
    const std::string name = {'-', letter};
    if (find_option(parser, name) == nullptr) return unknown_flag(argument, parser);
    PLIMSOLL_CHECK(add_flag(name, split));
    split.help = split.help || letter == 'h';
  }
  return {};
}

Result<Split> split_arguments(std::span<char* const> arguments, std::size_t at, const CLI::App& parser) {
  Split split;
  split.positional.reserve(arguments.size() - at);
  for (; at < arguments.size(); ++at) {
    const std::string_view argument = arguments[at];
    if (argument == "--") {
      const auto rest = arguments.subspan(at + 1);
      split.positional.insert(split.positional.end(), rest.begin(), rest.end());
      return split;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      split.positional.push_back(argument);
      ++split.before_dashes;
      continue;
    }
    if (argument[1] != '-') {
      PLIMSOLL_CHECK(split_letters(argument, parser, split));
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string name(argument.substr(0, equals));
    const CLI::Option* option = find_option(parser, name);
    if (option == nullptr) return unknown_flag(argument, parser);
    if (!takes_value(*option)) {
      PLIMSOLL_CHECK(add_flag(argument, split));
      split.help = split.help || name == "--help";
      continue;
    }
    if (equals == std::string_view::npos && at + 1 == arguments.size()) {
      return usage("a value is missing", name, fmt::format("write {} {}", name, option->get_type_name()));
    }
    PLIMSOLL_CHECK(add_flag(name, split));
    PLIMSOLL_CHECK(add_flag(equals == std::string_view::npos ? arguments[++at] : argument.substr(equals + 1), split));
    // As a variable of a script gives it that was never set.
    if (split.flags.back().empty()) {
      return usage("the value is empty", name, fmt::format("write {} {}, or leave the flag out", name, option->get_type_name()));
    }
  }
  return split;
}

/// Looks flags up in a parser that has read them.
class Given {
 public:
  Given(const CLI::App& parser, const std::vector<std::string>& flags) : parser_(parser), flags_(flags) {}

  /// The value of a flag from the command line, else from the environment.
  std::optional<std::string> text(std::string_view name) const {
    const CLI::Option* option = find_option(parser_, std::string(name));
    if (option == nullptr || option->results().empty()) return std::nullopt;
    return option->results().back();
  }

  /// All values of a flag that may be repeated.
  std::vector<std::string> all(std::string_view name) const {
    const CLI::Option* option = find_option(parser_, std::string(name));
    return option == nullptr ? std::vector<std::string>() : option->results();
  }

  /// "--name", or the environment variable that gave its value.
  std::string where(std::string_view name) const {
    const CLI::Option* option = find_option(parser_, std::string(name));
    const auto is_name = [&](const std::string& flag) {
      const std::string head = flag.substr(0, flag.find('='));
      return head.starts_with('-') && option != nullptr && option->check_name(head);
    };
    return std::ranges::any_of(flags_, is_name) ? std::string(name) : environment_name(name);
  }

  Status read(std::string_view name, bool& value) const {
    const auto given = text(name);
    if (!given) return {};
    PLIMSOLL_TRY(value, read_switch(*given, where(name)));
    return {};
  }

  void read(std::string_view name, std::string& value) const { value = text(name).value_or(value); }

  template <typename Number>
  Status read(std::string_view name, Number& value, std::int64_t most) const {
    const auto given = text(name);
    if (!given) return {};
    PLIMSOLL_TRY(const std::int64_t number, read_count(*given, 1, most, where(name)));
    value = static_cast<Number>(number);
    return {};
  }

 private:
  const CLI::App& parser_;
  const std::vector<std::string>& flags_;
};

Status refuse_missing(const Given& given, const CommandSpec& command) {
  for (const FlagSpec& flag : flag_specs()) {
    if (flag.missing.empty() || (flag.commands & command.bit) == 0 || !given.text(flag.name)) continue;
    return Error{ErrorCode::unsupported, fmt::format("{} is not built yet", flag.name), given.where(flag.name), std::string(flag.missing)};
  }
  return {};
}

/// What is forbidden is neither asked for nor allowed.
Status refuse_contradictions(const Given& given, const Policy& policy) {
  for (const Rung rung : policy.forbid) {
    const std::string_view name = rung_name(rung);
    const bool allowed = std::ranges::find(policy.allow, rung) != policy.allow.end();
    if (!allowed && !(policy.dtype && element_name(*policy.dtype) == name)) continue;
    return usage(fmt::format("{} is forbidden and {}", name, allowed ? "allowed" : "asked for"),
                 given.where("--forbid") + " and " + given.where(allowed ? "--allow" : "--dtype"), "leave one of the two out");
  }
  return {};
}

Status read_policy(const Given& given, Policy& policy) {
  const auto where = [&](std::string_view name) { return given.where(name); };
  if (const auto text = given.text("--quantize")) PLIMSOLL_CHECK(check_quantize(*text, where("--quantize")));
  if (const auto text = given.text("--dtype")) {
    PLIMSOLL_TRY(policy.dtype, read_dtype(*text, where("--dtype")));
  }
  if (const auto text = given.text("--allow")) {
    PLIMSOLL_TRY(policy.allow, read_allowed(*text, where("--allow")));
  }
  if (const auto text = given.text("--forbid")) {
    PLIMSOLL_TRY(policy.forbid, read_rungs(*text, where("--forbid")));
  }
  if (const auto text = given.text("--device-map")) {
    PLIMSOLL_TRY(policy.device_map, read_map(*text, where("--device-map")));
  }
  if (const auto text = given.text("--prefer")) {
    if (*text != "speed")
      return usage(fmt::format("'{}' cannot be preferred", printable(*text, 40)), where("--prefer"), "write --prefer speed");
    policy.prefer_speed = true;
  }
  PLIMSOLL_CHECK(refuse_contradictions(given, policy));
  bool strict = false;
  PLIMSOLL_CHECK(given.read("--strict-fit", strict));
  if (strict) policy.forbid.insert(policy.forbid.end(), {Rung::stream, Rung::cpu, Rung::fallback});
  return {};
}

// The device that a bare size means: the one that computes, or will be tried first.
std::string computing_device(const Options& options) {
  const std::string& named = options.policy.device;
  if (!named.empty() && named != "auto") return named;
  return options.sims.empty() ? "cpu" : "sim:0";
}

Status read_devices(const Given& given, Options& options) {
  options.sims = given.all("--sim");
  given.read("--device", options.policy.device);
  options.policy.device = full_device_name(options.policy.device);
  const auto exists = [&](const std::string& name) {
    if (name.empty() || name == "auto" || name == "cpu" || name == "disk") return true;
    if (const auto number = cuda_number(name)) {
      if (std::ranges::find(options.cudas, *number) == options.cudas.end()) options.cudas.push_back(*number);
      return true;
    }
    for (std::size_t i = 0; i < options.sims.size(); ++i) {
      if (name == fmt::format("sim:{}", i)) return true;
    }
    return false;
  };
  const auto absent = [&](const std::string& name, std::string_view flag) {
    return usage(fmt::format("there is no device {}", name), given.where(flag), "every --sim SPEC adds one: the first is sim:0");
  };
  if (!options.policy.device.empty()) PLIMSOLL_CHECK(check_device(options.policy.device, given.where("--device")));
  if (!exists(options.policy.device)) return absent(options.policy.device, "--device");
  options.any_cuda = options.sims.empty() && (options.policy.device.empty() || options.policy.device == "auto");
  const auto text = given.text("--max-memory");
  if (!text) return {};
  PLIMSOLL_TRY(options.budgets, read_max_memory(*text, given.where("--max-memory")));
  for (DeviceBytes& budget : options.budgets) {
    if (!exists(budget.device)) return absent(budget.device, "--max-memory");
    if (budget.device.empty()) {
      options.bare_budget = budget.bytes;
      budget.device = computing_device(options);
    }
    if (std::ranges::count(options.budgets, budget.device, &DeviceBytes::device) > 1)
      return usage(fmt::format("the {}'s budget is given twice", budget.device), given.where("--max-memory"), "give it once");
    if (budget.device == "cpu") options.policy.max_memory = budget.bytes;
    if (budget.device == "disk" && budget.bytes.count > 0)
      return usage("what lies on disk takes no budget", given.where("--max-memory"),
                   "leave disk out, or give disk=0: nothing on disk alone");
    if (budget.device == "disk") options.policy.use_disk = false;
  }
  return {};
}

Status read_switches(const Given& given, Options& options) {
  PLIMSOLL_CHECK(given.read("--jsonl", options.jsonl));
  PLIMSOLL_CHECK(given.read("--fail-fast", options.fail_fast));
  PLIMSOLL_CHECK(given.read("--json", options.json));
  PLIMSOLL_CHECK(given.read("--logits", options.logits));
  PLIMSOLL_CHECK(given.read("--once", options.once));
  PLIMSOLL_CHECK(given.read("--no-progress", options.no_progress));
  PLIMSOLL_CHECK(given.read("--quiet", options.quiet));
  PLIMSOLL_CHECK(given.read("--verbose", options.verbose));
  PLIMSOLL_CHECK(given.read("--fallback-any-labels", options.any_labels));
  return given.read("--require-all-weights", options.model.require_all_weights);
}

Status read_flags(const Given& given, Options& options) {
  static constexpr std::int64_t kMostTokens = std::int64_t{1} << 31;
  static constexpr std::int64_t kMostThreads = 256;
  PLIMSOLL_CHECK(refuse_missing(given, *options.command));
  for (const FlagSpec& flag : flag_specs()) {
    if ((flag.commands & options.command->bit) != 0 && given.text(flag.name) && given.where(flag.name) != flag.name)
      options.variables.push_back(flag.name);
  }
  PLIMSOLL_CHECK(read_switches(given, options));
  PLIMSOLL_CHECK(read_policy(given, options.policy));
  PLIMSOLL_CHECK(read_devices(given, options));
  given.read("--input", options.input);
  given.read("--output", options.output);
  given.read("--report", options.report);
  given.read("--revision", options.model.revision);
  given.read("--model", options.model.model);
  options.fallbacks = given.all("--fallback");
  given.read("--task", options.model.task);
  if (!options.model.task.empty()) PLIMSOLL_CHECK(check_task(options.model.task, given.where("--task")));
  PLIMSOLL_CHECK(given.read("--top-k", options.top_k, kMostTokens));
  PLIMSOLL_CHECK(given.read("--batch-size", options.batch_size, kMostTokens));
  PLIMSOLL_CHECK(given.read("--max-length", options.max_length, kMostTokens));
  PLIMSOLL_CHECK(given.read("--threads", options.threads, kMostThreads));
  PLIMSOLL_CHECK(given.read("--repeat", options.repeat, 1'000'000));
  if (options.logits && !options.json) return usage("logits are only printed as JSON", given.where("--logits"), "add --json");
  if (const auto text = given.text("--watch")) {
    PLIMSOLL_TRY(options.watch, read_seconds(*text, given.where("--watch")));
  }
  if (const auto text = given.text("--shapes")) {
    PLIMSOLL_TRY(options.shapes, read_shapes(*text, given.where("--shapes")));
  }
  return {};
}

std::string example_of(const CommandSpec& command) { return std::string(command.examples.substr(0, command.examples.find('\n'))); }

Status take_positional(Split& split, const Given& given, Options& options) {
  std::vector<std::string_view>& positional = split.positional;
  const CommandSpec& command = *options.command;
  const std::string name = "plimsoll " + std::string(command.name);
  if ((command.bit & (kDevices | kTop | kPs)) != 0) {
    if (!positional.empty())
      return usage(fmt::format("'{}' is one argument too many", printable(positional[0], 60)), name, "it takes none");
    return {};
  }
  if (command.bit == kDoctor) {
    if (positional.size() > 1)
      return usage(fmt::format("'{}' is one argument too many", printable(positional[1], 60)), name,
                   "for several logs: cat A B | plimsoll doctor");
    if (!positional.empty()) options.log = positional[0];
    return {};
  }
  if (positional.empty()) {
    return usage(command.bit == kCompletion ? "the shell is missing" : "the model is missing", name, "for example: " + example_of(command));
  }
  (command.bit == kCompletion ? options.shell : options.model.model) = positional[0];
  positional.erase(positional.begin());
  const bool takes_texts = (command.bit & (kRun | kPlan | kTokenize)) != 0;
  if (!takes_texts && !positional.empty()) {
    return usage(fmt::format("'{}' is one argument too many", printable(positional[0], 60)), name, fmt::format("see `{} --help`", name));
  }
  const bool names_input = positional.size() == 1 && positional[0] == "-" && split.before_dashes == 2;
  if (!positional.empty() && !options.input.empty()) {
    // The command line goes before the environment.
    if (given.where("--input") == "--input")
      return usage("texts are given both as arguments and by --input", "--input", "give one of the two");
    options.input.clear();
  }
  if (!positional.empty() && !names_input && options.jsonl && given.where("--jsonl") == "--jsonl") {
    return usage("texts are given as arguments, and those are never JSON Lines", "--jsonl",
                 "leave it out, or give the objects by --input or on standard input");
  }
  if (names_input) options.input = "-";
  else options.texts = std::move(positional);
  return {};
}

Error unknown_command(std::string_view given) {
  const std::string name(given);
  for (const MissingCommand& command : missing_commands()) {
    if (command.name == name) {
      return Error{ErrorCode::unsupported, fmt::format("the command {} is not built yet", name), "plimsoll " + name,
                   std::string(command.instead)};
    }
  }
  std::vector<std::string> names;
  for (const CommandSpec& command : command_specs()) names.emplace_back(command.name);
  names.insert(names.end(), {"help", "version"});
  const std::string meant = nearest(name, names);
  const bool flag = name.starts_with('-');
  return usage(flag ? "there is no such flag before a command" : "there is no such command", name,
               meant.empty() ? "see `plimsoll --help`" : fmt::format("did you mean {}?", meant));
}

/// `plimsoll help [COMMAND]`.
Result<Options> read_help(std::span<char* const> arguments) {
  Options options;
  options.help = true;
  const std::string_view name = arguments.size() > 1 ? arguments[1] : "";
  if (name.empty() || name.starts_with('-') || name == "help" || name == "version") return options;
  options.command = find_command(name);
  if (options.command == nullptr) return unknown_command(name);
  return options;
}

Status parse(CLI::App& parser, std::vector<std::string> flags) {
  std::ranges::reverse(flags);
  try {
    parser.parse(flags);
  } catch (const CLI::Error& error) {
    return usage(error.what(), parser.get_name(), fmt::format("see `{} --help`", parser.get_name()));
  }
  return {};
}

}  // namespace

Result<Options> read_arguments(std::span<char* const> arguments) {
  Options options;
  if (arguments.empty())
    return usage("a command is missing", "plimsoll", "for example: plimsoll run ./model \"I loved this film.\"; see `plimsoll --help`");
  const std::string_view command = arguments[0];
  if (command == "--help" || command == "-h") {
    options.help = true;
    return options;
  }
  if (command == "help") return read_help(arguments);
  options.command = find_command(command);
  if (options.command == nullptr) return unknown_command(command);
  const auto parser = make_parser(*options.command);
  PLIMSOLL_TRY(Split split, split_arguments(arguments, 1, *parser));
  options.help = split.help;
  options.flag_words = split.flags.size();
  options.flag_bytes = split.flag_bytes;
  if (options.help) return options;
  PLIMSOLL_CHECK(parse(*parser, split.flags));
  const Given given(*parser, split.flags);
  PLIMSOLL_CHECK(read_flags(given, options));
  PLIMSOLL_CHECK(take_positional(split, given, options));
  return options;
}

bool wants_json(std::span<char* const> arguments) {
  static constexpr std::string_view kFlag = "--json";
  std::optional<std::string_view> given;  // the last counts
  for (const std::string_view argument : arguments) {
    if (argument == "--") break;
    if (argument == kFlag) given = "1";
    else if (argument.starts_with(kFlag) && argument.substr(kFlag.size()).starts_with('=')) given = argument.substr(kFlag.size() + 1);
  }
  const char* variable = std::getenv(environment_name(kFlag).c_str());
  if (!given && variable != nullptr && *variable != '\0') given = variable;
  const auto wanted = read_switch(given.value_or("0"), "");
  return wanted.ok() && *wanted;
}

}  // namespace plimsoll::cli
