// The values of flags: the first byte says which.
#include "arguments/values.h"

#include <limits>

#include <plimsoll/bytes.h>

#include "target.h"

namespace plimsoll::fuzz {
namespace {

void check_size(std::string_view text) {
  const auto size = parse_bytes(text);
  if (size) require(parse_bytes(format_exact(*size)) == *size, "an exact size reads back");
}

void check_budgets(std::string_view text) {
  const auto budgets = cli::read_max_memory(text, "--max-memory");
  if (good(budgets)) require(!budgets->empty() && budgets->size() <= text.size() + 1, "budgets stand in the text");
}

void check_shapes(std::string_view text) {
  const auto shapes = cli::read_shapes(text, "--shapes");
  if (!good(shapes)) return;
  for (const auto& shape : *shapes) require(shape.texts > 0 && shape.tokens > 0, "shapes are positive");
}

void check_count(std::string_view text) {
  const auto count = cli::read_count(text, -5, std::numeric_limits<std::int64_t>::max(), "--count");
  if (good(count)) require(*count >= -5, "a count lies within its bounds");
}

template <typename T>
void check_result(const T& result) {
  good(result);
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  std::string_view text = fuzz::text_of(data, size);
  const std::string where = "--flag";
  switch (fuzz::take_choice(text) % 13) {
    case 0: fuzz::check_size(text); break;
    case 1: fuzz::check_budgets(text); break;
    case 2: fuzz::check_shapes(text); break;
    case 3: fuzz::check_count(text); break;
    case 4: fuzz::check_result(cli::read_switch(text, where)); break;
    case 5: fuzz::check_result(cli::check_device(text, where)); break;
    case 6: fuzz::check_result(cli::check_task(text, where)); break;
    case 7: fuzz::check_result(cli::check_quantize(text, where)); break;
    case 8: fuzz::check_result(cli::read_dtype(text, where)); break;
    case 9: fuzz::check_result(cli::read_map(text, where)); break;
    case 10: fuzz::check_result(cli::read_rungs(text, where)); break;
    case 11: fuzz::check_result(cli::read_allowed(text, where)); break;
    default: fuzz::check_result(cli::read_max_memory(text, std::string(text))); break;
  }
  return 0;
}
