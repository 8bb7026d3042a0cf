// The readers of the kernel's small texts: a table, a key in its first line, and lists.
#include "probe/fields.h"

#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  const std::string_view text = fuzz::text_of(data, size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const std::string_view key = text.substr(0, line);
  const std::string_view table = text.substr(line);
  const auto inside = [&](std::string_view view) {
    return view.empty() || (view.data() >= text.data() && view.data() + view.size() <= text.data() + text.size());
  };
  const std::string_view trimmed = probe::trimmed(text);
  fuzz::require(inside(trimmed) && probe::trimmed(trimmed) == trimmed, "trimming is done once");
  const auto field = probe::find_field(table, key);
  fuzz::require(!field || inside(*field), "a field lies in the table");
  const auto number = probe::find_number(table, key);
  fuzz::require(!number || (field && probe::find_bytes(table, key).count == *number), "a number is a field");
  std::size_t length = 0;
  const auto pieces = probe::split(text, ',');
  for (const std::string_view piece : pieces) length += piece.size();
  fuzz::require(length + pieces.size() == text.size() + (text.empty() ? 0 : 1), "pieces and separators make the text");
  const auto cpus = probe::parse_cpu_list(text);
  fuzz::require(cpus.size() <= 2 * 65536, "no more processors than there can be");
  for (const int cpu : cpus) fuzz::require(cpu >= 0 && cpu < 65536, "a processor has a number");
  return 0;
}
