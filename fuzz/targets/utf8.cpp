// Any bytes: the readers of UTF-8 agree with each other.
#include "text/utf8.h"

#include <plimsoll/tokenizer.h>

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  const std::string_view text = fuzz::text_of(data, size);
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = cli::utf8_sequence(text.substr(at));
    if (length == 0) break;
    at += length;
  }
  fuzz::require((at == text.size()) == is_utf8(text), "the command and the tokenizer agree on UTF-8");
  std::pmr::string replaced;
  utf8_replace(text, replaced);
  fuzz::require(is_utf8(replaced), "what was replaced is UTF-8");
  fuzz::require(!is_utf8(text) || std::string_view(replaced) == text, "UTF-8 stays as it is");
  fuzz::require(is_utf8(printable(text)), "what may be printed is UTF-8");
  if (is_utf8(text)) {
    const std::string_view start = cli::utf8_start(text, 4 + size / 2);
    fuzz::require(is_utf8(start) && start.size() <= 4 + size / 2, "a text is not cut within a character");
    const std::string_view line = cli::clipped(text, size / 2);
    fuzz::require(is_utf8(line) && cli::display_width(line) <= size / 2, "a clipped text fits");
  }
  fuzz::check(Error{ErrorCode::usage, "x" + std::string(text), std::string(text), std::string(text)});
  return 0;
}
