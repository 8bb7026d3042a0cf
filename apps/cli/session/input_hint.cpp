#include "session/input_hint.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace plimsoll::cli {
namespace {

struct Mark {
  std::string_view bytes;
  std::string_view form;
  std::string_view advice;
};

constexpr std::array<Mark, 6> kMarks = {{{"\x1f\x8b", "gzip", "unpack it first, such as by zcat"},
                                         {"PK\x03\x04", "zip", "unpack it first, such as by unzip -p"},
                                         {"\x28\xb5\x2f\xfd", "zstd", "unpack it first, such as by zstdcat"},
                                         {"BZh", "bzip2", "unpack it first, such as by bzcat"},
                                         {"\xff\xfe", "UTF-16", "convert it first, such as by iconv -f UTF-16 -t UTF-8"},
                                         {"\xfe\xff", "UTF-16", "convert it first, such as by iconv -f UTF-16 -t UTF-8"}}};

bool looks_like_json_lines(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t");
  return start != std::string_view::npos && text[start] == '{' && text.find("\"text\"") != std::string_view::npos;
}

}  // namespace

void hint_at_form(Context& context, const RowSource& rows, const Row& row) {
  const Options& options = context.options;
  if (row.index != 0 || !options.texts.empty()) return;
  const bool from_stdin = options.input.empty() || options.input == "-";
  const std::string name = from_stdin ? "standard input" : printable(options.input);
  const auto* const mark = std::ranges::find_if(kMarks, [&](const Mark& each) { return rows.beginning().starts_with(each.bytes); });
  if (mark != kMarks.end()) {
    context.console.note(fmt::format("warning: {} begins like {}, and is read as UTF-8: {}", name, mark->form, mark->advice));
  } else if (!row.fault && !reads_json_lines(options) && looks_like_json_lines(row.input.text)) {
    context.console.note(fmt::format("{} looks like JSON Lines, and every line of it is read as a text: add --jsonl", name));
  }
}

}  // namespace plimsoll::cli
