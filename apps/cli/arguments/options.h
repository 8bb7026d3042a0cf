#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/model.h>
#include <plimsoll/plan.h>

#include "arguments/flags.h"

namespace plimsoll::cli {

/// A pass to time: `texts` texts of `tokens` tokens.
struct Shape {
  std::int64_t texts = 1;
  std::int64_t tokens = 128;
};

/// What the command line and the environment ask for, checked. Zero means "not given" where a number is optional.
struct Options {
  const CommandSpec* command = nullptr;
  bool help = false;
  std::vector<std::string_view> variables;  ///< the flags, "--name", whose values the environment gave
  std::vector<std::string_view> texts;      ///< positional arguments behind MODEL: the process's own
  std::size_t flag_words = 0;               ///< of the command line, values included
  std::size_t flag_bytes = 0;

  ModelRequest model;
  std::vector<std::string> fallbacks;  ///< --fallback, in order
  bool any_labels = false;             ///< --fallback-any-labels
  Policy policy;
  std::vector<std::string> sims;     ///< --sim, in order: sim:0, sim:1, ...
  std::vector<int> cudas;            ///< N of each cuda:N that is named
  bool any_cuda = false;             ///< none is, and all that have room may be used
  std::vector<DeviceBytes> budgets;  ///< --max-memory, each with the name of its device
  std::optional<Bytes> bare_budget;  ///< the one that was given without a name
  std::int64_t batch_size = 0;
  std::int64_t max_length = 0;
  int threads = 0;

  std::string input;  ///< a path, "-" or empty
  std::string output;
  std::string report;
  bool jsonl = false;
  bool fail_fast = false;
  bool json = false;
  bool logits = false;
  std::int64_t top_k = 0;

  std::vector<Shape> shapes;  ///< empty: not given
  int repeat = 10;
  std::string shell;
  std::string log;  ///< of `doctor`: a path, "-" or empty

  bool once = false;
  double watch = 0;  ///< seconds; zero: not given

  bool no_progress = false;
  bool quiet = false;
  bool verbose = false;
};

}  // namespace plimsoll::cli
