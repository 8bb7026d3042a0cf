#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "terminal/graph.h"
#include "terminal/terminal.h"
#include "top/top_sample.h"

namespace plimsoll::cli {

enum class SortBy : std::uint8_t { memory, pid, user, device, command, utilisation };
inline constexpr std::size_t kSorts = 6;
std::string_view sort_name(SortBy by);

/// A line of the process table.
struct ProcessRow {
  std::string device;
  const ProcessStatus* process = nullptr;
};

/// How a sample is looked at.
struct TopLook {
  std::size_t rows = 0;  ///< of the screen; zero: as many as it takes, and nothing of keys
  SortBy sort = SortBy::memory;
  std::string filter;        ///< only processes whose device, number, user, container or command has it
  std::size_t selected = 0;  ///< among the rows shown
  bool help = false;
  std::string prompt;  ///< instead of the line of keys
  double pause = 1;    ///< seconds between looks
  double hanging = 0;  ///< seconds since the look began that is late; zero: none is
};

/// The process table's lines, sorted and filtered. They point into the sample.
std::vector<ProcessRow> process_rows(const TopSample& sample, const TopLook& look);

/// Lines for a terminal; with `look.rows`, not more of them than that and none wider than it, else none of them cut. Escape sequences are
/// for colours and the selected line alone.
std::vector<std::string> draw_top(const TopSample& sample, const Histories& histories, const TopLook& look, const Terminal& terminal);

/// The table of `ps`.
std::string draw_runs(const std::vector<RunStatus>& runs);

}  // namespace plimsoll::cli
