#include "rows/answer_writer.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "rows/row_fault.h"
#include "text/utf8.h"

namespace plimsoll::cli {
namespace {

// Texts are escaped piece by piece, which makes them at most four times as long: \xNN for what a line cannot hold.
constexpr std::size_t kPieceBytes = 1U << 10U;
constexpr std::size_t kMostEscapedBytes = 4 * kPieceBytes;

std::string padded(std::string_view text, std::size_t columns) {
  std::string out(text);
  out.append(columns - std::min(columns, display_width(text)), ' ');
  return out;
}

std::string escaped(std::string_view piece) {
  if (piece.find('\\') == std::string_view::npos) return printable(piece, kMostEscapedBytes + 1);
  // A backslash of the text itself is doubled, so that what is escaped can be told from what was written.
  std::string doubled;
  doubled.reserve(2 * piece.size());
  for (const char c : piece) doubled.append(c == '\\' ? 2 : 1, c);
  return printable(doubled, kMostEscapedBytes + 1);
}

std::string escaped_label(std::string_view label) { return escaped(utf8_start(label, kPieceBytes)); }

void write_escaped(Output& output, std::string_view text) {
  while (!text.empty()) {
    const std::string_view piece = utf8_start(text, kPieceBytes);
    output.write(escaped(piece));
    text.remove_prefix(piece.size());
  }
}

}  // namespace

std::vector<std::string> distinct_labels(const std::vector<std::string>& labels) {
  std::vector<std::string> names;
  names.reserve(labels.size());
  std::vector<std::string> sorted = labels;
  std::ranges::sort(sorted);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::string name = labels[i];
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), name);
    if (last - first > 1) {
      do name += fmt::format("#{}", i);
      while (std::ranges::binary_search(sorted, name));
    }
    names.push_back(std::move(name));
  }
  return names;
}

AnswerWriter::AnswerWriter(const Model& model, const Options& options, Output& output, Console& console)
    : options_(options),
      output_(output),
      console_(console),
      terminal_(describe_terminal(1)),
      rule_(model.score_rule()),
      model_(options.fallbacks.empty() ? std::string_view() : std::string_view(model.name())),
      labels_(distinct_labels(model.labels())),
      json_([&output](std::string_view piece) { output.write(piece); }) {
  terminal_.interactive = output.is_terminal();
  for (const std::string& label : labels_) label_width_ = std::max(label_width_, display_width(escaped_label(label)));
}

void AnswerWriter::rank(const Answer& answer) {
  order_.resize(std::min(labels_.size(), answer.scores.size()));
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  const std::size_t kept = options_.top_k > 0 ? static_cast<std::size_t>(options_.top_k) : options_.json ? order_.size() : 1;
  if (options_.json && options_.top_k == 0) return;
  const auto better = [&](std::size_t a, std::size_t b) {
    return answer.scores[a] > answer.scores[b] || (answer.scores[a] == answer.scores[b] && a < b);
  };
  const std::size_t count = std::min(kept, order_.size());
  std::ranges::partial_sort(order_, order_.begin() + static_cast<std::ptrdiff_t>(count), better);
  order_.resize(count);
}

void AnswerWriter::answer(std::int64_t index, std::string_view id, const Answer& answer) {
  rank(answer);
  if (options_.json) write_json(index, id, answer);
  else write_text(answer);
}

void AnswerWriter::write_json(std::int64_t index, std::string_view id, const Answer& answer) {
  const auto label = static_cast<std::size_t>(answer.label);
  json_.clear();
  json_.begin_object().key("index").value(index);
  if (!id.empty()) json_.key("id").raw(id);
  json_.key("text").value(answer.text);
  if (answer.pair) json_.key("text_pair").value(*answer.pair);
  json_.key("truncated").value(answer.truncated);
  if (answer.replaced) json_.key("replaced").value(true);
  if (!model_.empty()) json_.key("model").value(model_);
  json_.key("label").value(std::string_view(labels_.at(label))).key("score").value(answer.scores[label]);
  json_.key("scores").begin_object();
  for (const std::size_t i : order_) json_.key(labels_[i]).value(answer.scores[i]);
  json_.end_object();
  if (options_.logits) {
    json_.key("input_ids").begin_array();
    for (const std::int32_t token : answer.input_ids) json_.value(static_cast<std::int64_t>(token));
    json_.end_array().key("logits").begin_array();
    for (const float logit : answer.logits) json_.value(logit);
    json_.end_array();
  }
  json_.end_object();
  json_.end_line();
}

void AnswerWriter::write_text(const Answer& answer) {
  std::string line;
  for (const std::size_t i : order_) {
    const std::string score =
        rule_ == ScoreRule::regression ? fmt::format("{:.6g}", answer.scores[i]) : fmt::format("{:.4f}", answer.scores[i]);
    const std::string label = escaped_label(labels_[i]);
    line += terminal_.interactive ? fmt::format("{}  {}  ", padded(label, label_width_), score) : fmt::format("{}\t{}\t", label, score);
  }
  if (!model_.empty()) line += escaped_label(model_) + (terminal_.interactive ? "  " : "\t");
  output_.write(line);
  if (terminal_.interactive) {
    write_preview(answer, terminal_.columns - std::min(terminal_.columns - 20, display_width(line)));
  } else {
    write_escaped(output_, answer.text);
    if (answer.pair) output_.write("\t");
    if (answer.pair) write_escaped(output_, *answer.pair);
  }
  output_.write("\n");
}

void AnswerWriter::write_preview(const Answer& answer, std::size_t columns) {
  const std::string_view start = utf8_start(answer.text, kPieceBytes);
  std::string text = escaped(start);
  bool whole = start.size() == answer.text.size();
  if (whole && answer.pair) {
    const std::string_view pair = utf8_start(*answer.pair, kPieceBytes);
    text += "  |  " + escaped(pair);
    whole = pair.size() == answer.pair->size();
  }
  whole = whole && display_width(text) <= columns;
  output_.write(whole ? std::string_view(text) : clipped(text, columns < 3 ? 0 : columns - 3));
  if (!whole) output_.write("...");
}

void AnswerWriter::fault(const Row& row, const Error& error) {
  json_.clear();
  report_fault(options_.json, json_, console_, row, error);
}

}  // namespace plimsoll::cli
