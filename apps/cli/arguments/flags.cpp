#include "arguments/flags.h"

#include <algorithm>
#include <array>

#include <CLI/CLI.hpp>

namespace plimsoll::cli {
namespace {

constexpr std::uint32_t kTexts = kRun | kPlan | kTokenize;
constexpr std::uint32_t kPlanning = kRun | kPlan | kBench;
constexpr std::uint32_t kAll = kRun | kPlan | kTokenize | kDevices | kBench | kTop | kPs | kDoctor;

constexpr std::string_view kInput = "Texts";
constexpr std::string_view kOutput = "Results";
constexpr std::string_view kMemory = "Memory and precision";
constexpr std::string_view kModel = "Model";
constexpr std::string_view kSpeed = "Passes";
constexpr std::string_view kMeasure = "Measuring";
constexpr std::string_view kLooks = "Looks";
constexpr std::string_view kMessages = "Messages";

constexpr std::array kCommands = {
    CommandSpec{
        kRun, "run", "MODEL [TEXT...]", "Classify texts: label, score, text",
        "plimsoll run ./model \"I loved this film.\"\n"
        "plimsoll run ./model --input reviews.txt --max-memory 512MiB\n"
        "plimsoll run ./large --fallback ./small --input reviews.txt --json\n"
        "cat rows.jsonl | plimsoll run ./model --jsonl --json > answers.jsonl\n",
        "Texts are arguments, the rows of --input FILE, or standard input when that is piped, or named by - as the only text; then an "
        "answer is printed as soon as the input pauses. A .jsonl or .ndjson file holds {\"id\"?, \"text\", \"text_pair\"?} a line, "
        "other files a text a line; a .json file needs --jsonl. Put -- before texts that begin with a dash. Without --json a text is "
        "printed on its line with \\xNN for control characters and \\\\ for a "
        "backslash."},
    CommandSpec{
        kPlan, "plan", "MODEL [TEXT...]", "Show what would be placed where, and why, without loading a weight",
        "plimsoll plan ./model\n"
        "plimsoll plan ./model --batch-size 8 --max-length 128 --max-memory 300MiB\n"
        "plimsoll plan ./model --input reviews.txt --json\n",
        "Without texts it plans for --batch-size (1) texts of --max-length (the model's) tokens. A pipe or file on standard input that "
        "has something in it, at the latest after 0.1 s, counts as texts, and nothing is taken from it; < /dev/null is none. "
        "Exits with 6 when nothing fits."},
    CommandSpec{kTokenize, "tokenize", "MODEL [TEXT...]", "Show ids, tokens and offsets; needs only the tokenizer's files",
                "plimsoll tokenize ./model \"Unbelievable!\"\n"
                "plimsoll tokenize ./model --input rows.jsonl --json\n",
                "Special tokens are included, offsets count Unicode code points, and tokenizer.json's own truncation and padding apply."},
    CommandSpec{kDevices, "devices", "", "Show what this machine offers: memory, limits, measured rates",
                "plimsoll devices\n"
                "plimsoll devices --json\n",
                "Takes about two seconds, and remembers the rates for `run` and `plan`, which never measure."},
    CommandSpec{kBench, "bench", "MODEL", "Measure speed and memory against the machine's own limits",
                "plimsoll bench ./model\n"
                "plimsoll bench ./model --shapes 1x128,8x128 --repeat 20 --json\n",
                "A shape TxL is T texts of L tokens. Shares are of the peak that this same run measured."},
    CommandSpec{kTop, "top", "", "Show who uses the devices and the host's memory now",
                "plimsoll top\n"
                "plimsoll top --once\n"
                "plimsoll top --json --watch 1 >> usage.jsonl\n"
                "plimsoll top --model ./model\n",
                "A full-screen view on a terminal: F1 explains its keys, F6 sorts, k sends SIGTERM to a process of yours after asking, q "
                "quits. Elsewhere give --once or --json. Figures that cannot be known are left out, and a line says why."},
    CommandSpec{kPs, "ps", "", "List Plimsoll's runs: process, model, device, planned and current memory, phase",
                "plimsoll ps\n"
                "plimsoll ps --json\n",
                "Runs of this user. One that ended, in whatever way, is not listed."},
    CommandSpec{
        kDoctor, "doctor", "[FILE|-]", "Explain an out-of-memory log; without one, check this machine",
        "plimsoll doctor train.log\n"
        "python train.py 2>&1 | plimsoll doctor\n"
        "plimsoll doctor train.log --model ./model --json\n",
        "Reads logs and tracebacks of PyTorch, CUDA, NCCL, JAX, TensorFlow, ONNX Runtime, llama.cpp, Ollama, vLLM, Triton, CuPy, "
        "DeepSpeed, bitsandbytes, HAMi, Jetson, the kernel, systemd, Slurm, and of Python, NumPy, C++, Java, Node.js, Ray, SGLang and "
        "earlyoom about memory, of any size and from any number of ranks. Says what failed, what the numbers prove, and what to do, the "
        "cheapest first. Exits with 0 when something was recognised, otherwise with 3. With neither FILE nor a pipe it checks this "
        "machine, a line each."},
    CommandSpec{kCompletion, "completion", "bash|zsh|fish", "Print a script that completes commands and flags",
                "plimsoll completion bash > ~/.local/share/bash-completion/completions/plimsoll\n"
                "plimsoll completion fish > ~/.config/fish/completions/plimsoll.fish\n",
                ""},
};

constexpr std::array kFlags = {
    FlagSpec{"--input", "", "FILE", "@file", kTexts, kInput, "Read texts from FILE (.txt, .jsonl, .ndjson); - is standard input", ""},
    FlagSpec{"--jsonl", "", "", "", kTexts, kInput, "The input is JSON Lines whatever its name", ""},
    FlagSpec{"--fail-fast", "", "", "", kTexts, kInput, "Stop at the first row that cannot be used", ""},

    FlagSpec{"--json", "", "", "", kAll, kOutput, "Print JSON Lines; errors become one object on stderr", ""},
    FlagSpec{"--output", "", "FILE", "@file", kTexts, kOutput,
             "Write to FILE, which appears only when it is complete; - is standard output", ""},
    FlagSpec{"--top-k", "", "N", "", kRun, kOutput, "Print the N best labels of each text", ""},
    FlagSpec{"--logits", "", "", "", kRun, kOutput, "Add token ids and raw logits (with --json)", ""},
    FlagSpec{"--report", "", "FILE", "@file", kRun, kOutput, "Write the plan, what it came to, and memory over time as JSON", ""},

    FlagSpec{"--max-memory", "", "SIZE|DEVICE=SIZE,...", "", kPlanning, kMemory,
             "Most memory to use, of the computing device or by name: 512MiB, or cuda:0=2GiB,cpu=4GiB,disk=0", ""},
    FlagSpec{"--device", "", "DEVICE", "auto cpu cuda:0 sim:0", kPlanning, kMemory, "Where to compute: auto, cpu, cuda:N or sim:N", ""},
    FlagSpec{"--device-map", "", "MAP", "auto balanced balanced_low_0 sequential @file", kPlanning, kMemory,
             "Who computes which layers: auto, balanced, balanced_low_0, sequential, or FILE.json with {module: device}", ""},
    FlagSpec{"--sim", "", "SPEC", "", kPlanning, kMemory,
             "Add a simulated GPU, the first is sim:0; SPEC is memory=2GiB and, as wished, ,used= ,context= ,link= ,pageable= ,latency= "
             ",compute= ,disk= ,name= ,script= (see the manual)",
             "", true},
    FlagSpec{"--dtype", "", "TYPE", "auto float32 bfloat16 float16", kPlanning, kMemory,
             "Precision: auto (the checkpoint's own), float32, bfloat16 or float16", ""},
    FlagSpec{"--quantize", "", "FORM", "none", kPlanning, kMemory, "Quantization of the weights: none", ""},
    FlagSpec{"--allow", "", "LIST", "bfloat16 float16", kPlanning, kMemory,
             "Precisions that may be used where nothing else fits: bfloat16, float16", ""},
    FlagSpec{"--forbid", "", "LIST", "gather microbatch stream cpu bfloat16 float16 int8 int4 fallback", kPlanning, kMemory,
             "Ways of saving memory that are ruled out, such as stream or microbatch", ""},
    FlagSpec{"--prefer", "", "WHAT", "speed", kPlanning, kMemory, "speed: use an allowed precision also where a higher one fits", ""},
    FlagSpec{"--strict-fit", "", "", "", kPlanning, kMemory, "Nothing streams, and nothing moves to the host: --forbid stream,cpu,fallback",
             ""},

    FlagSpec{"--fallback", "", "MODEL", "@file", kRun | kPlan, kModel,
             "A smaller model that answers where this one has no room; repeat it for a chain, tried in order", "", true},
    FlagSpec{"--fallback-any-labels", "", "", "", kRun | kPlan, kModel, "Take a fallback also when its labels are others", ""},
    FlagSpec{"--task", "", "TASK", "classification", kPlanning, kModel, "What the model is for: classification", ""},
    FlagSpec{"--model", "", "MODEL", "@file", kDoctor, kModel,
             "Add the plan with which this model would fit beside what the log shows, or without a log on this machine", ""},
    FlagSpec{"--revision", "", "NAME", "", kPlanning | kTokenize, kModel, "Branch, tag or commit of a Hub model (main)", ""},
    FlagSpec{"--require-all-weights", "", "", "", kPlanning, kModel, "Refuse a checkpoint that lacks the task's head", ""},

    FlagSpec{"--batch-size", "", "N", "", kRun | kPlan, kSpeed, "Most texts in one pass (chosen by the planner)", ""},
    FlagSpec{"--max-length", "", "N", "", kRun | kPlan, kSpeed, "Most tokens of a text; longer ones are cut (the model's limit)", ""},
    FlagSpec{"--threads", "", "N", "", kPlanning | kDevices, kSpeed, "Threads (least of affinity, CPU quota and physical cores)", ""},

    FlagSpec{"--shapes", "", "LIST", "1x128 8x128", kBench, kMeasure, "Passes to time, as TEXTSxTOKENS (1x128,8x128)", ""},
    FlagSpec{"--repeat", "", "N", "", kBench, kMeasure, "Times each is run (10)", ""},

    FlagSpec{"--once", "", "", "", kTop, kLooks, "Print what there is now, and end", ""},
    FlagSpec{"--watch", "", "SECONDS", "", kTop, kLooks, "Time from one look to the next (1); with --json a line for each look", ""},
    FlagSpec{"--model", "", "MODEL", "@file", kTop, kLooks, "Also show what this model would need, and whether it fits now", ""},

    FlagSpec{"--no-progress", "", "", "", kAll, kMessages, "No progress bar", ""},
    FlagSpec{"--quiet", "-q", "", "", kAll, kMessages, "Only errors on stderr", ""},
    FlagSpec{"--verbose", "-v", "", "", kAll, kMessages, "More on stderr: placement, what was measured", ""},

    FlagSpec{"--wait", "", "TIME", "", kPlanning, "", "", "try again while the exit code is 6"},
    FlagSpec{"--no-lease", "", "", "", kPlanning, "", "", "leave it out: no leases are taken"},
};

constexpr std::array kMissing = {
    MissingCommand{"quantize", "run with --dtype bfloat16 to halve the memory"},
    MissingCommand{"guard", "run the program itself"},
    MissingCommand{"pull", "download the model with another tool and give its directory"},
    MissingCommand{"ls", "give a model by its directory"},
    MissingCommand{"rm", "remove the model's directory yourself"},
};

}  // namespace

std::span<const CommandSpec> command_specs() { return kCommands; }
std::span<const FlagSpec> flag_specs() { return kFlags; }
std::span<const MissingCommand> missing_commands() { return kMissing; }

const CommandSpec* find_command(std::string_view name) {
  const auto* found = std::ranges::find(kCommands, name, &CommandSpec::name);
  return found == kCommands.end() ? nullptr : found;
}

const FlagSpec* find_flag(std::string_view name, CommandBit command) {
  const auto* found = std::ranges::find_if(
      kFlags, [&](const FlagSpec& flag) { return (flag.commands & command) != 0 && (flag.name == name || flag.letter == name); });
  return found == kFlags.end() ? nullptr : found;
}

std::string environment_name(std::string_view flag) {
  std::string name = "PLIMSOLL_";
  for (const char c : flag.substr(2)) name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

std::unique_ptr<CLI::App> make_parser(const CommandSpec& command) {
  auto app = std::make_unique<CLI::App>(std::string(command.summary), "plimsoll " + std::string(command.name));
  app->set_help_flag();
  app->add_flag("-h,--help")->description("Print this help")->group(std::string(kMessages));
  for (const FlagSpec& flag : kFlags) {
    if ((flag.commands & command.bit) == 0) continue;
    const std::string names = flag.letter.empty() ? std::string(flag.name) : std::string(flag.letter) + "," + std::string(flag.name);
    CLI::Option* option = flag.value.empty() ? app->add_flag(names) : app->add_option(names)->type_name(std::string(flag.value));
    option->description(std::string(flag.help))->group(std::string(flag.group))->envname(environment_name(flag.name));
    flag.repeats ? option->take_all() : option->take_last();
  }
  return app;
}

}  // namespace plimsoll::cli
