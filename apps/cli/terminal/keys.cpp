#include "terminal/keys.h"

#include <array>
#include <string_view>

namespace plimsoll::cli {
namespace {

struct Sequence {
  std::string_view text;
  int key;
};

// As xterm, the Linux console, rxvt and tmux send them.
constexpr std::array<Sequence, 31> kSequences = {
    {{"[A", key_up},    {"OA", key_up},    {"[B", key_down},  {"OB", key_down},  {"[5~", key_page_up}, {"[6~", key_page_down},
     {"[H", key_home},  {"OH", key_home},  {"[1~", key_home}, {"[7~", key_home}, {"[F", key_end},      {"OF", key_end},
     {"[4~", key_end},  {"[8~", key_end},  {"OP", key_f1},    {"[11~", key_f1},  {"[[A", key_f1},      {"OR", key_f3},
     {"[13~", key_f3},  {"[[C", key_f3},   {"OS", key_f4},    {"[14~", key_f4},  {"[[D", key_f4},      {"[17~", key_f6},
     {"[20~", key_f9},  {"[21~", key_f10}, {"[C", key_other}, {"OC", key_other}, {"[D", key_other},    {"OD", key_other},
     {"[3~", key_other}}};
constexpr std::size_t kLongest = 8;

}  // namespace

std::optional<int> take_key(std::string& sent, bool all) {
  if (sent.empty()) return std::nullopt;
  if (sent[0] != '\x1b') {
    const int key = static_cast<unsigned char>(sent[0]);
    sent.erase(0, 1);
    return key;
  }
  const std::string_view rest = std::string_view(sent).substr(1);
  for (const Sequence& known : kSequences) {
    if (!rest.starts_with(known.text)) continue;
    sent.erase(0, 1 + known.text.size());
    return known.key;
  }
  const bool sequence = rest.starts_with('[') || rest.starts_with('O');
  if (rest.empty() ||
      (sequence && rest.size() < kLongest && rest.find_first_of("~ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1) == std::string_view::npos)) {
    if (!all) return std::nullopt;
    sent.clear();
    return rest.empty() ? key_escape : key_other;
  }
  // One that nobody here knows goes as a whole.
  const std::size_t end = sequence ? rest.find_first_of("~ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1) : std::string_view::npos;
  sent.erase(0, end == std::string_view::npos ? 1 : end + 2);
  return sequence ? key_other : key_escape;
}

}  // namespace plimsoll::cli
