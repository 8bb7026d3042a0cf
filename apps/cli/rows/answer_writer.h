#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/classifier.h>

#include "arguments/options.h"
#include "process/output.h"
#include "rows/row_source.h"
#include "terminal/console.h"
#include "terminal/terminal.h"
#include "text/json_writer.h"

namespace plimsoll::cli {

/// Label names fit to be keys: a name that occurs again gets "#<index>" behind it.
std::vector<std::string> distinct_labels(const std::vector<std::string>& labels);

/// Prints the answers of `run`: JSON Lines, or label, score and text separated by tabs (aligned on a terminal).
class AnswerWriter {
 public:
  /// All arguments must outlive the writer. Where there are fallbacks, every answer names the model.
  AnswerWriter(const Model& model, const Options& options, Output& output, Console& console);

  void answer(std::int64_t index, std::string_view id, const Answer& answer);
  /// A bad row: a line of JSON among the answers, or a line on stderr.
  void fault(const Row& row, const Error& error);

 private:
  void write_json(std::int64_t index, std::string_view id, const Answer& answer);
  void write_text(const Answer& answer);
  void write_preview(const Answer& answer, std::size_t columns);
  void rank(const Answer& answer);

  const Options& options_;
  Output& output_;
  Console& console_;
  Terminal terminal_;
  ScoreRule rule_;
  std::string_view model_;  ///< empty: not said
  std::vector<std::string> labels_;
  std::size_t label_width_ = 0;
  std::vector<std::size_t> order_;  ///< labels to print, best first if only some are
  JsonWriter json_;
};

}  // namespace plimsoll::cli
