#include "jsonl_hint.h"

#include <fmt/format.h>

namespace plimsoll::cli {

void hint_at_jsonl(Context& context, const Row& row) {
  const Options& options = context.options;
  const bool plain = options.texts.empty() && !options.jsonl && !options.input.ends_with(".jsonl");
  if (row.index != 0 || row.fault || !plain) return;
  const std::string_view text = row.input.text;
  const std::size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos || text[start] != '{' || text.find("\"text\"") == std::string_view::npos) return;
  const bool from_stdin = options.input.empty() || options.input == "-";
  context.console.note(fmt::format("{} looks like JSON Lines, and every line of it is read as a text: add --jsonl",
                                   from_stdin ? "standard input" : printable(options.input)));
}

}  // namespace plimsoll::cli
