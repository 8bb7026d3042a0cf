#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/bytes.h>

#pragma GCC visibility push(default)

/// Logs of programs that ran out of memory, explained. Text in, facts out: nothing here reads files or prints.
namespace plimsoll::doctor {

/// Who wrote a message.
enum class Source : std::uint8_t {
  pytorch,  ///< its CUDA, HIP, XPU, MPS and CPU allocators
  cuda,     ///< bare driver and runtime, cuBLAS, cuDNN
  nccl,
  jax,
  tensorflow,
  onnxruntime,
  llama_cpp,
  vllm,
  triton,
  cupy,
  deepspeed,
  bitsandbytes,
  ollama,
  jetson,
  systemd,
  kernel,  ///< the out-of-memory killer, or whoever tells only of its signal
  slurm,
  hami,
  other,  ///< without a name here: Python, NumPy, C++, Rust, Go, Java, Node.js, Ray, SGLang, earlyoom
};
/// "pytorch", "llama.cpp", ...; empty for others.
std::string_view source_name(Source source);

/// What the program was doing.
enum class Phase : std::uint8_t { unknown, loading, activations, kv_cache, training, start_up };
/// "loading", "kv_cache", ...; empty when unknown.
std::string_view phase_name(Phase phase);

enum class Cause : std::uint8_t {
  too_large,      ///< what is asked for has no room, whoever else is there
  fragmentation,  ///< enough is free, in pieces that are too small
  other_process,  ///< somebody else holds what is missing
  own_cap,        ///< a limit that the program set itself
  external_cap,   ///< a limit set from outside, or a race
  driver_spill,   ///< the driver has moved device memory to the host's
  host_limit,     ///< the host's memory, or a limit on it
  not_vram,       ///< not device memory at all
  unknown,
};
std::string_view cause_name(Cause cause);

enum class Confidence : std::uint8_t { high, medium, low };
std::string_view confidence_name(Confidence confidence);

/// A size as a log gives it, and the least and the largest size that are written like this.
struct Figure {
  Bytes said;
  Bytes low;
  Bytes high;
};

struct Process {
  std::int64_t pid = 0;
  std::optional<Figure> size;
  bool self = false;  ///< the process that failed
};

/// What a message says. What it does not say, or says with a number that is none (17179869184.00 GiB), is empty.
struct Figures {
  std::optional<Figure> requested;
  std::optional<Figure> total;
  std::optional<Figure> free;
  std::optional<Figure> allocated;  ///< by tensors of the framework
  std::optional<Figure> cached;     ///< reserved by the framework, unused
  std::optional<Figure> reserved;   ///< allocated and cached
  std::optional<Figure> pools;      ///< held in private pools
  std::optional<Figure> used;       ///< by this process, everything included
  std::optional<Figure> limit;
  std::string device;  ///< "cuda:0", "cpu", "mps"; empty when not said
  std::vector<Process> processes;
};

struct Remedy {
  std::string action;
  std::string why;
  std::optional<Figure> saves;  ///< as far as the log tells; empty where it does not
  std::string change;           ///< what to type: a line for the environment, code before and after, or a command
};

/// One message of a log, explained. Strings are free of control characters but for line ends in `Remedy::change`.
struct Diagnosis {
  Source source = Source::pytorch;
  Figures figures;
  Phase phase = Phase::unknown;
  Cause cause = Cause::unknown;
  Confidence confidence = Confidence::low;
  bool fatal = true;

  std::string headline;               ///< what failed, in one line
  std::vector<std::string> findings;  ///< what the numbers prove, a sentence or two each
  std::string disagreement;           ///< both readings, where figures and traceback disagree
  std::string tell_apart;             ///< the command that tells the readings apart; may stand without a disagreement
  std::vector<Remedy> remedies;       ///< cheapest first
  std::string page;                   ///< of the sources, where the cause is explained: "docs/causes/fragmentation.md"

  std::string model;        ///< named by the traceback, or empty
  std::string rank;         ///< whose message it is, as the log's prefix says: "rank6"; or empty
  std::uint64_t line = 0;   ///< of the log, from 1
  std::uint64_t times = 1;  ///< how often the same was said
};

/// "2.00 GiB", "33.93 MiB", "0 bytes": two decimals, as logs write sizes, in the largest unit that is not above them.
std::string size_text(Bytes size);
/// The same; what is known to hundredths of a GiB only is in GiB also below one: "0.50 GiB".
std::string size_text(const Figure& figure);

/// Everything that `diagnosis` says, in one paragraph.
std::string explanation(const Diagnosis& diagnosis);

/// Reads a log as it comes. Takes about 2 MiB whatever the log's size, and time in proportion to it.
class LogReader {
 public:
  LogReader();
  LogReader(LogReader&&) noexcept;
  LogReader& operator=(LogReader&&) noexcept;
  ~LogReader();

  /// The next bytes of the log, cut anywhere. Any bytes will do: wrapped lines, prefixes of ranks and loggers, colours, CR LF, NUL.
  void feed(std::string_view bytes);

  /// What was recognised, at most 16 distinct messages: the first cause first, then its consequences, then warnings. To be called once, at
  /// the end.
  std::vector<Diagnosis> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A whole log at once.
std::vector<Diagnosis> diagnose(std::string_view log);

}  // namespace plimsoll::doctor

#pragma GCC visibility pop
